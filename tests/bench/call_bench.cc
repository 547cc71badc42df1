// How near a GetStatus from memory comes to an empty call of the same library, how far it leaves behind what people
// write instead, and whether that holds for a million jobs and after a time of quiet.
//
// Server and caller are processes of their own, each on processors of its own where there are two.
#include <fmt/format.h>
#include <grpcpp/completion_queue.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
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
constexpr Plan kQuick{.rounds = 3, .calls = 1'000, .many_jobs = 100'000, .quiet_servers = 3, .quiet = 2s};
constexpr Plan kSmoke{.rounds = 1, .calls = 80, .many_jobs = 200, .quiet_servers = 1, .quiet = 0s};

constexpr std::size_t kFewJobs = 100;
constexpr std::array<std::size_t, 4> kInFlight = {1, 16, 64, 256};

// One server, and what was measured of it, by number in flight.
struct Kind {
  std::string key;
  std::string name;
  Program* server;
  std::vector<Request> requests;  // made in turn
  std::size_t share = 1;          // of as many calls it makes one, as it needs that much longer
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
    empty_ = Add("empty", "an empty call", Start({BARE_SERVER}), {EmptyCall()});
    empty_queue_ = Add("empty_queue", "an empty call by completion queue", Start({BARE_QUEUE_SERVER}), {EmptyCall()});
    typed_ = Add("typed", "a status built for each call", Start({BARE_SERVER}), OfNumbered(kFewJobs));
    const std::size_t server = Start(ServerCommand(comfy_, "none", {}));
    ours_ = Add("get_status", fmt::format("GetStatus of one of {} jobs", kFewJobs), server, OfJobs(ids));
    AwaitAll(server, ids);
    few_ = Add("few", fmt::format("GetStatus of one of {} jobs, its gRPC face alone", kFewJobs),
               Start({FILLED_SERVER, "--jobs", std::to_string(kFewJobs)}), OfFilled(kFewJobs));
    many_ = Add("many", fmt::format("GetStatus of one of {} jobs, likewise", plan_.many_jobs),
                Start({FILLED_SERVER, "--jobs", std::to_string(plan_.many_jobs)}), OfFilled(plan_.many_jobs));
    AddOthers();
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
  // What people write in other languages, as far as it can be had.
  void AddOthers() {
    struct Other {
      std::string key;
      std::string language;
      std::string file;
      std::vector<std::string> command;
      std::size_t share;
      std::vector<double> times;  // as many calls, at the least, by number in flight
    };
    const std::string go = YARDSTICKS "/go/bench_server";
    const std::string node = YARDSTICKS "/node/client/node/bench_server.mjs";
    const std::string python = YARDSTICKS "/python/venv/bin/python";
    for (const Other& other :
         {Other{"go", "Go", go, {go}, 1, {1, 1, 1, 0}},
          Other{"node", "Node.js", node, {"/usr/bin/env", "node", node}, 4, {0, 3, 3, 3}},
          Other{"python", "Python (grpc.aio)", python, {python, PYTHON_SERVER}, 8, {0, 10, 10, 10}}}) {
      if (access(other.file.c_str(), R_OK) != 0) {
        sheet_.Note(fmt::format("No {} server beside it, as there is no {}: tests/bench/yardsticks.sh", other.language,
                                other.file));
        continue;
      }
      const std::size_t kind = Add(other.key, fmt::format("a status built by a server in {}", other.language),
                                   Start(other.command), OfNumbered(kFewJobs));
      kinds_[kind].share = other.share;
      others_.push_back({kind, other.times});
    }
  }

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
    const std::size_t limit = Better(level, [](const auto& of) { return -SpreadOf(of.rates).value; });
    line(ours_, limit, kInFlight[level] == 256 ? 0.8 : kInFlight[level] == 1 ? 0 : 0.9);
    line(few_, limit, 0);
    line(many_, few_, 0.85);
    for (const auto& [other, at_least] : others_) {
      line(other, ours_, 0);
      const double times = SpreadOf(Of(ours_, level).rates).value / SpreadOf(Of(other, level).rates).value;
      Sheet::Line row{.key = fmt::format("{}_times{}", kinds_[other].key, suffix),
                      .name = fmt::format("GetStatus beside {}, {} in flight", kinds_[other].name, kInFlight[level]),
                      .unit = "times",
                      .value = {SpreadOf({times})}};
      if (at_least[level] > 0) {
        row.goal = fmt::format("≥ {}", at_least[level]);
        row.met = times >= at_least[level];
      }
      sheet_.Add(std::move(row));
    }
  }

  // gRPC's limit: the better of its two ways.
  std::size_t Better(std::size_t level, const auto& of) const {
    return of(Of(empty_queue_, level)) < of(Of(empty_, level)) ? empty_queue_ : empty_;
  }

  void Tails(std::size_t level) {
    const auto tail = [](const auto& of) { return of.each.Quantile(0.99); };
    const std::size_t limit = Better(level, tail);
    const auto key = [&](std::size_t kind) { return fmt::format("{}_{}_took", kinds_[kind].key, kInFlight[level]); };
    for (const std::size_t kind : {empty_, empty_queue_, ours_}) {
      Sheet::Line row{.key = key(kind),
                      .name = fmt::format("{}, {} in flight: how long each took", kinds_[kind].name, kInFlight[level]),
                      .unit = "ms",
                      .value = DelayOf(Of(kind, level).each)};
      if (kind == ours_) {
        row.beside = key(limit);
        row.goal = "p99 ≤ 1.15";
        row.met = tail(Of(kind, level)) <= 1.15 * tail(Of(limit, level));
      }
      sheet_.Add(std::move(row));
    }
  }

  void Cpu(std::size_t level) {
    const std::size_t limit = Better(level, [](const auto& of) { return SpreadOf(of.cpu).value; });
    for (const std::size_t kind : {empty_, empty_queue_, typed_, ours_}) {
      const bool is_bare = kind == empty_ || kind == empty_queue_;
      sheet_.Add({.key = kinds_[kind].key + "_cpu",
                  .name = fmt::format("{}, {} in flight: the server's processor", kinds_[kind].name, kInFlight[level]),
                  .unit = "µs",
                  .value = {SpreadOf(Of(kind, level).cpu)},
                  .beside = is_bare ? "" : kinds_[limit].key + "_cpu"});
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
      bare.Start({BARE_QUEUE_SERVER}, EmptyCall());
      ours.Start({FILLED_SERVER, "--jobs", "1"}, request);
    }
    // As programs do whose gRPC has threads of its own: a caller who does not answer our pings for 40 s, as it does not
    // look, has to connect anew.
    grpc::CompletionQueue looking;
    void* tag = nullptr;
    bool ok = false;
    looking.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + plan_.quiet);
    for (std::size_t i = 0; i < plan_.quiet_servers; ++i) {
      bare.Measure(i, EmptyCall());
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
  std::vector<std::pair<std::size_t, std::vector<double>>> others_;  // and how many times as many calls are the goal
  Sheet sheet_{
      fmt::format("calls: GetStatus beside an empty call of gRPC; {} cores", std::thread::hardware_concurrency())};
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::RunBenchmark<bench::Bench>(argc, argv,
                                           {.name = "call_bench",
                                            .description = "Measures GetStatus beside an empty call of gRPC",
                                            .quick = "Some seconds instead of minutes"},
                                           bench::kFull, bench::kQuick, bench::kSmoke);
}
