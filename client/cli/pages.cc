#include "cli/pages.h"

#include <utility>

namespace jobstatus::cli {
namespace {

// gRPC's own error, which has no reason of the service: a thousand jobs that failed with long tracebacks, say.
bool IsTooLong(const Error& error) {
  return error.code == Code::kResourceExhausted && error.reason.empty();
}

}  // namespace

Result<void> EachPage(const Client& client, ListStatusesRequest request,
                      const std::function<bool(ListStatusesResponse& page)>& take) {
  for (;;) {
    Result<ListStatusesResponse> page = client.ListStatuses(request);
    if (page) {
      request.set_page_token(page->next_page_token());
      if (!take(*page) || request.page_token().empty()) return {};
    } else if (IsTooLong(page.error()) && request.page_size() > 1) {
      request.set_page_size(request.page_size() / 2);
    } else {
      return std::unexpected(std::move(page.error()));
    }
  }
}

}  // namespace jobstatus::cli
