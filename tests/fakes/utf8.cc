#include "fakes/utf8.h"

#include <array>

namespace fakes {

void AppendCodePoint(std::string* out, uint32_t c) {
  const auto byte = [out](uint32_t value) { *out += static_cast<char>(static_cast<unsigned char>(value)); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | c >> 6);
    byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | c >> 12);
    byte(0x80 | (c >> 6 & 0x3F));
    byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | c >> 18);
    byte(0x80 | (c >> 12 & 0x3F));
    byte(0x80 | (c >> 6 & 0x3F));
    byte(0x80 | (c & 0x3F));
  }
}

std::optional<uint32_t> NextCodePoint(std::string_view text, size_t* position) {
  const auto at = [text](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  const uint32_t first = at(*position);
  const size_t size = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
  if (size == 0 || *position + size > text.size()) return std::nullopt;
  uint32_t c = size == 1 ? first : first & (0xFFU >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    const uint32_t next = at(*position + i);
    if (next >> 6 != 2) return std::nullopt;
    c = c << 6 | (next & 0x3F);
  }
  constexpr std::array<uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (c < kSmallest[size] || c > 0x10FFFF) return std::nullopt;
  *position += size;
  return c;
}

bool IsStrictUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto c = NextCodePoint(text, &i);
    if (!c || (*c >= 0xD800 && *c <= 0xDFFF)) return false;
  }
  return true;
}

}  // namespace fakes
