#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "e2e/programs.h"

// The metrics of a running server, and what is made for them.
namespace e2e {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

std::string Read(const std::string& file) {
  std::ifstream in(PROJECT_FOLDER "/" + file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::set<std::string> AllMatches(const std::string& text, const std::string& regex) {
  const std::regex pattern(regex);
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) found.insert((*at)[1]);
  return found;
}

// What PromQL asks for; the series of a histogram are its.
std::set<std::string> MetricsNamedIn(const std::string& text) {
  std::set<std::string> names;
  for (const std::string& name : AllMatches(text, R"(\b((?:jobstatus|grpc_server|process)_[a-z_]*[a-z])\b)"))
    names.insert(std::regex_replace(name, std::regex("_(bucket|sum|count)$"), ""));
  return names;
}

class Metrics : public testing::Test {
 protected:
  std::string Scrape() { return port.Get("/metrics").body; }
  std::set<std::string> Exported() { return AllMatches(Scrape(), "# TYPE ([a-z_]+) "); }
  static Ended Promtool(const std::string& what, const std::string& text) {
    const std::string file = FreshFile("promtool");
    std::ofstream(file) << text;
    return RunToEnd({"sh", "-c", "promtool check " + what, "sh", file});
  }

  Comfy comfy;
  MetricsPort port;
  Service service{{"gpu=" + comfy.url()}, port.Options()};
};

TEST_F(Metrics, TellWhatBecameOfAJobInEveryLayer) {
  // What ends before the first look was not followed.
  for (int tries = 0; tries < 2000 && !Scrape().contains("jobstatus_backend_live{backend=\"gpu\"} 1"); ++tries) {
  }
  const std::string done = Submit(comfy.url());
  const std::string failed = Submit(comfy.url(), {.raise = "out of memory"});
  EXPECT_EQ(RunToEnd(service.Command({"wait", done})).exit_code, 0);
  EXPECT_EQ(RunToEnd(service.Command({"wait", failed})).exit_code, 1);
  EXPECT_EQ(RunToEnd(service.Command({"get", "no-such-job"})).exit_code, 4);
  const std::string text = Scrape();
  for (const char* line :
       {"jobstatus_job_outcomes_total{backend=\"gpu\",state=\"completed\"} 1\n",
        "jobstatus_job_outcomes_total{backend=\"gpu\",state=\"failed\"} 1\n",
        "jobstatus_job_run_seconds_count{backend=\"gpu\"} 2\n", "jobstatus_backend_up{backend=\"gpu\"} 1\n",
        "grpc_method=\"GetStatus\",grpc_code=\"NotFound\"} 1\n", "jobstatus_archive_up 1\n"})
    EXPECT_THAT(text, HasSubstr(line));
  for (const char* positive :
       {R"(jobstatus_upstream_requests_total\{backend="gpu"\} [1-9])",
        R"(jobstatus_upstream_received_bytes_total\{backend="gpu"\} [1-9])",
        R"(jobstatus_upstream_answer_seconds_count\{backend="gpu"\} [1-9])",
        R"(jobstatus_socket_messages_total\{backend="gpu"\} [1-9])", "jobstatus_archive_written_statuses_total [1-9]",
        "jobstatus_archive_batch_seconds_count [1-9]", "jobstatus_revision [1-9]", "process_open_fds [1-9]"})
    EXPECT_THAT(text, ContainsRegex(positive));
  EXPECT_THAT(text, Not(HasSubstr(done))) << "a label for each job would never end";
}

TEST_F(Metrics, AreWhatPrometheusExpects) {
  if (!IsOnPath("promtool")) GTEST_SKIP() << "SKIPPED: promtool is not on PATH (Debian's package prometheus)";
  const Ended checked = Promtool("metrics <\"$1\"", Scrape());
  EXPECT_EQ(checked.exit_code, 0) << checked.err;
  EXPECT_THAT(checked.out + checked.err, IsEmpty());
}

TEST_F(Metrics, AreAllThatTheDashboardAndTheAlertsAskFor) {
  const std::set<std::string> exported = Exported();
  const std::set<std::string> shown = MetricsNamedIn(Read("server/web/grafana-dashboard.json"));
  EXPECT_GT(shown.size(), 20u);
  EXPECT_THAT(exported, IsSupersetOf(shown));
  const std::set<std::string> watched = MetricsNamedIn(Read("server/web/prometheus-alerts.yaml"));
  EXPECT_GT(watched.size(), 5u);
  EXPECT_THAT(exported, IsSupersetOf(watched));
}

TEST_F(Metrics, AreThoseInTheReadme) {
  EXPECT_EQ(AllMatches(Read("README.md"), "\n\\| `((?:jobstatus|grpc_server|process)_[a-z_]+)`"), Exported());
}

TEST(Dashboard, AsksInPromQl) {
  if (!IsOnPath("promtool")) GTEST_SKIP() << "SKIPPED: promtool is not on PATH (Debian's package prometheus)";
  // As rules, which promtool checks; with what Grafana would put in for its variables.
  std::string rules = "groups: [{name: dashboard, rules: [";
  int count = 0;
  for (std::string expression :
       AllMatches(Read("server/web/grafana-dashboard.json"), R"re("expr": ("(?:[^"\\]|\\.)*"))re")) {
    for (const auto& [variable, value] : {std::pair(R"(\$__rate_interval)", "5m"), {R"(\$[a-z]+)", ".*"}})
      expression = std::regex_replace(expression, std::regex(variable), value);
    rules += "{record: \"r" + std::to_string(++count) + "\", expr: " + expression + "}, ";
  }
  const std::string file = FreshFile("rules");
  std::ofstream(file) << rules + "]}]\n";
  const Ended checked = RunToEnd({"promtool", "check", "rules", file});
  EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
  EXPECT_THAT(checked.out, HasSubstr(std::to_string(count) + " rules found"));
  EXPECT_GT(count, 30);
}

TEST(Alerts, AreGoodRules) {
  if (!IsOnPath("promtool")) GTEST_SKIP() << "SKIPPED: promtool is not on PATH (Debian's package prometheus)";
  const Ended checked = RunToEnd({"promtool", "check", "rules", PROJECT_FOLDER "/server/web/prometheus-alerts.yaml"});
  EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
}

TEST(MetricsPortOfTheServer, IsThereOnlyWhenAskedFor) {
  const Service service({"http://127.0.0.1:1"});
  EXPECT_THAT(RunToEnd({JOBSTATUS_SERVER, "--check-config", "--state-dir=none"}).out, Not(HasSubstr("metrics-listen")));
  MetricsPort port;
  Service with({"http://127.0.0.1:1"}, port.Options());
  EXPECT_EQ(port.Get("/healthz").body, "ok\n");
  EXPECT_TRUE(with.process().AwaitError("metrics are at " + port.Url("/metrics") + ", and a page of jobs at "));
  const Ended second = RunToEnd({"timeout", "5", JOBSTATUS_SERVER, "--state-dir=none", "--listen", "127.0.0.1:0",
                                 "--metrics-listen", port.Url("").substr(7)});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.err, HasSubstr("--metrics-listen: cannot listen on"));
}

TEST(MetricsPortOfTheServer, ShowsJobsBeyondThisMachineOnlyWhenToldTo) {
  MetricsPort port("0.0.0.0:0");
  const Service service({"http://127.0.0.1:1"}, port.Options());
  EXPECT_EQ(port.Get("/metrics").status, 200);
  for (const char* path : {"/", "/status.json"}) {
    EXPECT_EQ(port.Get(path).status, 403) << path;
    EXPECT_THAT(port.Get(path).body, HasSubstr("--insecure-page")) << path;
  }
  MetricsPort open("0.0.0.0:0");
  Service told({"http://127.0.0.1:1"}, open.Options({"--insecure-page"}));
  EXPECT_EQ(open.Get("/status.json").status, 200);
  EXPECT_TRUE(told.process().AwaitError("--insecure-page: other machines may look at jobs"));
}

}  // namespace
}  // namespace e2e
