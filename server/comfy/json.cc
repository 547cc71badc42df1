#include "comfy/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace comfy {
namespace {

// The text of a number or bare word. simdjson's token runs up to the next one, white space included.
std::string_view Scalar(json::value& value) {
  std::string_view token = value.raw_json_token();
  const std::size_t end = token.find_first_of(" \t\r\n,]}");
  return token.substr(0, end);
}

void AppendUtf8(std::string& text, std::uint32_t c) {
  const auto put = [&text](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  }
}

std::optional<std::uint32_t> Hex4(std::string_view text) {
  std::uint32_t unit = 0;
  if (text.size() < 4) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 4, unit, 16);
  if (error != std::errc() || end != text.data() + 4) return std::nullopt;
  return unit;
}

// One \uXXXX, or two that make a pair; `at` is behind the "\u" and is moved behind what was read.
std::uint32_t Escaped(std::string_view text, std::size_t& at) {
  constexpr std::uint32_t kReplacement = 0xfffd;
  const auto unit = Hex4(text.substr(std::min(at, text.size())));
  if (!unit) return kReplacement;
  at += 4;
  if (*unit < 0xd800 || *unit > 0xdfff) return *unit;
  if (*unit < 0xdc00 && text.substr(at).starts_with("\\u")) {
    const auto low = Hex4(text.substr(at + 2));
    if (low && *low >= 0xdc00 && *low <= 0xdfff) {
      at += 6;
      return 0x10000 + ((*unit - 0xd800) << 10) + (*low - 0xdc00);
    }
  }
  return kReplacement;
}

// Decodes a JSON string, beginning at its quote, that simdjson refused to unescape.
std::string Lenient(std::string_view token) {
  std::string text;
  for (std::size_t at = 1; at < token.size() && token[at] != '"';) {
    if (token[at] != '\\') {
      text += token[at++];
      continue;
    }
    const char kind = at + 1 < token.size() ? token[at + 1] : '"';
    at += 2;
    static constexpr std::string_view kFrom = "bfnrt";
    static constexpr std::string_view kTo = "\b\f\n\r\t";
    const std::size_t known = kFrom.find(kind);
    if (kind == 'u') {
      AppendUtf8(text, Escaped(token, at));
    } else {
      text += known == std::string_view::npos ? kind : kTo[known];
    }
  }
  return text;
}

// simdjson keeps to itself where a value is.
struct Inside : json::value {
  static json::value_iterator& Of(json::value& value) { return value.*&Inside::iter; }
};

// How much deeper a token leads.
constexpr auto kDeeper = [] {
  std::array<std::int8_t, 256> deeper{};
  deeper['['] = deeper['{'] = 1;
  deeper[']'] = deeper['}'] = -1;
  return deeper;
}();

// A bare NaN or Infinity is of no type.
bool IsOf(json::json_type wanted, json::value& value) {
  json::json_type type{};
  return value.type().get(type) == simdjson::SUCCESS && type == wanted;
}

bool IsString(json::value& value) {
  return IsOf(json::json_type::string, value);
}

}  // namespace

std::optional<std::string> ExactString(json::value& value) {
  std::string_view text;
  if (!IsString(value) || value.get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
  return std::string(text);
}

std::string TextOrEmpty(json::value& value) {
  if (!IsString(value)) return {};
  const std::string_view token = value.raw_json_token();
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
  return Lenient(token);
}

jobs::QueueNumber Number(json::value& value) {
  const std::string_view token = Scalar(value);
  double number = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), number);
  if (end != token.data() + token.size() || error == std::errc::invalid_argument) return {.value = std::nan("")};
  if (error == std::errc::result_out_of_range) {  // an integer of hundreds of digits
    return {.value = token.starts_with('-') ? -std::numeric_limits<double>::infinity()
                                            : std::numeric_limits<double>::infinity()};
  }
  constexpr double kMostExact = 9007199254740992;  // 2^53
  return {.value = number,
          .counted = token.find_first_not_of("0123456789") == std::string_view::npos && number <= kMostExact};
}

std::optional<std::int64_t> Integer(json::value& value) {
  const std::string_view token = Scalar(value);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), number);
  if (error != std::errc() || end != token.data() + token.size()) return std::nullopt;
  return number;
}

std::optional<jobs::Time> TimeFromMillis(json::value& value) {
  constexpr double kMaxMillis = 253402300799999;  // the last of the year 9999, as far as a protobuf Timestamp goes
  const double millis = Number(value).value;
  if (!(millis > 0 && millis <= kMaxMillis)) return std::nullopt;
  return jobs::Time(jobs::Duration(std::llround(millis * 1000)));
}

bool IsObject(json::value& value) {
  return IsOf(json::json_type::object, value);
}

bool IsArray(json::value& value) {
  return IsOf(json::json_type::array, value);
}

bool IsNull(json::value& value) {
  return IsOf(json::json_type::null, value);
}

// Most of an answer is workflows, and they are passed over here. There is no branch for each kind of token: what comes
// next in a workflow cannot be predicted.
void SkipUnread(json::value& value) {
  json::value_iterator& start = Inside::Of(value);
  json::json_iterator& reader = start.json_iter();
  const std::uint8_t* const next = reader.unsafe_pointer();
  const bool unread = value.raw_json_token().data() == reinterpret_cast<const char*>(next);
  if (!unread || kDeeper[*next] != 1) return;
  json::json_iterator at(reader);
  int depth = 0;
  do {
    if (at.at_end()) return;  // it is never closed: simdjson will say so
    depth += kDeeper[*at.return_current_and_advance()];
  } while (depth != 0);
  at.ascend_to(start.depth() - 1);
  reader = at;
}

}  // namespace comfy
