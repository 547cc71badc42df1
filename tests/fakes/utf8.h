#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fakes {

// UTF-8 in which a lone surrogate, as Python's str may hold one, has its three-byte form.

void AppendCodePoint(std::string* out, uint32_t code_point);

// The code point at *position, moving past it; nullopt for bad bytes.
std::optional<uint32_t> NextCodePoint(std::string_view text, size_t* position);

// UTF-8 proper: no surrogates.
bool IsStrictUtf8(std::string_view text);

}  // namespace fakes
