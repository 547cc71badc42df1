// Lists of any length, read page by page.
#pragma once

#include <functional>

#include "jobstatus/client.h"

namespace jobstatus::cli {

// The service gives no larger ones.
inline constexpr int kLargestPage = 1'000;

// Asks for one page after another, from the first on, and calls `take` with each; it returns whether it wants more.
// Smaller pages than asked for are read where the messages would get too long.
Result<void> EachPage(const Client& client, ListStatusesRequest request,
                      const std::function<bool(ListStatusesResponse& page)>& take);

}  // namespace jobstatus::cli
