#include "cli/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jobstatus::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kServer[] = "gpu-box:50051";

TEST(Explain, AServiceThatIsNotThere) {
  const Error error{.code = Code::kUnavailable,
                    .message =
                        "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to "
                        "connect to remote host: Connection refused"};
  EXPECT_EQ(ToLine(Explain(error, kServer)),
            "cannot reach the job status service at gpu-box:50051 (connection refused). Is it running? Start it with "
            "jobstatus-server, or name another with --server.");
}

TEST(Explain, WhyAConnectionFailedInFewWords) {
  const auto why = [](const char* message) {
    return ConnectionTrouble({.code = Code::kUnavailable, .message = message});
  };
  EXPECT_EQ(why("DNS resolution failed for x:50051: C-ares status is not ARES_SUCCESS"), "no such host name");
  EXPECT_THAT(why("Ssl handshake failed: SSL_ERROR_SSL: error:0A000086:SSL routines::certificate verify failed"),
              HasSubstr("--ca"));
  EXPECT_THAT(why("failed to connect to all addresses; last error: UNAVAILABLE: ipv4:127.0.0.1:1: Socket closed"),
              HasSubstr("--tls"));
  EXPECT_EQ(why("Socket closed"), "Socket closed");
  EXPECT_EQ(why("something \x1b[2J new"), "something \\x1b[2J new");
}

TEST(Explain, WhereTheServicesLogHasIt) {
  Error error{.code = Code::kUnavailable, .reason = "BACKEND_TIMEOUT", .request_id = "ab\x1b[12"};
  EXPECT_THAT(Explain(error, kServer).next, HasSubstr("The service's log has this as request ab\\x1b[12."));
  error = {.code = Code::kNotFound, .reason = "JOB_NOT_FOUND", .request_id = "ab12"};
  EXPECT_THAT(Explain(error, kServer).next, Not(HasSubstr("ab12")));
}

struct ReasonCase {
  Error error;
  std::string says;
  std::string hints;
};

TEST(Explain, EachReasonWithItsOwnHint) {
  const ReasonCase cases[] = {
      {{.code = Code::kNotFound, .reason = "JOB_NOT_FOUND", .metadata = {{"job_id", "j1"}}},
       "has a job j1",
       "--wait-for-job"},
      {{.code = Code::kNotFound, .reason = "BACKEND_NOT_FOUND", .metadata = {{"backend", "x"}}}, "named x", "backends"},
      {{.code = Code::kUnavailable, .reason = "BACKEND_UNREACHABLE", .metadata = {{"backend", "b1"}}},
       "ComfyUI b1 cannot be reached",
       "check that ComfyUI is running"},
      {{.code = Code::kUnavailable, .reason = "BACKEND_TIMEOUT"}, "ComfyUI did not answer in time", "backends"},
      {{.code = Code::kInternal, .reason = "BACKEND_HTTP_ERROR", .metadata = {{"http_status", "403"}}},
       "HTTP 403",
       "backends"},
      {{.code = Code::kInternal, .reason = "BACKEND_BAD_RESPONSE"}, "makes no sense", "configuration"},
      {{.code = Code::kResourceExhausted, .reason = "TOO_MANY_WATCHES"}, "as many watches", "later"},
      {{.code = Code::kResourceExhausted,
        .reason = "TOO_MANY_WATCHES",
        .metadata = {{"limit", "max_watches_per_peer"}}},
       "of this address",
       "later"},
      {{.code = Code::kResourceExhausted, .reason = "TOO_MANY_LOOKUPS", .metadata = {{"job_id", "j1"}}},
       "does not know the job j1",
       "in a moment"},
      {{.code = Code::kInvalidArgument, .reason = "INVALID_ARGUMENT", .invalid_fields = {{"job_id", "is empty"}}},
       "does not accept",
       "[job_id: is empty]"},
      {{.code = Code::kUnauthenticated, .reason = "UNAUTHENTICATED"}, "token", "--token-file"},
      {{.code = Code::kDeadlineExceeded}, "did not answer in time", "--timeout"},
      {{.code = Code::kUnimplemented}, "is not the job status service", kServer},
      {{.code = Code::kInternal, .reason = "NEW_REASON", .message = "odd"}, "odd", "NEW_REASON"},
  };
  for (const ReasonCase& test : cases) {
    EXPECT_THAT(ToLine(Explain(test.error, kServer)),
                AllOf(HasSubstr(test.says), HasSubstr(test.hints), Not(HasSubstr("\n"))));
  }
}

TEST(Explain, LetsNoControlCharactersThrough) {
  const Error error{.code = Code::kInternal, .reason = "\x1b", .message = "a\nb"};
  EXPECT_THAT(ToLine(Explain(error, kServer)), AllOf(HasSubstr("\\x1b"), HasSubstr("a\\x0ab")));
}

}  // namespace
}  // namespace jobstatus::cli
