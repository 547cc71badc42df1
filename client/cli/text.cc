#include "cli/text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace jobstatus::cli {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t size = 1;  // bytes
  bool valid = false;
};

CodePoint Decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return {};
  char32_t value = first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = (value << 6) | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {value, size, true};
}

struct Range {
  char32_t first;
  char32_t last;
};

template <std::size_t N>
bool In(const std::array<Range, N>& ranges, char32_t value) {
  return std::ranges::any_of(ranges, [&](Range range) { return value >= range.first && value <= range.last; });
}

// C0, delete and C1; invisible and direction-changing ones; line separators; what is not a character.
constexpr std::array<Range, 11> kUnsafe = {{{0x00, 0x1f},
                                            {0x7f, 0x9f},
                                            {0xad, 0xad},
                                            {0x61c, 0x61c},
                                            {0x180e, 0x180e},
                                            {0x200b, 0x200f},
                                            {0x2028, 0x202e},
                                            {0x2060, 0x206f},
                                            {0xfeff, 0xfeff},
                                            {0xfff9, 0xfffb},
                                            {0xe0000, 0xe007f}}};
constexpr std::array<Range, 7> kCombining = {{{0x300, 0x36f},
                                              {0x483, 0x489},
                                              {0x591, 0x5bd},
                                              {0x1ab0, 0x1aff},
                                              {0x1dc0, 0x1dff},
                                              {0x20d0, 0x20ff},
                                              {0xfe00, 0xfe2f}}};
constexpr std::array<Range, 10> kWide = {{{0x1100, 0x115f},
                                          {0x2e80, 0x303e},
                                          {0x3041, 0xa4cf},
                                          {0xa960, 0xa97f},
                                          {0xac00, 0xd7a3},
                                          {0xf900, 0xfaff},
                                          {0xfe30, 0xfe6f},
                                          {0xff00, 0xff60},
                                          {0x1f300, 0x1faff},
                                          {0x20000, 0x3fffd}}};

std::size_t WidthOf(char32_t value) {
  if (In(kCombining, value)) return 0;
  return In(kWide, value) ? 2 : 1;
}

void AppendEscaped(char32_t value, bool byte, std::string& out) {
  std::array<char, 16> buffer;
  std::snprintf(buffer.data(), buffer.size(), byte ? "\\x%02x" : "\\u{%x}", static_cast<unsigned>(value));
  out += buffer.data();
}

// The longest end of the text that fits the width.
std::string_view ClipFront(std::string_view text, std::size_t width) {
  std::size_t left = DisplayWidth(text);
  while (left > width) {
    const CodePoint point = Decode(text);
    left -= WidthOf(point.value);
    text.remove_prefix(point.size);
  }
  return text;
}

}  // namespace

std::string Escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    if (!point.valid) {
      AppendEscaped(static_cast<unsigned char>(text[0]), true, out);
    } else if (In(kUnsafe, point.value)) {
      AppendEscaped(point.value, point.value < 0x80, out);
    } else {
      out += text.substr(0, point.size);
    }
    text.remove_prefix(point.size);
  }
  return out;
}

std::string EscapeField(std::string_view text) {
  if (text.empty()) return "-";
  std::string out;
  for (const char c : Escape(text)) {
    if (c == ' ') {
      out += "\\x20";
    } else {
      out += c;
    }
  }
  return out;
}

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    if (!point.valid) return false;
    text.remove_prefix(point.size);
  }
  return true;
}

std::size_t DisplayWidth(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    width += WidthOf(point.value);
    text.remove_prefix(point.size);
  }
  return width;
}

std::string Clip(std::string_view text, std::size_t width) {
  std::size_t used = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    const CodePoint point = Decode(text.substr(end));
    used += WidthOf(point.value);
    if (used > width) break;
    end += point.size;
  }
  return std::string(text.substr(0, end));
}

std::string Shorten(std::string_view text, std::size_t width, bool unicode) {
  if (DisplayWidth(text) <= width) return std::string(text);
  const std::string_view ellipsis = unicode ? "…" : "..";
  const std::size_t room = width - std::min(width, DisplayWidth(ellipsis));
  if (room == 0) return Clip(text, width);
  const std::size_t back = room / 3;
  return Clip(text, room - back) + std::string(ellipsis) + std::string(ClipFront(text, back));
}

std::string Pad(std::string text, std::size_t width) {
  const std::size_t used = DisplayWidth(text);
  if (used < width) text.append(width - used, ' ');
  return text;
}

}  // namespace jobstatus::cli
