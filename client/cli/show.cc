#include "cli/show.h"

#include "cli/connect.h"
#include "cli/live_view.h"
#include "cli/plain_view.h"
#include "cli/terminal.h"

namespace jobstatus::cli {

void Show(const JobStatus& status, const CommandLine& line) {
  if (!UseTerminal(line)) {
    Print(PlainText(status, line.json ? PlainFormat::kJson : PlainFormat::kLines));
    return;
  }
  for (const std::string& text : LastingLines(status, {.color = line.color, .unicode = IsUtf8Locale()}))
    Print(text + "\n");
}

}  // namespace jobstatus::cli
