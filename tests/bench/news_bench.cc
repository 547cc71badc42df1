// How long it takes until news of a job has reached the last of many watchers: from the moment a fake ComfyUI is made
// to say it, to the moment the last stream has it.
//
// The fake and the watchers are in this process; what is between them is in processes of its own: the real
// jobstatus-server with its default settings, and the relay it is measured against. So all of them are seen through the
// same two ends.
#include <fmt/format.h>

#include <cstdio>
#include <deque>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

#include "bench/command_line.h"
#include "bench/figures.h"
#include "bench/live.h"
#include "bench/program.h"
#include "bench/watchers.h"
#include "fakes/fake_comfy.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

// How much is measured. A round has some jobs; each tells its progress a few times, and then ends.
struct Plan {
  int rounds;
  int jobs;
  int progress_per_job;
  int polled_jobs;
};
constexpr Plan kFull{.rounds = 10, .jobs = 8, .progress_per_job = 4, .polled_jobs = 4};
constexpr Plan kQuick{.rounds = 1, .jobs = 6, .progress_per_job = 4, .polled_jobs = 3};
constexpr Plan kSmoke{.rounds = 1, .jobs = 1, .progress_per_job = 2, .polled_jobs = 1};

// The bare socket, and the bare relay.
class Bare {
 public:
  explicit Bare(std::size_t watchers) : watchers_(relay_.address(), watchers) {}

  Micros RoundTrip() {
    const std::size_t before = comfy_.socket_texts().size();
    const auto sent = Clock::now();
    comfy_.SendFrame("{}", "echo");
    if (!comfy_.WaitForSocketTexts(before + 1)) throw std::runtime_error("nothing came back");
    return Clock::now() - sent;
  }

  Micros Relay() {
    watchers_.Expect([](const auto&) { return true; });
    const auto sent = Clock::now();
    comfy_.SendFrame(ProgressEvent("any", 1), "relay");
    return watchers_.AwaitLast() - sent;
  }

 private:
  fakes::FakeComfy comfy_;  // without jobs it says nothing by itself
  Program relay_{{NEWS_RELAY, "--comfyui-port", std::to_string(comfy_.port())}};
  Watchers watchers_;
};

// Two servers without live events, in front of one ComfyUI that always has jobs.
class Polled {
 public:
  explicit Polled(std::size_t watchers)
      : often_(often_server_.address(), watchers), seldom_(seldom_server_.address(), watchers) {
    Submit();
    Submit();
    comfy_.StartNext();
    often_.Expect(InState(jobs_.front(), pb::JOB_STATE_PROCESSING));
    seldom_.Expect(InState(jobs_.front(), pb::JOB_STATE_PROCESSING));
    often_.AwaitLast();
    seldom_.AwaitLast();
  }

  // At any moment between two polls.
  void EndJob(Figures& often, Figures& seldom) {
    std::this_thread::sleep_for(kSeldom * std::uniform_real_distribution<double>()(random_));
    often_.Expect(InState(jobs_.front(), pb::JOB_STATE_COMPLETED));
    seldom_.Expect(InState(jobs_.front(), pb::JOB_STATE_COMPLETED));
    const auto sent = Clock::now();
    comfy_.FinishSuccess();
    comfy_.StartNext();
    Submit();
    jobs_.pop_front();
    often.Add(often_.AwaitLast() - sent);
    seldom.Add(seldom_.AwaitLast() - sent);
  }

  static constexpr auto kSeldom = 500ms;
  static constexpr auto kOften = 250ms;

 private:
  void Submit() { jobs_.push_back(comfy_.Submit().prompt_id); }

  static std::vector<std::string> Every(std::chrono::milliseconds interval) {
    return {"--live-progress", "false", "--poll-interval", fmt::format("{}ms", interval.count())};
  }

