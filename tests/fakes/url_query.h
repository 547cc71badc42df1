#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fakes {

// "%C3%B6" becomes "ö"; what is no escape stays. `plus_is_blank` for query strings.
std::string PercentDecode(std::string_view text, bool plus_is_blank = false);

// The first value of `name` in "a=1&b=2", decoded; nullopt when it is not there.
std::optional<std::string> QueryValue(std::string_view query, std::string_view name);

}  // namespace fakes
