#include "fakes/python_json.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "fakes/python_number.h"
#include "fakes/utf8.h"

namespace fakes {
namespace {

void AppendUnicodeEscape(std::string* out, uint32_t unit) {
  std::array<char, 8> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "\\u%04x", unit & 0xFFFF);
  *out += buffer.data();
}

void Append(std::string* out, const Json& value) {
  switch (value.kind) {
    case Json::Kind::kNull:
      *out += "null";
      return;
    case Json::Kind::kBool:
      *out += value.boolean ? "true" : "false";
      return;
    case Json::Kind::kInt:
    case Json::Kind::kFloat:
      *out += value.text;
      return;
    case Json::Kind::kString:
      *out += Quoted(value.text);
      return;
    case Json::Kind::kArray: {
      std::string_view separator = "[";
      for (const Json& item : value.items) {
        *out += std::exchange(separator, ", ");
        Append(out, item);
      }
      *out += value.items.empty() ? "[]" : "]";
      return;
    }
    case Json::Kind::kObject: {
      std::string_view separator = "{";
      for (const auto& [key, item] : value.members) {
        *out += std::exchange(separator, ", ");
        *out += Quoted(key) + ": ";
        Append(out, item);
      }
      *out += value.members.empty() ? "{}" : "}";
      return;
    }
  }
}

}  // namespace

Json Json::Bool(bool value) {
  Json json;
  json.kind = Kind::kBool;
  json.boolean = value;
  return json;
}

Json Json::Int(int64_t value) {
  Json json;
  json.kind = Kind::kInt;
  json.text = std::to_string(value);
  return json;
}

Json Json::Float(double value) {
  Json json;
  json.kind = Kind::kFloat;
  json.text = FloatRepr(value);
  return json;
}

Json Json::String(std::string value) {
  Json json;
  json.kind = Kind::kString;
  json.text = std::move(value);
  return json;
}

Json Json::Array(std::vector<Json> values) {
  Json json;
  json.kind = Kind::kArray;
  json.items = std::move(values);
  return json;
}

Json Json::Object(std::vector<std::pair<std::string, Json>> values) {
  Json json;
  json.kind = Kind::kObject;
  json.members = std::move(values);
  return json;
}

const Json* Json::Find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(), [key](const auto& m) { return m.first == key; });
  return found == members.end() ? nullptr : &found->second;
}

void Json::Set(std::string_view key, Json value) {
  const auto found = std::find_if(members.begin(), members.end(), [key](const auto& m) { return m.first == key; });
  if (found == members.end()) {
    members.emplace_back(std::string(key), std::move(value));
  } else {
    found->second = std::move(value);
  }
}

void Json::Erase(std::string_view key) {
  std::erase_if(members, [key](const auto& m) { return m.first == key; });
}

std::string ToText(const Json& value) {
  std::string out;
  Append(&out, value);
  return out;
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    const size_t short_escape = std::string_view("\"\\\b\f\n\r\t").find(text[i]);
    if (short_escape != std::string_view::npos) {
      out += '\\';
      out += "\"\\bfnrt"[short_escape];
      ++i;
      continue;
    }
    const uint32_t c = NextCodePoint(text, &i).value();
    if (c >= 0x20 && c < 0x7F) {
      out += static_cast<char>(c);
    } else if (c < 0x10000) {
      AppendUnicodeEscape(&out, c);
    } else {
      AppendUnicodeEscape(&out, 0xD800 + ((c - 0x10000) >> 10));
      AppendUnicodeEscape(&out, 0xDC00 + ((c - 0x10000) & 0x3FF));
    }
  }
  return out + '"';
}

}  // namespace fakes
