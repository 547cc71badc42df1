#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fakes/python_json.h"

namespace fakes {

// repr(float): shortest digits, exponent from 1e16 and below 1e-4; "nan" and "inf" as json.dumps spells them.
std::string FloatRepr(double value);

// float("…"): blanks around, "nan", "inf", "infinity" in any case; nullopt for ValueError.
std::optional<double> FloatOf(std::string_view text);

// float(value) of a JSON value; nullopt for ValueError, TypeError and OverflowError.
std::optional<double> FloatOf(const Json& value);

// int("…") as far as it fits; nullopt for ValueError.
std::optional<int64_t> IntOf(std::string_view text);

// str(value): what a prompt_id of another type becomes (0.3.45 to 0.24).
std::string StrOf(const Json& value);

}  // namespace fakes
