#include "cli/explain.h"

#include <optional>
#include <string_view>
#include <utility>

#include "cli/text.h"

namespace jobstatus::cli {
namespace {

std::string Of(const Error& error, const char* key) {
  const auto found = error.metadata.find(key);
  return found == error.metadata.end() ? std::string() : Escape(found->second);
}

// " gpu-1", or nothing.
std::string Named(const std::string& name) {
  return name.empty() ? name : " " + name;
}

Explanation JobNotFound(const Error& error) {
  return {"no ComfyUI server has a job" + Named(Of(error, "job_id")),
          "Its id is the prompt_id that ComfyUI gave when it was submitted; ComfyUI forgets finished jobs when it "
          "restarts. If it is yet to be submitted, use watch or wait with --wait-for-job."};
}

Explanation ComfyUiAway(const Error& error, std::string_view what) {
  return {"ComfyUI" + Named(Of(error, "backend")) + " " + std::string(what) + " (" + Escape(error.message) + ")",
          "The service is up; see `jobstatus backends`, and check that ComfyUI is running."};
}

Explanation ComfyUiHttpError(const Error& error) {
  const std::string status = Of(error, "http_status");
  return ComfyUiAway(error, "answered with an error" + (status.empty() ? "" : ", HTTP " + status));
}

Explanation InvalidArgument(const Error& error, const std::string& server) {
  std::string what = "the service at " + server + " does not accept the request: " + Escape(error.message);
  for (const auto& [field, why] : error.invalid_fields) what += " [" + Escape(field) + ": " + Escape(why) + "]";
  return {what, ""};
}

// Of an error the service gave a reason for, if the reason is known here.
std::optional<Explanation> ByReason(const Error& error, const std::string& server) {
  const std::string& reason = error.reason;
  if (reason == "JOB_NOT_FOUND") return JobNotFound(error);
  if (reason == "BACKEND_NOT_FOUND")
    return Explanation{"the service knows no ComfyUI server named" + Named(Of(error, "backend")),
                       "`jobstatus backends` lists those it knows."};
  if (reason == "BACKEND_TIMEOUT") return ComfyUiAway(error, "did not answer in time");
  if (reason == "BACKEND_UNREACHABLE") return ComfyUiAway(error, "cannot be reached");
  if (reason == "BACKEND_HTTP_ERROR") return ComfyUiHttpError(error);
  if (reason == "BACKEND_BAD_RESPONSE")
    return Explanation{
        "ComfyUI" + Named(Of(error, "backend")) + " sent an answer that makes no sense (" + Escape(error.message) + ")",
        "Check that its address in the service's configuration is ComfyUI's."};
  if (reason == "INVALID_ARGUMENT") return InvalidArgument(error, server);
  if (reason == "TOO_MANY_WATCHES")
    return Explanation{"the service at " + server + " has as many watches " +
                           (Of(error, "limit") == "max_watches_per_peer" ? "of this address " : "") + "as it allows",
                       "Try again later, or watch several jobs at once."};
  if (reason == "TOO_MANY_LOOKUPS")
    return Explanation{"the service at " + server + " does not know the job" + Named(Of(error, "job_id")) +
                           ", and has looked up as many such jobs for this address as it allows",
                       "Try again in a moment; watch and wait take their turn by themselves."};
  if (reason == "SHUTTING_DOWN")
    return Explanation{"the service at " + server + " is going down", "Try again when it is back."};
  return std::nullopt;
}

}  // namespace

std::string ConnectionTrouble(const Error& error) {
  const auto has = [&](std::string_view text) { return error.message.find(text) != std::string::npos; };
  if (has("Connection refused")) return "connection refused";
  if (has("DNS resolution failed") || has("C-ares status") || has("Domain name not found")) return "no such host name";
  if (has("No such file or directory")) return "no such socket";
  if (has("CERTIFICATE_VERIFY_FAILED") || has("certificate verify failed"))
    return "its certificate is not trusted; see --ca";
  if (has("SSL_ERROR_SSL") || has("Ssl handshake failed")) return "the TLS handshake failed; does it speak TLS?";
  if (has("failed to connect") && has("Socket closed")) {
    return "it hung up at once; does it want --tls, or a certificate of an authority it trusts (--cert, --key)?";
  }
  if (has("timed out") || has("Timeout occurred") || has("FD Shutdown")) return "no answer";
  if (has("Network is unreachable") || has("No route to host")) return "no route to it";
  return Escape(error.message);
}

namespace {

Explanation WithoutRequestId(const Error& error, const std::string& server) {
  if (std::optional<Explanation> explanation = ByReason(error, server)) return *std::move(explanation);
  const std::string message = Escape(error.message);
  switch (error.code) {
    case Code::kUnavailable:
      return {"cannot reach the job status service at " + server + " (" + ConnectionTrouble(error) + ")",
              "Is it running? Start it with jobstatus-server, or name another with --server."};
    case Code::kUnauthenticated:
      return {"the service at " + server + " refuses the token, or wants one (" + message + ")",
              "Give it with --token-file, or in the environment as JOBSTATUS_TOKEN."};
    case Code::kDeadlineExceeded:
      return {"the service at " + server + " did not answer in time", "Try again, or allow more with --timeout."};
    case Code::kUnimplemented:
      return {"what answers at " + server + " is not the job status service, or is an older one (" + message + ")", ""};
    default:
      return {"the service at " + server + " gave an error: " + message +
                  (error.reason.empty() ? "" : " [" + Escape(error.reason) + "]"),
              ""};
  }
}

}  // namespace

Explanation Explain(const Error& error, const std::string& server) {
  Explanation explanation = WithoutRequestId(error, server);
  // Whoever asks for what is not there needs no log.
  const bool needs_log = error.code != Code::kNotFound && error.code != Code::kInvalidArgument;
  if (needs_log && !error.request_id.empty()) {
    if (!explanation.next.empty()) explanation.next += ' ';
    explanation.next += "The service's log has this as request " + Escape(error.request_id) + ".";
  }
  return explanation;
}

std::string ToLine(const Explanation& explanation) {
  return explanation.next.empty() ? explanation.what : explanation.what + ". " + explanation.next;
}

}  // namespace jobstatus::cli
