#include <algorithm>

#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/show.h"

namespace jobstatus::cli {

ExitCode List(const Client& client, const CommandLine& line) {
  constexpr int kLargestPage = 1'000;
  ListStatusesRequest request;
  request.set_backend(line.backend);
  for (const JobState state : line.states) request.add_states(state);
  for (int left = line.limit; left > 0;) {
    request.set_page_size(std::min(left, kLargestPage));
    const Result<ListStatusesResponse> page = client.ListStatuses(request);
    if (!page) return Complain(page.error(), line);
    for (const JobStatus& status : page->statuses()) {
      if (left-- > 0) Show(status, line);
    }
    if (page->next_page_token().empty()) break;
    request.set_page_token(page->next_page_token());
  }
  return ExitCode::kOk;
}

}  // namespace jobstatus::cli
