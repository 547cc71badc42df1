#include "comfy/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>
#include <functional>
#include <optional>

#include "comfy/curl_loop.h"

namespace comfy {

namespace asio = boost::asio;
using jobs::BackendError;

struct HttpClient::Transfer {
  Transfer(asio::io_context& io, CurlLoop& curl_loop)
      : loop(curl_loop), ended(io, asio::steady_timer::time_point::max()) {}

  CurlLoop& loop;
  CURL* easy = curl_easy_init();
  curl_slist* headers = nullptr;
  char error_text[CURL_ERROR_SIZE] = {};
  std::function<void(CURLcode)> done;
  asio::steady_timer ended;  // never expires; cancelled to wake the coroutine that waits for the end
  std::optional<CURLcode> result;
  Body* body = nullptr;
  bool under_way = false;
  bool too_big = false;
  bool closed = false;
  jobs::Duration round_trip{0};  // of the network, as the last connection's handshake took
};

namespace {

std::string HumanBytes(std::size_t bytes) {
  if (bytes < 1024 * 1024) return std::to_string(bytes) + " bytes";
  return std::to_string(bytes / (1024 * 1024)) + " MiB";
}

BackendError ErrorOf(CURLcode code, const char* text) {
  using Kind = BackendError::Kind;
  BackendError error;
  error.detail = *text != '\0' ? text : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      error.kind = Kind::kTimeout;
      break;
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9: bytes that are no HTTP at all
      error.kind = Kind::kBadResponse;
      break;
    default:
      error.kind = Kind::kUnreachable;
  }
  return error;
}

// Of the body, as the answer's head says; 0 when it does not. A compressed one will be longer.
std::size_t AnnouncedBytes(CURL* easy) {
  curl_off_t bytes = 0;
  curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &bytes);
  return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

jobs::Duration Info(CURL* easy, CURLINFO what) {
  curl_off_t micros = 0;
  curl_easy_getinfo(easy, what, &micros);
  return jobs::Duration(micros);
}

}  // namespace

HttpClient::HttpClient(asio::io_context& io, CurlLoop& loop, HttpOptions options)
    : options_(std::move(options)), transfer_(std::make_unique<Transfer>(io, loop)) {
  Transfer& t = *transfer_;
  CURL* const easy = t.easy;
  const auto millis = [](jobs::Duration d) { return static_cast<long>(d / std::chrono::milliseconds(1)); };
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t.error_text);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 128L * 1024);  // by the usual 16 kB, 10 MB took a quarter longer
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "comfyui-job-status");
  // gzip alone: ComfyUI picks deflate where both are offered (compress_body in server.py looks for substrings).
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, millis(options_.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, millis(options_.answer_timeout));
  if (!options_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
  if (!options_.bearer_token.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, options_.bearer_token.c_str());
  } else if (!options_.address.user().empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERNAME, options_.address.user().c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, options_.address.password().c_str());
  }
  for (const std::string& header : options_.headers) t.headers = curl_slist_append(t.headers, header.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t.headers);

  t.done = [&t](CURLcode code) {
    t.result = code;
    t.under_way = false;
    t.ended.cancel();
  };
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(
      easy, CURLOPT_WRITEFUNCTION, +[](char* data, std::size_t, std::size_t size, void* self) -> std::size_t {
        auto& client = *static_cast<HttpClient*>(self);
        Body& body = *client.transfer_->body;
        const std::size_t max_bytes = client.options_.max_body_bytes;
        if (body.size() == 0) body.Expect(std::min(AnnouncedBytes(client.transfer_->easy), max_bytes));
        if (body.Append({data, size}, max_bytes)) return size;
        client.transfer_->too_big = true;
        return 0;  // ends the transfer
      });
}

HttpClient::~HttpClient() {
  Close();
  curl_easy_cleanup(transfer_->easy);
  curl_slist_free_all(transfer_->headers);
}

void HttpClient::Close() {
  Transfer& t = *transfer_;
  t.closed = true;
  if (!t.under_way) return;
  t.loop.Remove(t.easy);
  t.done(CURLE_ABORTED_BY_CALLBACK);
}

asio::awaitable<std::expected<HttpAnswer, BackendError>> HttpClient::Get(std::string path_and_query, Body& body) {
  Transfer& t = *transfer_;
  assert(!t.under_way);
  const BackendError closed{.kind = BackendError::Kind::kUnreachable, .detail = "the service is stopping"};
  if (t.closed) co_return std::unexpected(closed);
  body.Clear();
  t.body = &body;
  t.too_big = false;
  t.error_text[0] = '\0';
  t.result.reset();
  const std::string url = options_.address.Resolve(path_and_query);
  curl_easy_setopt(t.easy, CURLOPT_URL, url.c_str());
  t.under_way = true;
  t.loop.Add(t.easy, t.done);
  while (!t.result) {
    boost::system::error_code woken;
    co_await t.ended.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }

  if (t.closed) co_return std::unexpected(closed);
  if (t.too_big) {
    co_return std::unexpected(
        BackendError{.kind = BackendError::Kind::kBadResponse,
                     .detail = "the answer is longer than the limit of " + HumanBytes(options_.max_body_bytes)});
  }
  if (*t.result != CURLE_OK) co_return std::unexpected(ErrorOf(*t.result, t.error_text));

  HttpAnswer answer;
  long status = 0;
  long connects = 0;
  curl_easy_getinfo(t.easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(t.easy, CURLINFO_NUM_CONNECTS, &connects);
  answer.status = static_cast<int>(status);
  answer.new_connection = connects > 0;
  if (answer.new_connection)
    t.round_trip = Info(t.easy, CURLINFO_CONNECT_TIME_T) - Info(t.easy, CURLINFO_NAMELOOKUP_TIME_T);
  answer.to_first_byte = Info(t.easy, CURLINFO_STARTTRANSFER_TIME_T) - Info(t.easy, CURLINFO_PRETRANSFER_TIME_T);
  answer.server_time = std::max(jobs::Duration(0), answer.to_first_byte - t.round_trip);
  answer.whole = Info(t.easy, CURLINFO_TOTAL_TIME_T);
  curl_off_t bytes = 0;
  curl_easy_getinfo(t.easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
  answer.wire_bytes = static_cast<std::size_t>(bytes);
  co_return answer;
}

}  // namespace comfy
