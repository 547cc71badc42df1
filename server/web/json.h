#pragma once

#include <concepts>
#include <cstdio>
#include <string>
#include <string_view>

namespace web {

// `text` (valid UTF-8) as a JSON string that can stand in HTML, too, whatever is in it.
inline std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '<' || c == '>' || c == '&') {
      char escaped[7];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      quoted += escaped;
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + '"';
}

// An object or a list, written field by field. What is given as `json` is written as it is.
class JsonObject {
 public:
  JsonObject& Put(std::string_view name, std::string_view text) { return PutJson(name, Quoted(text)); }
  JsonObject& Put(std::string_view name, const char* text) { return Put(name, std::string_view(text)); }
  JsonObject& Put(std::string_view name, std::integral auto value) {
    if constexpr (std::same_as<decltype(value), bool>) return PutJson(name, value ? "true" : "false");
    return PutJson(name, std::to_string(value));
  }
  JsonObject& PutJson(std::string_view name, const std::string& json) {
    text_ += (text_.empty() ? "" : ",") + Quoted(name) + ":" + json;
    return *this;
  }
  std::string Json() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

class JsonList {
 public:
  void AddJson(const std::string& json) { text_ += (text_.empty() ? "" : ",") + json; }
  std::string Json() const { return "[" + text_ + "]"; }

 private:
  std::string text_;
};

}  // namespace web