  fakes::FakeComfy comfy_;
  Program often_server_{ServerCommand(comfy_, "none", Every(kOften))};
  Program seldom_server_{ServerCommand(comfy_, "none", Every(kSeldom))};
  Watchers often_;
  Watchers seldom_;
  std::deque<std::string> jobs_;  // the first runs, the others wait
  std::minstd_rand random_{std::random_device{}()};
};

struct Measured {
  Figures round_trip, relay, progress, end, often, seldom;
};

Measured Measure(const Plan& plan, std::size_t watchers) {
  Bare bare(watchers);
  Live live({.watchers = watchers});
  Measured measured;
  const auto turn = [&] {
    Rest();
    measured.round_trip.Add(bare.RoundTrip());
    Rest();
    measured.relay.Add(bare.Relay());
    Rest();
    measured.progress.Add(live.Progress());
  };
  // One job that does not count: whatever is done for the first time.
  for (Figures* figures : {&measured.round_trip, &measured.relay, &measured.progress, &measured.end})
    figures->BeginRound();
  live.BeginJob();
  turn();
  live.EndJob();
  measured = {};

  Polled polled(watchers);
  for (int round = 0; round < plan.rounds; ++round) {
    for (Figures* figures :
         {&measured.round_trip, &measured.relay, &measured.progress, &measured.end, &measured.often, &measured.seldom})
      figures->BeginRound();
    for (int job = 0; job < plan.jobs; ++job) {
      live.BeginJob();
      for (int i = 0; i < plan.progress_per_job; ++i) turn();
      Rest();
      measured.end.Add(live.EndJob());
    }
    for (int job = 0; job < plan.polled_jobs; ++job) polled.EndJob(measured.often, measured.seldom);
  }
  return measured;
}

Report ReportOf(const Measured& measured, std::size_t watchers) {
  const auto tail_within = [](const Figures& figures, Micros limit) { return figures.Quantile(0.99) <= limit; };
  const Micros three_relays = 3 * measured.relay.Quantile(0.99);
  const Micros look = measured.end.Quantile(0.99);  // a poll finds it at once, and then has it to tell
  Report report;
  report.title = fmt::format("news: from what ComfyUI says to the last of {} watchers told; {} cores", watchers,
                             std::thread::hardware_concurrency());
  report.floor = &measured.round_trip;
  report.bare = &measured.relay;
  report.rows = {
      {"socket", "(a) a socket alone, there and back", &measured.round_trip},
      {"relay", "(b) a bare relay, socket to gRPC", &measured.relay},
      {"progress", "(c) progress of a job", &measured.progress, "p99 ≤ 3 × (b)",
       tail_within(measured.progress, three_relays)},
      {"end", "(d) end of a job", &measured.end, "p99 ≤ 3 × (b)", tail_within(measured.end, three_relays)},
      {"end_polled_250ms", "(e) the same, polled every 250 ms", &measured.often, "p99 ≤ 250 ms + (d)",
       tail_within(measured.often, Polled::kOften + look)},
      {"end_polled_500ms", "(e) the same, polled every 500 ms", &measured.seldom, "p99 ≤ 500 ms + (d)",
       tail_within(measured.seldom, Polled::kSeldom + look)},
  };
  return report;
}

std::string Run(const CommandLine& line) {
  const Measured measured = Measure(line.Choose(kFull, kQuick, kSmoke), line.watchers);
  const Report report = ReportOf(measured, line.watchers);
  std::fputs(report.Table().c_str(), stdout);
  const auto sooner = [](const Figures& late, const Figures& soon) { return late.Quantile(0.5) / soon.Quantile(0.5); };
  fmt::print(
      "\nOf fewer than 100, p99 is the longest. "
      "The end of a job is told {:.0f} times sooner than by polling every 500 ms.\n",
      sooner(measured.seldom, measured.end));
  return report.Json();
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::RunBenchmark(argc, argv,
                             {.name = "news_bench",
                              .description = "Measures how soon the last of many watchers is told what a ComfyUI says",
                              .quick = "Some seconds instead of a minute",
                              .json = "File for the figures, in microseconds"},
                             bench::Run);
}
