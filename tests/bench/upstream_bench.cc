// What it costs ComfyUI that its jobs are followed: by the service, however many watch, beside programs that each poll
// it; while nothing happens; and when a thousand big jobs wait.
//
// What ComfyUI's time costs is told by a stand-in: the processor's time of the one thread on which the fake ComfyUI
// takes questions, answers them and sends its messages. ComfyUI does that in Python and needs more for each; how often
// it is asked, and how much it sends, is the same.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "bench/command_line.h"
#include "bench/live.h"
#include "bench/program.h"
#include "bench/sheet.h"
#include "bench/watchers.h"
#include "fakes/blocking_client.h"
#include "fakes/fake_comfy.h"

namespace bench {
namespace {

using namespace std::chrono_literals;
using Millis = std::chrono::milliseconds;

// How much is measured.
struct Plan {
  int rounds;
  int jobs;  // of a round, followed by each kind
  Millis job_time;
  std::array<std::size_t, 3> watchers;
  std::array<std::size_t, 3> pollers;
  Millis idle;
  Millis steady;  // with big jobs waiting
  std::size_t big_jobs;
  std::size_t big_job_bytes;
};
constexpr Plan kFull{.rounds = 3,
                     .jobs = 2,
                     .job_time = 2s,
                     .watchers = {1, 100, 10'000},
                     .pollers = {1, 10, 100},
                     .idle = 20s,
                     .steady = 50s,
                     .big_jobs = 1000,
                     .big_job_bytes = 30'000};
constexpr Plan kQuick{.rounds = 1,
                      .jobs = 1,
                      .job_time = 500ms,
                      .watchers = {1, 100, 1000},
                      .pollers = {1, 10, 100},
                      .idle = 1s,
                      .steady = 1s,
                      .big_jobs = 200,
                      .big_job_bytes = 20'000};
constexpr Plan kSmoke{.rounds = 1,
                      .jobs = 1,
                      .job_time = 100ms,
                      .watchers = {1, 2, 10},
                      .pollers = {1, 2, 3},
                      .idle = 1s,
                      .steady = 1s,
                      .big_jobs = 20,
                      .big_job_bytes = 1000};

constexpr std::size_t kWaiting = 10;  // jobs behind the one that runs
constexpr std::size_t kJobBytes = 20'000;
constexpr int kSteps = 20;
constexpr auto kPollInterval = 1s;
constexpr auto kSafetyInterval = 2s;   // the service's pacing intervals, unless told others: while it hears ComfyUI
constexpr auto kIdleInterval = 1s;     // and while it does not
constexpr std::size_t kSmallest = 39;  // bytes of an answer to /prompt
constexpr double kLargestShare = 0.02;
constexpr const char* kClientId = "jobstatus-bench";
constexpr const char* kOutputs =
    R"({"images": [{"filename": "ComfyUI_00001_.png", "subfolder": "", "type": "output"}]})";

// What a ComfyUI had to do.
struct Spent {
  std::size_t requests = 0;
  std::uint64_t bytes = 0;
  Micros cpu{0};
};

// A ComfyUI that has jobs of one size, one of which can run.
class Comfy {
 public:
  explicit Comfy(std::string version, std::size_t job_bytes = kJobBytes)
      : job_bytes_(job_bytes), fake_({.version = std::move(version)}) {}

  fakes::FakeComfy& fake() { return fake_; }
  const fakes::FakeComfy& fake() const { return fake_; }

  // The workflow as the page has it travels with a job. Here a text is as long.
  void Submit() {
    fake_.Submit({.client_id = kClientId,
                  .extra_data_json = fmt::format(R"({{"extra_pnginfo": {{"workflow": {{"nodes": "{}"}}}}}})",
                                                 std::string(job_bytes_, 'w'))});
  }

  // The next job; another comes into the queue in its place. `ending` comes right before its end is told.
  void RunJob(Millis time, int steps, const std::function<void(const std::string&)>& ending = {}) {
    Submit();
    const std::string id = fake_.StartNext().value();
    {
      const std::lock_guard lock(mutex_);
      job_ = id;
    }
    fake_.Cached({});
    fake_.StartNode("3");
    for (int step = 1; step <= steps; ++step) {
      std::this_thread::sleep_for(time / steps);
      fake_.Step("3", step, steps);
    }
    fake_.FinishNode("3");
    fake_.StartNode("8");
    fake_.FinishNode("8");
    fake_.StartNode("9");
    if (ending) ending(id);
    fake_.FinishNode("9", kOutputs);
    fake_.FinishSuccess(fmt::format(R"({{"9": {}}})", kOutputs));
  }

  std::string job() const {
    const std::lock_guard lock(mutex_);
    return job_;
  }

  Spent spent() const { return {fake_.request_count(), fake_.sent_bytes(), fake_.cpu()}; }

 private:
  const std::size_t job_bytes_;
  fakes::FakeComfy fake_;
  mutable std::mutex mutex_;
  std::string job_;  // that runs, or ran last
};

// Programs that each ask how the job is, as people write them.
class Pollers {
 public:
  Pollers(const Comfy& comfy, std::size_t count) : comfy_(comfy) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto first = std::chrono::duration_cast<Millis>(kPollInterval) * i / count;
      threads_.emplace_back([this, first](const std::stop_token& stop) { Poll(stop, Clock::now() + first); });
    }
  }

 private:
  void Poll(const std::stop_token& stop, Clock::time_point next) {
    fakes::BlockingClient client("127.0.0.1", comfy_.fake().port());
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    for (;; next += kPollInterval) {
      never.wait_until(lock, stop, next, [] { return false; });
      if (stop.stop_requested()) return;
      client.Ask("GET", "/history/" + comfy_.job());
      client.Ask("GET", "/queue");
    }
  }

  const Comfy& comfy_;
  std::vector<std::jthread> threads_;
};

std::vector<std::string> ListeningTo(const Comfy& comfy, std::vector<std::string> more = {}) {
  more.insert(more.end(), {"--client-id", fmt::format("{}={}", kBackend, kClientId)});
  return ServerCommand(comfy.fake(), "none", more);
}

void AwaitListening(const Comfy& comfy) {
  if (!comfy.fake().WaitForSocketTexts(1)) throw std::runtime_error("the server does not listen");
}

// Jobs that run while so many follow them, and what each cost ComfyUI.
struct Followed {
  std::string key;
  std::string name;
  std::size_t watchers = 0;  // of the service
  std::size_t pollers = 0;
  Comfy comfy{"v0.33.0"};
  std::optional<Program> server = {};
  std::unique_ptr<Watchers> streams = {};
  std::vector<double> requests = {}, kilobytes = {}, cpu = {};

  Followed(std::string the_key, std::string the_name, std::size_t of_watchers, std::size_t of_pollers)
      : key(std::move(the_key)), name(std::move(the_name)), watchers(of_watchers), pollers(of_pollers) {
    for (std::size_t job = 0; job < kWaiting; ++job) comfy.Submit();
    if (watchers == 0) return;
    server.emplace(ListeningTo(comfy, {"--max-watches", "100000", "--max-watches-per-peer", "100000",
                                       "--max-calls-per-connection", "200000"}));
    streams = std::make_unique<Watchers>(server->address(), watchers, NewestRevision(server->address()));
    AwaitListening(comfy);
  }

  void Measure(const Plan& plan) {
    std::optional<Pollers> polling;
    if (pollers > 0) polling.emplace(comfy, pollers);
    const Spent before = comfy.spent();
    for (int job = 0; job < plan.jobs; ++job) {
      comfy.RunJob(plan.job_time, kSteps, [this](const std::string& id) {
        if (streams) streams->Expect(InState(id, pb::JOB_STATE_COMPLETED));
      });
      if (streams) streams->AwaitLast();
    }
    const Spent after = comfy.spent();
    requests.push_back(static_cast<double>(after.requests - before.requests) / plan.jobs);
    kilobytes.push_back(static_cast<double>(after.bytes - before.bytes) / 1000 / plan.jobs);
    cpu.push_back((after.cpu - before.cpu).count() / 1000 / plan.jobs);
  }
};

// How often a ComfyUI is asked that has nothing to do and that nobody watches, and what.
struct Idle {
  Comfy comfy{"v0.33.0"};
  Program server;
  std::size_t before = 0;

  explicit Idle(bool listening) : server(ListeningTo(comfy, {"--live-progress", listening ? "true" : "false"})) {
    if (listening) AwaitListening(comfy);
    if (!comfy.fake().WaitForRequests("/prompt", 1)) throw std::runtime_error("the server does not ask");
  }
};

// What a long queue of big jobs costs, while one of them runs, too.
class Big {
 public:
  Big(const std::string& version, const Plan& plan) : comfy_(version, plan.big_job_bytes) {
    for (std::size_t job = 0; job < plan.big_jobs; ++job) comfy_.Submit();
    comfy_.fake().SetBeforeAnswer([this](const fakes::Request& request) {
      const std::lock_guard lock(mutex_);
      if (request.path() == "/queue") asked_.push_back(Look());
    });
    server_.emplace(ListeningTo(comfy_));
    AwaitListening(comfy_);
    worker_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) comfy_.RunJob(kJobTime, 4);
    });
    std::this_thread::sleep_for(kJobTime);
    settled_ = Look();
  }

