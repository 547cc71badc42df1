#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "jobs/queue.h"
#include "jobs/time.h"

// Reading single values of what Python's json module wrote: bare NaN and Infinity, integers of any length, lone
// surrogates. simdjson's DOM refuses a whole document for each of these; On-Demand walks past them, and these functions
// take what can be taken. Each leaves the value's parent iterable whatever it finds. simdjson is included by comfy/'s
// parsers alone.
namespace comfy {

namespace json = simdjson::ondemand;

// Nothing when the value is not a string or has a lone surrogate: not text that could be sent back.
std::optional<std::string> ExactString(json::value& value);

// Likewise, with U+FFFD for lone surrogates; empty when the value is not a string.
std::string TextOrEmpty(json::value& value);

// NaN when the value is not a number; counted when it is written as an integer and not negative.
jobs::QueueNumber Number(json::value& value);

// From milliseconds since 1970; nothing when the value is not a number or no time of the years 1970 to 9999.
std::optional<jobs::Time> TimeFromMillis(json::value& value);

// Nothing when the value is not an integer that fits.
std::optional<std::int64_t> Integer(json::value& value);

bool IsObject(json::value& value);
bool IsArray(json::value& value);
bool IsNull(json::value& value);

// Moves past an object or array that nothing has been read of. simdjson does it, too, but takes twice the time.
void SkipUnread(json::value& value);

// Calls `read(key, value)` for each field of an object; does nothing when the value is none. `read` returns an
// error_code, and what it does not read is skipped. A key with a lone surrogate is given as "".
template <class Read>
simdjson::error_code EachField(json::object& object, Read&& read) {
  for (auto next : object) {
    if (next.error()) return next.error();
    json::field&& field = std::move(next).value_unsafe();  // where it is: each copy of one waits for its own parts
    std::string_view key;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) key = {};
    json::value& value = field.value();
    if (const simdjson::error_code error = read(key, value)) return error;
    SkipUnread(value);
  }
  return simdjson::SUCCESS;
}

template <class Read>
simdjson::error_code EachField(json::value& value, Read&& read) {
  if (!IsObject(value)) return simdjson::SUCCESS;
  json::object object;
  if (const auto error = value.get_object().get(object)) return error;
  return EachField(object, read);
}

// Calls `read(index, value)` for each element of an array; does nothing when the value is none.
template <class Read>
simdjson::error_code EachElement(json::value& value, Read&& read) {
  if (!IsArray(value)) return simdjson::SUCCESS;
  json::array array;
  if (const auto error = value.get_array().get(array)) return error;
  std::size_t index = 0;
  for (auto next : array) {
    if (next.error()) return next.error();
    json::value&& element = std::move(next).value_unsafe();
    if (const simdjson::error_code error = read(index, element)) return error;
    SkipUnread(element);
    ++index;
  }
  return simdjson::SUCCESS;
}

}  // namespace comfy
