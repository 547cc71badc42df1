// How near a GetStatus from memory comes to an empty call of the same library, how far it leaves behind what people
// write instead, and whether that holds for a million jobs and after a time of quiet.
//
// Server and caller are processes of their own, each on processors of its own where there are two.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bench/calls.h"
#include "bench/command_line.h"
#include "bench/filled_server.h"
#include "bench/live.h"
#include "bench/program.h"
#include "bench/sheet.h"
#include "fakes/fake_comfy.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

// How much is measured.
struct Plan {
  int rounds;
  std::size_t calls;          // of a round, of each kind and number in flight; an eighth, one after another
  std::size_t many_jobs;      // on the board
  std::size_t quiet_servers;  // which are called once each
  std::chrono::seconds quiet;
};
constexpr Plan kFull{.rounds = 9, .calls = 16'000, .many_jobs = 1'000'000, .quiet_servers = 9, .quiet = 60s};
constexpr Plan kQuick{.rounds = 3, .calls = 3'000, .many_jobs = 100'000, .quiet_servers = 3, .quiet = 3s};
constexpr Plan kSmoke{.rounds = 1, .calls = 80, .many_jobs = 200, .quiet_servers = 1, .quiet = 0s};

constexpr std::size_t kFewJobs = 100;
constexpr std::array<std::size_t, 4> kInFlight = {1, 16, 64, 256};
constexpr std::size_t kPythonEvery = 8;  // of as many calls it makes one, as it needs that much longer

const Request kEmptyCall{"/comfyui.jobstatus.v1.JobStatusService/ListBackends", ""};

// One server, and what was measured of it, by number in flight.
struct Kind {
  std::string key;
  std::string name;
  Program* server;
  std::vector<Request> requests;  // made in turn
  std::size_t share = 1;          // of the calls
  std::optional<Calls> calls = {};
  struct Measured {
    std::vector<double> rates;
    std::vector<double> cpu;  // of the server, microseconds a call
    Figures each = {};
  };
  std::array<Measured, kInFlight.size()> measured = {};

  void Measure(std::size_t level, std::size_t count) {
    Measured& of = measured[level];
    std::vector<Request> made;
    for (std::size_t i = 0; i < std::max<std::size_t>(count / share, kInFlight[level]); ++i)
      made.push_back(requests[i % requests.size()]);
    of.each.BeginRound();
    const Micros before = server->cpu();
    of.rates.push_back(calls->Make(made, kInFlight[level], &of.each));
    of.cpu.push_back((server->cpu() - before).count() / static_cast<double>(made.size()));
  }
};

std::vector<Request> OfJobs(const std::vector<std::string>& ids) {
  std::vector<Request> requests;
  for (const std::string& id : ids) requests.push_back(GetStatusOf(id));
  return requests;
}

// Any of so many.
std::vector<Request> OfFilled(std::size_t jobs) {
  std::mt19937_64 random{20261125};
  std::uniform_int_distribution<int> job(0, static_cast<int>(jobs) - 1);
  std::vector<std::string> ids;
  for (int i = 0; i < 10'000; ++i) ids.push_back(FilledJob(job(random)));
  return OfJobs(ids);
}

std::vector<Request> OfNumbered(std::size_t jobs) {
  std::vector<std::string> ids;
  for (std::size_t job = 0; job < jobs; ++job) ids.push_back(fmt::format("job-{}", job));
  return OfJobs(ids);
}

class Bench {
 public:
  explicit Bench(const Plan& plan) : plan_(plan) {
    CallFromOtherCpus();
    std::vector<std::string> ids;
    for (std::size_t job = 0; job < kFewJobs; ++job) ids.push_back(comfy_.Submit().prompt_id);
    empty_ = Add("empty", "an empty call", Start({BARE_SERVER}), {kEmptyCall});
    empty_queue_ = Add("empty_queue", "an empty call by completion queue", Start({BARE_QUEUE_SERVER}), {kEmptyCall});
    typed_ = Add("typed", "a status built for each call", Start({BARE_SERVER}), OfNumbered(kFewJobs));
    const std::size_t server = Start(ServerCommand(comfy_, "none", {}));
    ours_ = Add("get_status", fmt::format("GetStatus of one of {} jobs", kFewJobs), server, OfJobs(ids));
    AwaitAll(server, ids);
    few_ = Add("few", fmt::format("GetStatus of one of {} jobs, its gRPC face alone", kFewJobs),
               Start({FILLED_SERVER, "--jobs", std::to_string(kFewJobs)}), OfFilled(kFewJobs));
    many_ = Add("many", fmt::format("GetStatus of one of {} jobs, likewise", plan_.many_jobs),
                Start({FILLED_SERVER, "--jobs", std::to_string(plan_.many_jobs)}), OfFilled(plan_.many_jobs));
    const std::string python = BENCH_PYTHON;
    if (access(python.c_str(), X_OK) != 0) {
      sheet_.Note(fmt::format("No grpc.aio server beside it, as there is no {}: client/python/test.sh fetch", python));
    } else {
      python_ = Add("python", "a status built by a Python grpc.aio server", Start({python, PYTHON_SERVER}),
                    OfNumbered(kFewJobs));
      kinds_[*python_].share = kPythonEvery;
    }
  }

  Sheet Run() {
    for (Kind& kind : kinds_) kind.calls.emplace(kind.server->address());
    for (int round = -1; round < plan_.rounds; ++round) {
      for (std::size_t level = 0; level < kInFlight.size(); ++level) {
        for (Kind& kind : kinds_) {
          if (round == 0) kind.measured[level] = {};  // whatever is done for the first time
          kind.Measure(level, level == 0 ? plan_.calls / 8 : plan_.calls);
        }
      }
    }
    for (std::size_t level = 0; level < kInFlight.size(); ++level) Rates(level);
    for (const std::size_t level : {1UL, 2UL}) Tails(level);
    Cpu(1);
    Quiet();
    return sheet_;
  }

 private:
  std::size_t Start(const std::vector<std::string>& command) {
    programs_.emplace_back(OnFirstCpu(command));
    return programs_.size() - 1;
  }

  std::size_t Add(const std::string& key, const std::string& name, std::size_t program, std::vector<Request> requests) {
    kinds_.push_back({.key = key, .name = name, .server = &programs_[program], .requests = std::move(requests)});
    return kinds_.size() - 1;
  }

  // Until the server knows them all: what is looked up is not answered from memory.
  void AwaitAll(std::size_t server, const std::vector<std::string>& ids) {
    Calls calls(programs_[server].address());
    calls.Make(OfJobs(ids), 1);
  }

  const Kind::Measured& Of(std::size_t kind, std::size_t level) const { return kinds_[kind].measured[level]; }

  void Rates(std::size_t level) {
    const std::string suffix = fmt::format("_{}", kInFlight[level]);
    const auto line = [&](std::size_t kind, std::optional<std::size_t> beside, double at_least) {
      Sheet::Line row{.key = kinds_[kind].key + suffix,
                      .name = fmt::format("{}, {} in flight", kinds_[kind].name, kInFlight[level]),
                      .unit = "/s",
                      .value = {SpreadOf(Of(kind, level).rates)}};
      if (beside) row.beside = kinds_[*beside].key + suffix;
      if (at_least > 0) {
        row.goal = fmt::format("≥ {}", at_least);
        row.met = row.value.median.value >= at_least * SpreadOf(Of(*beside, level).rates).value;
      }
      sheet_.Add(std::move(row));
    };
    line(empty_, std::nullopt, 0);
    line(empty_queue_, empty_, 0);
    line(typed_, empty_, 0);
    line(ours_, empty_, kInFlight[level] == 256 ? 0.8 : kInFlight[level] == 1 ? 0 : 0.9);
    line(few_, empty_, 0);
    line(many_, few_, 0.85);
    if (!python_) return;
    line(*python_, ours_, 0);
    const double times = SpreadOf(Of(ours_, level).rates).value / SpreadOf(Of(*python_, level).rates).value;
    sheet_.Note(fmt::format("{} in flight: {:.1f} times as many as the Python server{}", kInFlight[level], times,
                            level == 0    ? ""
                            : times >= 10 ? " (goal ≥ 10: met)"
                                          : " (goal ≥ 10: MISSED)"));
  }

  void Tails(std::size_t level) {
    const auto line = [&](std::size_t kind, const std::string& beside, double at_most) {
      Sheet::Line row{.key = fmt::format("{}_{}_took", kinds_[kind].key, kInFlight[level]),
                      .name = fmt::format("{}, {} in flight: how long each took", kinds_[kind].name, kInFlight[level]),
                      .unit = "ms",
                      .value = DelayOf(Of(kind, level).each),
                      .beside = beside};
      if (at_most > 0) {
        row.goal = fmt::format("p99 ≤ {}", at_most);
        row.met = Of(kind, level).each.Quantile(0.99) <= at_most * Of(empty_, level).each.Quantile(0.99);
      }
      sheet_.Add(std::move(row));
    };
    line(empty_, "", 0);
    line(empty_queue_, fmt::format("empty_{}_took", kInFlight[level]), 0);
    line(ours_, fmt::format("empty_{}_took", kInFlight[level]), 1.15);
  }

  void Cpu(std::size_t level) {
    for (const std::size_t kind : {empty_, empty_queue_, typed_, ours_}) {
      sheet_.Add({.key = kinds_[kind].key + "_cpu",
                  .name = fmt::format("{}, {} in flight: the server's processor", kinds_[kind].name, kInFlight[level]),
                  .unit = "µs",
                  .value = {SpreadOf(Of(kind, level).cpu)},
                  .beside = kind == empty_ ? "" : "empty_cpu"});
    }
  }

  // The first call of each of some servers, and those that follow it; and the same of bare ones.
  struct AfterQuiet {
    std::deque<Program> servers = {};
    std::deque<Calls> calls = {};
    Figures first = {}, next = {};

    void Start(const std::vector<std::string>& command, const Request& request) {
      servers.emplace_back(OnFirstCpu(command));
      calls.emplace_back(servers.back().address()).Make(std::vector(100, request), 1);
    }

    void Measure(std::size_t server, const Request& request) {
      if (server == 0) {
        first.BeginRound();
        next.BeginRound();
      }
      calls[server].Make({request}, 1, &first);
      calls[server].Make(std::vector(200, request), 1, &next);
    }
  };

  void Quiet() {
    const Request request = GetStatusOf(FilledJob(0));
    AfterQuiet bare, ours;
    for (std::size_t i = 0; i < plan_.quiet_servers; ++i) {
      bare.Start({BARE_SERVER}, kEmptyCall);
      ours.Start({FILLED_SERVER, "--jobs", "1"}, request);
    }
    std::this_thread::sleep_for(plan_.quiet);
    for (std::size_t i = 0; i < plan_.quiet_servers; ++i) {
      bare.Measure(i, kEmptyCall);
      ours.Measure(i, request);
    }
    const auto add = [&](const std::string& key, const std::string& name, const Figures& figures,
                         const std::string& beside) {
      sheet_.Add({.key = key, .name = name, .unit = "ms", .value = DelayOf(figures), .beside = beside});
    };
    const std::string after = fmt::format("the first one after {} s of quiet", plan_.quiet.count());
    add("next_empty", "an empty call among others", bare.next, "");
    add("first_empty", after, bare.first, "next_empty");
    add("next_call", "GetStatus among others", ours.next, "next_empty");
    sheet_.Add({.key = "first_call",
                .name = after,
                .unit = "ms",
                .value = DelayOf(ours.first),
                .beside = "first_empty",
                .goal = "median ≤ 2 × p99 of others",
                .met = ours.first.Quantile(0.5) <= 2 * ours.next.Quantile(0.99)});
  }

  const Plan plan_;
  fakes::FakeComfy comfy_;
  std::deque<Program> programs_;
  std::deque<Kind> kinds_;
  std::size_t empty_ = 0, empty_queue_ = 0, typed_ = 0, ours_ = 0, few_ = 0, many_ = 0;
  std::optional<std::size_t> python_;
  Sheet sheet_{
      fmt::format("calls: GetStatus beside an empty call of gRPC; {} cores", std::thread::hardware_concurrency())};
};

std::string Run(const CommandLine& line) {
  return Print(Bench(line.Choose(kFull, kQuick, kSmoke)).Run());
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::RunBenchmark(argc, argv,
                             {.name = "call_bench",
                              .description = "Measures GetStatus beside an empty call of gRPC",
                              .quick = "Some seconds instead of minutes",
                              .json = "File for the figures"},
                             bench::Run);
}
