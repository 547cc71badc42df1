#include "fakes/aiohttp_answers.h"

#include <zlib.h>

#include <stdexcept>
#include <utility>

namespace fakes {
namespace {

void Sign(const ComfyVersion& version, Answer* answer) {
  answer->headers.emplace_back("Server", version.server);
}

void AddPolicy(const ComfyVersion& version, Answer* answer) {
  if (!version.security_policy.empty()) {
    answer->headers.emplace_back("Content-Security-Policy", version.security_policy);
  }
}

Answer Text(const ComfyVersion& version, int status, std::string body) {
  Answer answer;
  answer.status = status;
  answer.headers = {{"Content-Type", "text/plain; charset=utf-8"}};
  answer.body = std::move(body);
  Sign(version, &answer);
  return answer;
}

std::string Deflated(std::string_view body, int window_bits) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2");
  }
  std::string out(deflateBound(&stream, static_cast<uLong>(body.size())) + 32, '\0');
  std::string in(body);  // zlib wants it mutable
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) throw std::runtime_error("deflate");
  return out;
}

}  // namespace

Answer JsonAnswer(const ComfyVersion& version, std::string body, int status) {
  Answer answer;
  answer.status = status;
  answer.headers = {{"Content-Type", "application/json; charset=utf-8"}};
  AddPolicy(version, &answer);
  answer.body = std::move(body);
  Sign(version, &answer);
  return answer;
}

Answer EmptyAnswer(const ComfyVersion& version) {
  Answer answer;
  AddPolicy(version, &answer);
  if (!version.aiohttp_311) answer.headers.emplace_back("Content-Type", "application/octet-stream");
  Sign(version, &answer);
  return answer;
}

Answer OptionsAnswer(const ComfyVersion& version) {
  Answer answer = EmptyAnswer(version);
  std::erase_if(answer.headers, [](const auto& header) { return header.first == "Content-Security-Policy"; });
  return answer;
}

Answer NotFound(const ComfyVersion& version) {
  if (!version.aiohttp_311) return Text(version, 404, "404: Not Found");
  Answer answer;
  answer.status = 404;
  AddPolicy(version, &answer);
  answer.chunked = true;
  answer.headers.emplace_back("Content-Type", "application/octet-stream");
  Sign(version, &answer);
  return answer;
}

Answer MethodNotAllowed(const ComfyVersion& version, std::string_view allow) {
  Answer answer = Text(version, 405, "405: Method Not Allowed");
  answer.headers.insert(answer.headers.begin() + 1, {"Allow", std::string(allow)});
  return answer;
}

Answer InternalServerError(const ComfyVersion& version) {
  Answer answer = Text(version, 500, "500 Internal Server Error\n\nServer got itself in trouble");
  answer.close = true;
  return answer;
}

Answer BadRequest(const ComfyVersion& version, std::string reason) {
  return Text(version, 400, std::move(reason));
}

Answer WebSocketAnswer(const ComfyVersion& version) {
  Answer answer;
  answer.status = 101;
  answer.delivery.kind = Delivery::Kind::kWebSocket;
  if (!version.aiohttp_311) answer.headers.emplace_back("Content-Type", "application/octet-stream");
  Sign(version, &answer);
  return answer;
}

Answer LineTooLong(const ComfyVersion& version, std::string_view target) {
  if (version.aiohttp_311) {
    return BadRequest(version, "Got more than 8190 bytes (" + std::to_string(target.size()) +
                                   ") when reading Status line is too long.");
  }
  return BadRequest(
      version, "Got more than 8190 bytes when reading: bytearray(b'" + std::string(target.substr(0, 100)) + "...').");
}

void Compress(Answer* answer, std::string_view accept_encoding) {
  if (accept_encoding.find("gzip") == std::string_view::npos || answer->body.empty() || answer->status != 200) return;
  constexpr int kZlibFormat = 15;
  constexpr int kGzipFormat = 16 + 15;
  const bool deflate = accept_encoding.find("deflate") != std::string_view::npos;
  answer->body = Deflated(answer->body, deflate ? kZlibFormat : kGzipFormat);
  answer->headers.emplace_back("Content-Encoding", deflate ? "deflate" : "gzip");
}

}  // namespace fakes