  // Since it was settled. Where the whole queue is asked for, between the first and the last time after the service has
  // spent what it may at once; nothing before that.
  std::optional<double> Share() const {
    const std::lock_guard lock(mutex_);
    if (asked_.empty()) return Between(settled_, Look());
    const auto steady =
        std::ranges::find_if(asked_, [&](const Moment& asked) { return asked.cpu - asked_.front().cpu >= kAtOnce; });
    if (asked_.end() - steady < 2) return std::nullopt;
    return Between(*steady, asked_.back());
  }

  std::size_t queues_asked() const {
    const std::lock_guard lock(mutex_);
    return asked_.size();
  }

  void EndService() { server_.reset(); }

  double ShareOfPollers(std::size_t count, Millis time) {
    const Pollers pollers(comfy_, count);
    const Moment begun = Look();
    std::this_thread::sleep_for(time);
    return Between(begun, Look());
  }

  // To answer /queue once.
  double QueueMillis() {
    fakes::BlockingClient client("127.0.0.1", comfy_.fake().port());
    const Moment begun = Look();
    client.Ask("GET", "/queue");
    return Micros(Look().cpu - begun.cpu).count() / 1000;
  }

 private:
  static constexpr auto kJobTime = 2s;
  static constexpr auto kAtOnce = 500ms;

