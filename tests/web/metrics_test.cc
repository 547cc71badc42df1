#include "web/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

namespace web {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

const jobs::Time kNow{seconds(1'800'000'000)};

Readings OneBackend() {
  Readings readings{.now = kNow};
  readings.board.backends.push_back({.state = {.name = "gpu1"}});
  readings.traffic.emplace_back("gpu1", comfy::Traffic().Read());
  return readings;
}

TEST(Metrics, CountJobsByBackendAndState) {
  Readings readings = OneBackend();
  auto& backend = readings.board.backends.front();
  backend.state.reachable = true;
  backend.state.pending = 7;
  board::At(backend.jobs, jobs::JobState::kQueued) = 3;
  board::At(backend.tally.outcomes, jobs::JobState::kFailed) = 2;
  const std::string text = MetricsText(readings);
  for (const char* line :
       {"jobstatus_backend_up{backend=\"gpu1\"} 1\n", "jobstatus_backend_live{backend=\"gpu1\"} 0\n",
        "jobstatus_backend_pending_jobs{backend=\"gpu1\"} 7\n", "jobstatus_jobs{backend=\"gpu1\",state=\"queued\"} 3\n",
        "jobstatus_job_outcomes_total{backend=\"gpu1\",state=\"failed\"} 2\n",
        "jobstatus_job_outcomes_total{backend=\"gpu1\",state=\"lost\"} 0\n"})
    EXPECT_THAT(text, HasSubstr(std::string("\n") + line));
  EXPECT_THAT(text, Not(HasSubstr("outcomes_total{backend=\"gpu1\",state=\"queued\"}"))) << "that is no outcome";
}

TEST(Metrics, ABucketHoldsThoseBeforeItToo) {
  Readings readings = OneBackend();
  jobs::Histogram run(std::array{jobs::Duration(seconds(1)), jobs::Duration(seconds(10))});
  for (const int ran : {1, 2, 3, 60}) run.Add(seconds(ran));
  readings.board.backends.front().tally.run = run.Read();
  const std::string text = MetricsText(readings);
  for (const char* line :
       {"_bucket{backend=\"gpu1\",le=\"1\"} 1\n", "_bucket{backend=\"gpu1\",le=\"10\"} 3\n",
        "_bucket{backend=\"gpu1\",le=\"+Inf\"} 4\n", "_sum{backend=\"gpu1\"} 66\n", "_count{backend=\"gpu1\"} 4\n"})
    EXPECT_THAT(text, HasSubstr(std::string("jobstatus_job_run_seconds") + line));
}

TEST(Metrics, TheFirstSocketIsNoReconnect) {
  Readings readings = OneBackend();
  const auto reconnects = [&](std::uint64_t opened) {
    readings.traffic.front().second.sockets_opened = opened;
    const std::string text = MetricsText(readings);
    const std::string name = "jobstatus_socket_reconnects_total{backend=\"gpu1\"} ";
    const std::size_t at = text.find(name) + name.size();
    return text.substr(at, text.find('\n', at) - at);
  };
  EXPECT_EQ(reconnects(0), "0");
  EXPECT_EQ(reconnects(1), "0");
  EXPECT_EQ(reconnects(4), "3");
}

TEST(Metrics, TellHowFarTheArchiveIsBehind) {
  Readings readings = OneBackend();
  EXPECT_THAT(MetricsText(readings), Not(HasSubstr("jobstatus_archive_"))) << "there is none";
  readings.archive = archive::WriteCounter().Read();
  EXPECT_THAT(MetricsText(readings), HasSubstr("\njobstatus_archive_lag_seconds 0\n"));
  readings.board.unwritten_since = kNow - std::chrono::milliseconds(2500);
  readings.board.unwritten = 5;
  EXPECT_THAT(MetricsText(readings), HasSubstr("\njobstatus_archive_lag_seconds 2.5\n"));
  EXPECT_THAT(MetricsText(readings), HasSubstr("\njobstatus_archive_unwritten_changes 5\n"));
  readings.board.unwritten_since = kNow + seconds(1);
  EXPECT_THAT(MetricsText(readings), HasSubstr("\njobstatus_archive_lag_seconds 0\n")) << "the clock was set back";
}

TEST(Metrics, CallsHaveTheNamesThatOtherGrpcServersGiveThem) {
  Readings readings = OneBackend();
  auto& watch = readings.calls[static_cast<std::size_t>(rpc::Method::kWatchStatus)];
  watch.started = 9;
  watch.ended[5] = 4;
  watch.messages_sent = 70;
  const std::string text = MetricsText(readings);
  const std::string labels =
      R"(grpc_type="server_stream",grpc_service="comfyui.jobstatus.v1.JobStatusService",grpc_method="WatchStatus")";
  EXPECT_THAT(text, HasSubstr("grpc_server_started_total{" + labels + "} 9\n"));
  EXPECT_THAT(text, HasSubstr("grpc_server_handled_total{" + labels + ",grpc_code=\"NotFound\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("grpc_server_msg_sent_total{" + labels + "} 70\n"));
  EXPECT_THAT(text, HasSubstr("{grpc_type=\"unary\",grpc_service=\"comfyui.jobstatus.v1.JobStatusService\","
                              "grpc_method=\"GetStatus\",grpc_code=\"OK\"} 0\n"));
}

// Prometheus reads numbers as doubles.
TEST(Metrics, ARevisionIsToldToTheLastDigit) {
  Readings readings = OneBackend();
  readings.board.revision = 1'800'000'000'123'457;
  EXPECT_THAT(MetricsText(readings), HasSubstr("\njobstatus_revision 1800000000123457\n"));
}

TEST(Process, ReadsWhatTheSystemSaysOfThisOne) {
  const ProcessReading process = ReadProcess();
  EXPECT_GT(process.resident_bytes, 1'000'000u);
  EXPECT_GE(process.virtual_bytes, process.resident_bytes);
  EXPECT_GE(process.threads, 1u);
  EXPECT_GT(process.max_fds, process.open_fds);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(ReadProcess().open_fds, process.open_fds + 2);
  for (const int end : ends) close(end);
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(process.start_seconds, now + 2) << "btime is in whole seconds";
  EXPECT_GT(process.start_seconds, now - 3600);
}

}  // namespace
}  // namespace web
