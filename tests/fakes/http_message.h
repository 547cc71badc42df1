#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fakes {

struct Request {
  std::string method;
  std::string target;                          // as on the request line, query included
  std::map<std::string, std::string> headers;  // names in lower case; of repeated ones the last
  std::string body;
  int connection = 0;       // which TCP connection of this server it came on, from 1
  bool is_upgrade = false;  // to a WebSocket

  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
  std::string_view query() const {
    const size_t mark = target.find('?');
    return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
  }
};

// How the bytes of an answer leave.
struct Delivery {
  enum class Kind {
    kWhole,
    kHang,  // nothing is ever sent; the connection stays open
    kDrip,  // head at once, then `step_bytes` of the body every `interval`
    kCloseBeforeAnswer,
    kCloseMidBody,  // head and half of the body, then the connection closes
    kStream,        // head, then `stream_bytes` blanks in place of a body
    kWebSocket,     // no answer: the request is an upgrade, which is granted
  };
  Kind kind = Kind::kWhole;
  size_t step_bytes = 1;
  std::chrono::milliseconds interval{0};
  uint64_t stream_bytes = 0;
};

struct Answer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // without Content-Length, Date and Connection
  std::string body;
  bool chunked = false;  // "Transfer-Encoding: chunked" instead of Content-Length
  bool close = false;    // "Connection: close", and does
  Delivery delivery;
};

}  // namespace fakes
