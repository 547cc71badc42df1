#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fakes {

// Where ComfyUI's Python would raise; aiohttp turns it into a 500.
struct PythonError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A JSON value as Python's json module reads and writes it: NaN and Infinity, integers of any size, lone surrogates.
struct Json {
  enum class Kind { kNull, kBool, kInt, kFloat, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  // kString: UTF-8, a lone surrogate in its three-byte form. kInt: the digits. kFloat: Python's repr().
  std::string text;
  std::vector<Json> items;
  // In the order of first insertion, as a Python dict; keys are unique.
  std::vector<std::pair<std::string, Json>> members;

  static Json Bool(bool value);
  static Json Int(int64_t value);
  static Json Float(double value);
  static Json String(std::string value);
  static Json Array(std::vector<Json> values = {});
  static Json Object(std::vector<std::pair<std::string, Json>> values = {});

  bool is_null() const { return kind == Kind::kNull; }
  bool is_string() const { return kind == Kind::kString; }
  bool is_array() const { return kind == Kind::kArray; }
  bool is_object() const { return kind == Kind::kObject; }

  // nullptr when there is no such key or this is no object.
  const Json* Find(std::string_view key) const;
  // dict[key] = value: an old key keeps its place.
  void Set(std::string_view key, Json value);
  void Erase(std::string_view key);
};

// json.loads; nullopt where it raises (bad UTF-8 included).
std::optional<Json> ParseJson(std::string_view text);

// json.dumps with its defaults: ", " and ": ", ASCII only.
std::string ToText(const Json& value);
// The same for one string, quotes included.
std::string Quoted(std::string_view text);

}  // namespace fakes