  struct Moment {
    Clock::time_point at;
    std::chrono::nanoseconds cpu;
  };
  Moment Look() const { return {Clock::now(), comfy_.fake().cpu()}; }
  static double Between(const Moment& from, const Moment& to) {
    return Micros(to.cpu - from.cpu) / Micros(to.at - from.at);
  }

  mutable std::mutex mutex_;
  std::vector<Moment> asked_;  // for /queue; guarded by mutex_
  Comfy comfy_;
  std::optional<Program> server_;
  Moment settled_;
  std::jthread worker_;
};

class Bench {
 public:
  explicit Bench(const Plan& plan) : plan_(plan) {}

  Sheet Run() {
    Say("jobs that are followed");
    FollowedJobs();
    Say("nothing to do");
    IdleComfy();
    Say(fmt::format("{} big jobs", plan_.big_jobs));
    BigJobs();
    return std::move(sheet_);
  }

 private:
  static void Say(const std::string& what) { fmt::print(stderr, "== upstream: {}\n", what); }

  void FollowedJobs() {
    std::deque<Followed> kinds;
    for (const std::size_t count : plan_.watchers)
      kinds.emplace_back(fmt::format("watch_{}", count), fmt::format("{} watching the service", count), count, 0);
    for (const std::size_t count : plan_.pollers)
      kinds.emplace_back(fmt::format("poll_{}", count), fmt::format("{} polling each second", count), 0, count);
    for (int round = 0; round < plan_.rounds; ++round) {
      for (Followed& kind : kinds) kind.Measure(plan_);
    }
    // `more`: what one look costs, as by chance there is one more of those by the clock.
    const auto lines = [&](const std::string& key, const std::string& what, const std::string& unit, double limit,
                           double more, std::vector<double> Followed::*of) {
      const double base = SpreadOf(kinds.front().*of).value;
      for (const Followed& kind : kinds) {
        Sheet::Line line{.key = key + "_" + kind.key,
                         .name = fmt::format("{}, {}", what, kind.name),
                         .unit = unit,
                         .value = {SpreadOf(kind.*of)}};
        if (&kind != &kinds.front()) line.beside = key + "_" + kinds.front().key;
        if (&kind != &kinds.front() && kind.watchers > 0) {
          line.goal = fmt::format("≤ {} ×{}", limit, more > 0 ? fmt::format(" + {:.0f}", more) : "");
          line.met = line.value.median.value <= limit * base + more;
        }
        sheet_.Add(std::move(line));
      }
    };
    lines("requests", "requests for a job", "", 1.1, 1, &Followed::requests);
    lines("sent", "sent for a job", "kB", 1.1, 3, &Followed::kilobytes);
    lines("cpu", "processor's time for a job", "ms", 1.25, 0, &Followed::cpu);
    sheet_.Note(fmt::format(
        "A job takes {:.1f} s and reports {} steps; {} of {} kB wait behind it. Each that polls asks for "
        "/history/{{id}} "
        "and /queue. The processor's time is the fake ComfyUI's, a stand-in; it shares its caches with all who watch.",
        std::chrono::duration<double>(plan_.job_time).count(), kSteps, kWaiting, kJobBytes / 1000));
  }

