#include "fakes/python_number.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace fakes {
namespace {

std::string_view Strip(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\r\f\v";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// repr(str), without the finer points of which characters are printable.
std::string StrRepr(std::string_view text) {
  const bool prefer_double = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = prefer_double ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\\' || c == quote) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
  return out + quote;
}

std::string Repr(const Json& value) {
  std::string out;
  switch (value.kind) {
    case Json::Kind::kString:
      return StrRepr(value.text);
    case Json::Kind::kArray:
      for (const Json& item : value.items) out += (out.empty() ? "" : ", ") + Repr(item);
      return "[" + out + "]";
    case Json::Kind::kObject:
      for (const auto& [key, item] : value.members) out += (out.empty() ? "" : ", ") + StrRepr(key) + ": " + Repr(item);
      return "{" + out + "}";
    default:
      return StrOf(value);
  }
}

}  // namespace

std::string FloatRepr(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  std::string_view printed(buffer.data(), static_cast<size_t>(end.ptr - buffer.data()));
  const std::string sign = printed.front() == '-' ? "-" : "";
  printed.remove_prefix(sign.size());
  const size_t e = printed.find('e');
  std::string digits(1, printed.front());
  if (e > 1) digits += printed.substr(2, e - 2);
  const int exponent = std::atoi(std::string(printed.substr(e + 1)).c_str());
  if (exponent < -4 || exponent >= 16) {
    const std::string fraction = digits.size() > 1 ? "." + digits.substr(1) : "";
    const std::string size = std::to_string(std::abs(exponent));
    return sign + digits[0] + fraction + "e" + (exponent < 0 ? "-" : "+") + (size.size() < 2 ? "0" : "") + size;
  }
  if (exponent < 0) return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const size_t whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::optional<double> FloatOf(std::string_view text) {
  std::string stripped(Strip(text));
  std::transform(stripped.begin(), stripped.end(), stripped.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::string_view unsigned_part =
      stripped.starts_with('-') || stripped.starts_with('+') ? std::string_view(stripped).substr(1) : stripped;
  const bool word = unsigned_part == "nan" || unsigned_part == "inf" || unsigned_part == "infinity";
  // strtod would also take hexadecimal and "nan(…)".
  if (!word && (unsigned_part.empty() || unsigned_part.find_first_not_of("0123456789.e+-") != std::string_view::npos)) {
    return std::nullopt;
  }
  char* end = nullptr;
  const double value = std::strtod(stripped.c_str(), &end);
  if (end != stripped.c_str() + stripped.size()) return std::nullopt;
  return value;
}

std::optional<double> FloatOf(const Json& value) {
  switch (value.kind) {
    case Json::Kind::kBool:
      return value.boolean ? 1.0 : 0.0;
    case Json::Kind::kInt: {
      const auto number = FloatOf(std::string_view(value.text));
      return number && std::isinf(*number) ? std::nullopt : number;
    }
    case Json::Kind::kFloat:
    case Json::Kind::kString:
      return FloatOf(std::string_view(value.text));
    default:
      return std::nullopt;
  }
}

std::optional<int64_t> IntOf(std::string_view text) {
  std::string_view stripped = Strip(text);
  if (stripped.starts_with('+')) stripped.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(stripped.data(), stripped.data() + stripped.size(), value);
  if (stripped.empty() || error != std::errc() || end != stripped.data() + stripped.size()) return std::nullopt;
  return value;
}

std::string StrOf(const Json& value) {
  switch (value.kind) {
    case Json::Kind::kNull:
      return "None";
    case Json::Kind::kBool:
      return value.boolean ? "True" : "False";
    case Json::Kind::kFloat:
      if (value.text == "NaN") return "nan";
      if (value.text == "Infinity") return "inf";
      if (value.text == "-Infinity") return "-inf";
      return value.text;
    case Json::Kind::kInt:
    case Json::Kind::kString:
      return value.text;
    default:
      return Repr(value);
  }
}

}  // namespace fakes
