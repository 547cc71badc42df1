#pragma once

#include <utility>  // Boost 1.74's awaitable.hpp uses std::exchange without including it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "comfy/address.h"
#include "comfy/body.h"
#include "jobs/backend_error.h"
#include "jobs/time.h"

namespace comfy {

class CurlLoop;

struct HttpOptions {
  Address address;
  std::string bearer_token;          // empty: none; wins over user and password of the address
  std::vector<std::string> headers;  // further ones, as "Name: value"
  std::string ca_file;               // PEM; empty: the system's
  jobs::Duration connect_timeout = std::chrono::seconds(5);
  jobs::Duration answer_timeout = std::chrono::seconds(60);  // for the whole answer; ComfyUI stalls for 20 s and more
  std::size_t max_body_bytes = 512 * 1024 * 1024;            // decoded; 200 jobs with big workflows are 205 MB
};

struct HttpAnswer {
  int status = 0;
  bool new_connection = false;  // false: on a kept-alive one, so the server process is the one that answered before
  jobs::Duration server_time{
      0};  // from the request sent to the first byte of the answer, less the network's round trip
  jobs::Duration to_first_byte{0};  // the same, with it
  jobs::Duration whole{0};          // from the beginning, connecting included, to the last byte
  std::size_t wire_bytes = 0;       // of the body, before it was decompressed
};

// Asks one ComfyUI server, one request at a time, over one kept-alive connection. Follows no redirects and sends no
// Origin (ComfyUI refuses a foreign one). Lives on the loop's thread.
class HttpClient {
 public:
  HttpClient(boost::asio::io_context& io, CurlLoop& loop, HttpOptions options);
  ~HttpClient();

  // GET of `path_and_query`; the answer's bytes, decompressed, replace those in `body`. An answer with any status is an
  // answer.
  boost::asio::awaitable<std::expected<HttpAnswer, jobs::BackendError>> Get(std::string path_and_query, Body& body);

  // Ends the request under way, if there is one, with an error; and every later one at once.
  void Close();

  const HttpOptions& options() const { return options_; }

 private:
  struct Transfer;
  const HttpOptions options_;
  std::unique_ptr<Transfer> transfer_;
};

}  // namespace comfy