  void IdleComfy() {
    std::array<Idle, 2> idle = {Idle(true), Idle(false)};
    std::this_thread::sleep_for(kSafetyInterval);
    for (Idle& each : idle) each.before = each.comfy.fake().request_count();
    std::this_thread::sleep_for(plan_.idle);
    for (const bool listening : {true, false}) {
      const Idle& each = idle[listening ? 0 : 1];
      const auto asked = each.comfy.fake().requests() | std::views::drop(each.before);
      const auto count = static_cast<double>(std::ranges::distance(asked));
      const auto interval = listening ? Millis(kSafetyInterval) : Millis(kIdleInterval);
      const auto most = static_cast<double>(plan_.idle / interval + 1);  // at the beginning and after each interval
      sheet_.Add(
          {.key = listening ? "idle_listening" : "idle_asking",
           .name = fmt::format("asked in {:.0f} s, no jobs or watchers, live events {}",
                               std::chrono::duration<double>(plan_.idle).count(), listening ? "heard" : "not heard"),
           .unit = "",
           .value = {SpreadOf({count})},
           .goal = fmt::format("≤ {}, /prompt", most),
           .met = count <= most && std::ranges::all_of(asked, [](const fakes::Request& request) {
                    return request.method == "GET" && request.target == "/prompt";
                  })});
    }
    const auto answer = fakes::BlockingClient("127.0.0.1", idle[0].comfy.fake().port()).Ask("GET", "/prompt");
    const auto bytes = answer ? answer->body.size() : 0;
    sheet_.Add({.key = "idle_bytes",
                .name = "an answer to /prompt then",
                .unit = "bytes",
                .value = {SpreadOf({static_cast<double>(bytes)})},
                .goal = fmt::format("≤ {}", kSmallest),
                .met = answer && bytes <= kSmallest});
  }

  void BigJobs() {
    Big with_jobs_api("v0.33.0", plan_);
    Big without("v0.3.44", plan_);
    std::this_thread::sleep_for(plan_.steady);
    const auto share = [&](const std::string& key, const std::string& name, const Big& big) {
      const std::optional<double> of_time = big.Share();
      if (!of_time) {
        sheet_.Note(fmt::format("{}: not measured, as {:.0f} s is too short for the steady state.", key,
                                std::chrono::duration<double>(plan_.steady).count()));
        return;
      }
      sheet_.Add({.key = key,
                  .name = fmt::format("share of ComfyUI's time, {} big jobs wait, {}", plan_.big_jobs, name),
                  .unit = "%",
                  .value = {SpreadOf({100 * *of_time})},
                  .goal = "≤ 2",
                  .met = *of_time <= kLargestShare});
    };
    share("share_jobs_api", "/api/jobs", with_jobs_api);
    share("share_queue", "/queue alone", without);
    const std::size_t asked = without.queues_asked();
    with_jobs_api.EndService();
    without.EndService();
    sheet_.Add({.key = "share_poll_1",
                .name = "the same, nothing but 1 polling each second",
                .unit = "%",
                .value = {SpreadOf({100 * without.ShareOfPollers(1, plan_.steady / 6)})}});
    std::vector<double> once;
    for (int i = 0; i < 3; ++i) once.push_back(without.QueueMillis());
    sheet_.Add({.key = "queue_once", .name = "one answer to /queue then", .unit = "ms", .value = {SpreadOf(once)}});
    sheet_.Note(
        fmt::format("A big job has {} kB. Where there is no /api/jobs, /queue was asked for {} times in {:.0f} s.",
                    plan_.big_job_bytes / 1000, asked, std::chrono::duration<double>(plan_.steady).count()));
  }

  const Plan& plan_;
  Sheet sheet_{"upstream: what ComfyUI pays for it that its jobs are followed"};
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::RunBenchmark<bench::Bench>(
      argc, argv,
      {.name = "upstream_bench",
       .description = "Measures what ComfyUI pays for it that its jobs are followed",
       .quick = "Some seconds instead of minutes"},
      bench::kFull, bench::kQuick, bench::kSmoke);
}
