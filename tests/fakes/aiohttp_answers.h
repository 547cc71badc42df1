#pragma once

#include <string>
#include <string_view>

#include "fakes/comfy_version.h"
#include "fakes/http_message.h"

namespace fakes {

// The answers of ComfyUI's aiohttp, headers in its order (recordings 01-idle, 13-clear-queue, 16-validation,
// 20-weird-ids).

Answer JsonAnswer(const ComfyVersion& version, std::string body, int status = 200);
// 200 of a POST that says nothing.
Answer EmptyAnswer(const ComfyVersion& version);
// 200 to OPTIONS, from a middleware.
Answer OptionsAnswer(const ComfyVersion& version);
Answer NotFound(const ComfyVersion& version);
// `allow` is the header: "GET,HEAD,POST".
Answer MethodNotAllowed(const ComfyVersion& version, std::string_view allow);
// An exception left the handler.
Answer InternalServerError(const ComfyVersion& version);
// 400 with a reason in plain words.
Answer BadRequest(const ComfyVersion& version, std::string reason);
// 101; the headers are the server's.
Answer WebSocketAnswer(const ComfyVersion& version);
// A request line over aiohttp's limit of 8190 bytes.
Answer LineTooLong(const ComfyVersion& version, std::string_view target);
constexpr size_t kMaxRequestLine = 8190;

// --enable-compress-response-body: only when "gzip" occurs anywhere in Accept-Encoding, and then deflate if that occurs
// too (recording 25-gzip).
void Compress(Answer* answer, std::string_view accept_encoding);

}  // namespace fakes
