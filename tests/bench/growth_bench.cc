// What becomes of time and memory as backends, followed jobs and watches grow in number.
//
// Jobs and subscriptions are measured on a board in this process; backends and streams on the real jobstatus-server,
// streams beside a server that does nothing else.
#include <fmt/format.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bench/bare_streams.h"
#include "bench/command_line.h"
#include "bench/crowded_board.h"
#include "bench/live.h"
#include "bench/program.h"
#include "bench/sheet.h"
#include "bench/watchers.h"
#include "board/board.h"
#include "comfyui/jobstatus/v1/job_status.grpc.pb.h"
#include "fakes/fake_comfy.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

// How much is measured.
struct Plan {
  int rounds;
  std::size_t calls;  // of a round, of each operation; of those that take many jobs, a two-hundredth
  std::array<std::size_t, 3> jobs;
  std::array<std::size_t, 3> watches;
  std::array<std::size_t, 2> watches_of_queue;  // while a queue of a thousand moves
  std::array<std::size_t, 2> streams;
  int told;  // how often all streams are
  std::vector<std::size_t> backends;
  std::chrono::milliseconds rest;
};
const Plan kFull{.rounds = 7,
                 .calls = 4000,
                 .jobs = {1, 1000, 1'000'000},
                 .watches = {1, 1000, 50'000},
                 .watches_of_queue = {1000, 10'000},
                 .streams = {1000, 50'000},
                 .told = 7,
                 .backends = {1, 10, 100, 1000},
                 .rest = 10s};
const Plan kQuick{.rounds = 3,
                  .calls = 1000,
                  .jobs = {1, 1000, 50'000},
                  .watches = {1, 1000, 10'000},
                  .watches_of_queue = {100, 1000},
                  .streams = {500, 3000},
                  .told = 3,
                  .backends = {1, 100, 300},
                  .rest = 1s};
const Plan kSmoke{.rounds = 1,
                  .calls = 200,
                  .jobs = {1, 10, 2000},
                  .watches = {1, 10, 20},
                  .watches_of_queue = {2, 10},
                  .streams = {5, 20},
                  .told = 1,
                  .backends = {1, 2, 5},
                  .rest = 100ms};

constexpr std::size_t kOfMany = 200;  // see Plan::calls
constexpr double kFlat = 1.5;
constexpr double kLeastMemory = 1024;  // bytes, beyond a job's status, and of a watch beyond what gRPC needs
constexpr double kNotice = 0.5;        // µs, to tell a watch that all it has to do is to look
constexpr std::size_t kFakes = 4;      // ComfyUIs that all backends are
const std::vector<std::string> kManyWatches = {
    "--max-watches", "1000000", "--max-watches-per-peer", "1000000", "--max-calls-per-connection", "2000000"};

class CountingWatcher final : public board::Watcher {
 public:
  void OnChange(bool) override { ++changes_; }
  std::uint64_t taken_revision() const override { return std::numeric_limits<std::uint64_t>::max(); }

 private:
  std::size_t changes_ = 0;
};

// So many subscriptions, until the end.
class Subscriptions {
 public:
  // `job_ids`: of which each has one, in turn; none: all have all jobs.
  Subscriptions(board::Board& board, std::size_t count, const std::vector<std::string>& job_ids) {
    handles_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      board::Filter filter;
      if (!job_ids.empty()) filter.job_ids.insert(job_ids[i % job_ids.size()]);
      handles_.push_back(board.Subscribe(filter, std::make_shared<CountingWatcher>()));
    }
  }

 private:
  std::vector<board::Board::Handle> handles_;
};

std::size_t Reachable(const std::string& address) {
  const auto stub = pb::JobStatusService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  pb::ListBackendsResponse response;
  if (const grpc::Status status = stub->ListBackends(&context, {}, &response); !status.ok())
    throw std::runtime_error("no backends are listed: " + status.error_message());
  return static_cast<std::size_t>(std::ranges::count_if(response.backends(), &pb::Backend::reachable));
}

class Bench {
 public:
  explicit Bench(const Plan& plan) : plan_(plan) {}

  Sheet Run() {
    Say("followed jobs");
    Jobs();
    Say("subscriptions");
    Watches();
    Say("queues that move");
    MovingQueue();
    Say("streams");
    Streams();
    Say("backends");
    Backends();
    if (!not_flat_.empty())
      sheet_.Note(fmt::format("Without regard to what a bare one grows, not flat within {}: {}.", kFlat, not_flat_));
    return std::move(sheet_);
  }

 private:
  static void Say(const std::string& what) { fmt::print(stderr, "== growth: {}\n", what); }

  // One operation at several sizes, by rounds: time of the processor that it took, on average.
  struct Curve {
    std::string key;
    std::string name;
    std::vector<std::vector<double>> rounds = {};  // by size

    double At(std::size_t size) const { return SpreadOf(rounds[size]).value; }
  };

  // Those greater than `sizes[base]` beside that. With `bare`, which does the least that has to be done for so many,
  // they may grow as that does.
  template <class Sizes>
  void Add(const Curve& curve, const Sizes& sizes, const std::string& things, const Curve* bare = nullptr,
           std::size_t base = 1) {
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      Sheet::Line line{.key = fmt::format("{}_{}", curve.key, sizes[i]),
                       .name = fmt::format("{}, {} {}", curve.name, sizes[i], things),
                       .unit = "µs",
                       .value = {SpreadOf(curve.rounds[i])}};
      if (i > base) {
        line.beside = fmt::format("{}_{}", curve.key, sizes[base]);
        if (bare != &curve) {
          const double least = bare == nullptr ? 1 : std::max(bare->At(i) / bare->At(base), 1.0);
          line.goal = bare == nullptr ? fmt::format("≤ {}", kFlat) : fmt::format("≤ {} × {:.1f} of bare", kFlat, least);
          line.met = curve.At(i) <= kFlat * least * curve.At(base);
          if (curve.At(i) > kFlat * curve.At(base))
            not_flat_ += fmt::format("{}{} {} ({:.1f})", not_flat_.empty() ? "" : ", ", curve.key, sizes[i],
                                     curve.At(i) / curve.At(base));
        }
      }
      sheet_.Add(std::move(line));
    }
  }

  static double Each(std::size_t count, const std::function<void()>& call) {
    const Micros before = ThreadCpu();
    for (std::size_t i = 0; i < count; ++i) call();
    return (ThreadCpu() - before).count() / static_cast<double>(count);
  }

  template <class Thing>
  std::vector<Thing> AnyOf(const std::vector<Thing>& things) {
    std::uniform_int_distribution<std::size_t> any(0, things.size() - 1);
    std::vector<Thing> some;
    for (std::size_t i = 0; i < plan_.calls; ++i) some.push_back(things[any(random_)]);
    return some;
  }

  // What is seen of any servers, so often.
  std::vector<CrowdedBoard::Seen> AnySeen(CrowdedBoard& crowded, std::size_t count,
                                          CrowdedBoard::Seen (CrowdedBoard::*see)(std::size_t)) {
    std::uniform_int_distribution<std::size_t> any(0, crowded.servers() - 1);
    std::vector<CrowdedBoard::Seen> seen;
    seen.reserve(count);
    while (seen.size() < count) seen.push_back((crowded.*see)(any(random_)));
    return seen;
  }

  // The least: ids in a hash map.
  using BareMap = std::unordered_map<std::string, board::Snapshot>;
  static BareMap BareOf(const CrowdedBoard& crowded, std::size_t count) {
    BareMap map;
    for (std::size_t i = 0; i < count; ++i)
      map.emplace(crowded.ids()[i], crowded.board().Find(crowded.ids()[i], "").snapshot);
    return map;
  }

  double BareMicros(const BareMap& map, const CrowdedBoard& crowded) {
    std::uniform_int_distribution<std::size_t> any(0, map.size() - 1);
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < plan_.calls; ++i) ids.push_back(crowded.ids()[any(random_)]);
    std::size_t at = 0;
    std::uint64_t sum = 0;
    const double each = Each(ids.size(), [&] {
      const board::Snapshot found = map.find(ids[at++])->second;
      sum += found->revision;
    });
    if (sum == 0) throw std::runtime_error("a job has no revision");
    return each;
  }

  double FindMicros(const CrowdedBoard& crowded) {
    const std::vector<std::string> ids = AnyOf(crowded.ids());
    std::size_t at = 0;
    std::size_t found = 0;
    const double each = Each(ids.size(), [&] { found += crowded.board().Find(ids[at++], "").snapshot != nullptr; });
    if (found != ids.size()) throw std::runtime_error("a job is not on the board");
    return each;
  }

  // After any of the newest revisions, as watches ask.
  double NextMicros(const CrowdedBoard& crowded) {
    const std::uint64_t newest = crowded.board().NextAfter({}, 0).revision;
    std::uniform_int_distribution<std::uint64_t> behind(1, std::min<std::uint64_t>(crowded.ids().size(), 50));
    std::vector<std::uint64_t> after;
    for (std::size_t i = 0; i < plan_.calls; ++i) after.push_back(newest - behind(random_));
    std::size_t at = 0;
    std::size_t found = 0;
    const double each =
        Each(after.size(), [&] { found += crowded.board().NextAfter({}, after[at++]).sighted.snapshot != nullptr; });
    if (found != after.size()) throw std::runtime_error("nothing is next");
    return each;
  }

  void Jobs() {
    const std::size_t sizes = plan_.jobs.size();
    std::deque<CrowdedBoard> unfinished, finished;
    std::deque<BareMap> maps;
    for (const std::size_t count : plan_.jobs) {
      unfinished.emplace_back(CrowdedBoard::Jobs::kUnfinished, count);
      finished.emplace_back(CrowdedBoard::Jobs::kFinished, count);
      maps.push_back(BareOf(unfinished.back(), count));
    }
    Curve bare{.key = "bare", .name = "a look-up in a bare hash map"};
    Curve find{.key = "find", .name = "Find"};
    Curve next{.key = "next", .name = "NextAfter"};
    Curve step{.key = "step", .name = "Observe of a step"};
    Curve end{.key = "end", .name = "Observe of an end"};
    Curve look{.key = "look", .name = "Observe of a queue, for each of its jobs"};
    for (Curve* const curve : {&bare, &find, &next, &step, &end, &look}) curve->rounds.resize(sizes);
    for (int round = -1; round < plan_.rounds; ++round) {
      for (std::size_t i = 0; i < sizes; ++i) {
        const auto add = [&](Curve& curve, double micros) {
          if (round >= 0) curve.rounds[i].push_back(micros);  // the first does whatever is done for the first time
        };
        add(bare, BareMicros(maps[i], unfinished[i]));
        add(find, FindMicros(unfinished[i]));
        add(next, NextMicros(unfinished[i]));
        add(step, unfinished[i].Observe(AnySeen(unfinished[i], plan_.calls, &CrowdedBoard::Step)).count());
        add(end, finished[i].Observe(AnySeen(finished[i], plan_.calls, &CrowdedBoard::End)).count());
        const std::size_t looks = std::max<std::size_t>(plan_.calls / kOfMany, 1);
        add(look, unfinished[i].Observe(AnySeen(unfinished[i], looks, &CrowdedBoard::Look)).count() /
                      static_cast<double>(unfinished[i].JobsOf(0)));
      }
    }
    Add(bare, plan_.jobs, "in it", &bare);
    Add(find, plan_.jobs, "followed", &bare);
    Add(next, plan_.jobs, "followed", &bare);
    Add(step, plan_.jobs, "followed", &bare);
    Add(end, plan_.jobs, "finished in memory", &bare);
    Add(look, plan_.jobs, "followed", &bare);
    sheet_.Note(
        "Whatever is kept of so many jobs or watches, no processor has in its caches: these may grow 1.5 times as much "
        "as the look-up in a bare hash map does from the second size on. Each backend has up to 1000 of the jobs.");
    for (std::size_t i = 1; i < sizes; ++i) {
      Beyond("unfinished", "memory of a job in a queue", unfinished[i]);
      Beyond("finished", "memory of a finished job", finished[i]);
    }
  }

  void Beyond(const std::string& key, const std::string& name, const CrowdedBoard& crowded) {
    const auto jobs = static_cast<double>(crowded.ids().size());
    const auto status = static_cast<double>(crowded.status_bytes());
    const double beyond = (static_cast<double>(crowded.bytes()) - status) / jobs;
    sheet_.Add(
        {.key = fmt::format("memory_{}_{}", key, crowded.ids().size()),
         .name = fmt::format("{} beyond its status of {:.0f} bytes, {}", name, status / jobs, crowded.ids().size()),
         .unit = "bytes",
         .value = {SpreadOf({beyond})},
         .goal = fmt::format("≤ {:.0f}", kLeastMemory),
         .met = beyond <= kLeastMemory});
  }

  void Watches() {
    CrowdedBoard crowded(CrowdedBoard::Jobs::kUnfinished, plan_.watches.back());
    board::Board& board = crowded.board();
    const std::size_t sizes = plan_.watches.size();
    std::deque<BareMap> maps;
    for (const std::size_t count : plan_.watches) maps.push_back(BareOf(crowded, count));
    Curve bare{.key = "bare_watches", .name = "a look-up in a bare hash map"};
    Curve subscribe{.key = "subscribe", .name = "Subscribe to one job, and its end"};
    Curve next{.key = "next_named", .name = "NextAfter of one job"};
    Curve step{.key = "step_named", .name = "Observe of a step, each has a job"};
    Curve step_all{.key = "step_all", .name = "Observe of a step, for each that has all"};
    for (Curve* const curve : {&bare, &subscribe, &next, &step, &step_all}) curve->rounds.resize(sizes);
    double bytes = 0;
    const auto watcher = std::make_shared<CountingWatcher>();
    for (int round = 0; round < plan_.rounds; ++round) {
      for (std::size_t i = 0; i < sizes; ++i) {
        bare.rounds[i].push_back(BareMicros(maps[i], crowded));
        std::vector<board::Filter> filters;
        for (const std::string& id : AnyOf(crowded.ids())) filters.push_back({.job_ids = {id}, .backend = ""});
        {
          const std::size_t before = HeapBytes();
          const Subscriptions subscriptions(board, plan_.watches[i], crowded.ids());
          bytes = static_cast<double>(HeapBytes() - before) / static_cast<double>(plan_.watches[i]);
          std::size_t at = 0;
          subscribe.rounds[i].push_back(Each(filters.size(), [&] { board.Subscribe(filters[at++], watcher).End(); }));
          at = 0;
          next.rounds[i].push_back(Each(filters.size(), [&] { board.NextAfter(filters[at++], 0); }));
          step.rounds[i].push_back(crowded.Observe(AnySeen(crowded, plan_.calls, &CrowdedBoard::Step)).count());
        }
        const Subscriptions subscriptions(board, plan_.watches[i], {});
        const std::size_t steps = std::max<std::size_t>(plan_.calls * 10 / (plan_.watches[i] + 10), 5);
        step_all.rounds[i].push_back(crowded.Observe(AnySeen(crowded, steps, &CrowdedBoard::Step)).count() /
                                     static_cast<double>(plan_.watches[i]));
      }
    }
    Add(bare, plan_.watches, "in it", &bare);
    Add(subscribe, plan_.watches, "watch", &bare);
    Add(next, plan_.watches, "watch");
    Add(step, plan_.watches, "watch");
    Add(step_all, plan_.watches, "watch", &bare);
    sheet_.Note(fmt::format("On the board, a watch of one job takes {:.0f} bytes.", bytes));
  }

  // Whoever watches all is told once of all that has moved.
  void MovingQueue() {
    CrowdedBoard crowded(CrowdedBoard::Jobs::kUnfinished, CrowdedBoard::kJobsOfServer);
    std::vector<double> unwatched;
    std::vector<std::vector<double>> watched(plan_.watches_of_queue.size());
    const auto moved = [&] { return crowded.Observe({crowded.LookMoved(0)}).count(); };
    for (int round = 0; round < plan_.rounds; ++round) {
      unwatched.push_back(moved());
      for (std::size_t i = 0; i < plan_.watches_of_queue.size(); ++i) {
        const Subscriptions subscriptions(crowded.board(), plan_.watches_of_queue[i], {});
        watched[i].push_back(moved());
      }
    }
    const Spread alone = SpreadOf(unwatched);
    sheet_.Add({.key = "moved_0",
                .name = "Observe of a queue of 1000 that all move, nobody watches",
                .unit = "µs",
                .value = {alone}});
    for (std::size_t i = 0; i < plan_.watches_of_queue.size(); ++i) {
      const Spread all = SpreadOf(watched[i]);
      const double most = kFlat * alone.value + static_cast<double>(plan_.watches_of_queue[i]) * kNotice;
      sheet_.Add({.key = fmt::format("moved_{}", plan_.watches_of_queue[i]),
                  .name = fmt::format("the same, {} watch all", plan_.watches_of_queue[i]),
                  .unit = "µs",
                  .value = {all},
                  .beside = "moved_0",
                  .goal = fmt::format("≤ 1.5 × + {} each", kNotice),
                  .met = all.value <= most});
    }
  }

  struct Told {
    std::vector<double> cpu;  // of the server, µs a message
    double kilobytes = 0;     // of the server
  };

  Told OfService(std::size_t streams) {
    Told told;
    Live live({.watchers = streams, .more = kManyWatches});
    live.BeginJob();
    for (int i = 0; i < plan_.told; ++i) {
      for (int rest = 0; rest < 3; ++rest) Rest();
      const Micros before = live.server().cpu();
      live.Progress();
      told.cpu.push_back((live.server().cpu() - before).count() / static_cast<double>(streams));
    }
    live.EndJob();
    told.kilobytes = static_cast<double>(live.server().resident_kb());
    return told;
  }

  Told OfBare(std::size_t streams) {
    Told told;
    BareStreams bare({BARE_QUEUE_SERVER});
    bare.Open(streams, (streams + 3) / 4);
    for (int i = 0; i <= plan_.told; ++i) {
      for (int rest = 0; rest < 3; ++rest) Rest();
      const Micros before = bare.server().cpu();
      bare.Tell();
      const double cpu = (bare.server().cpu() - before).count() / static_cast<double>(streams);
      if (i > 0) told.cpu.push_back(cpu);  // those of the service were told of a job's beginning before
    }
    told.kilobytes = static_cast<double>(bare.server().resident_kb());
    return told;
  }

  void Streams() {
    const double empty = OfService(1).kilobytes;
    const double empty_bare = OfBare(1).kilobytes;
    Curve told{.key = "told", .name = "server's time for a message, by the service"};
    Curve bare_told{.key = "bare_told", .name = "server's time for a message, by a bare server"};
    for (const std::size_t streams : plan_.streams) {
      const Told of_service = OfService(streams);
      const Told of_bare = OfBare(streams);
      told.rounds.push_back(of_service.cpu);
      bare_told.rounds.push_back(of_bare.cpu);
      const auto each = [&](const Told& of, double base) {
        return (of.kilobytes - base) * 1024 / static_cast<double>(streams - 1);
      };
      const double bare = each(of_bare, empty_bare);
      const double ours = each(of_service, empty);
      const std::string bare_key = fmt::format("stream_bare_{}", streams);
      sheet_.Add({.key = bare_key,
                  .name = fmt::format("memory of a stream of a bare server, {} told", streams),
                  .unit = "bytes",
                  .value = {SpreadOf({bare})}});
      sheet_.Add({.key = fmt::format("stream_{}", streams),
                  .name = fmt::format("memory of a stream of the service, {} told", streams),
                  .unit = "bytes",
                  .value = {SpreadOf({ours})},
                  .beside = bare_key,
                  .goal = fmt::format("≤ 1 × + {:.0f}", kLeastMemory),
                  .met = ours <= bare + kLeastMemory});
    }
    Add(bare_told, plan_.streams, "streams", &bare_told, 0);
    Add(told, plan_.streams, "streams", &bare_told, 0);
  }

  void Backends() {
    struct Measured {
      double announced = 0;  // ms after the start
      double all_answered = 0;
      double kilobytes = 0;
      double threads = 0;
      double cpu = 0;  // at rest, µs in a second
    };
    std::vector<Measured> measured;
    for (const std::size_t count : plan_.backends) {
      std::deque<fakes::FakeComfy> comfys(std::min(count, kFakes));
      std::vector<std::string> more;
      for (std::size_t i = 1; i < count; ++i)
        more.insert(more.end(), {"--backend", fmt::format("gpu{}={}", i, comfys[i % comfys.size()].url())});
      const auto begun = Clock::now();
      const Program server(ServerCommand(comfys.front(), "none", more));
      Measured& of = measured.emplace_back();
      of.announced = Milliseconds(Clock::now() - begun);
      while (Reachable(server.address()) < count) std::this_thread::sleep_for(5ms);
      of.all_answered = Milliseconds(Clock::now() - begun);
      std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(plan_.rest, 3s));
      const Micros before = server.cpu();
      const auto rested = Clock::now();
      std::this_thread::sleep_for(plan_.rest);
      of.cpu = (server.cpu() - before).count() / std::chrono::duration<double>(Clock::now() - rested).count();
      of.kilobytes = static_cast<double>(server.resident_kb());
      of.threads = static_cast<double>(server.threads());
    }
    const auto line = [&](const std::string& key, const std::string& name, const std::string& unit, std::size_t i,
                          double value) -> Sheet::Line {
      return {.key = fmt::format("{}_{}", key, plan_.backends[i]),
              .name = fmt::format("{}, {} backends", name, plan_.backends[i]),
              .unit = unit,
              .value = {SpreadOf({value})}};
    };
    const auto whole = [&](const std::string& key, const std::string& name, const std::string& unit,
                           double Measured::*of) {
      for (std::size_t i = 0; i < measured.size(); ++i) sheet_.Add(line(key, name, unit, i, measured[i].*of));
    };
    // Of each backend but the first, beside that of fewer.
    const auto each = [&](const std::string& key, const std::string& name, const std::string& unit,
                          double Measured::*of) {
      const auto more = [&](std::size_t i) {
        return (measured[i].*of - measured[0].*of) / static_cast<double>(plan_.backends[i] - plan_.backends[0]);
      };
      for (std::size_t i = 1; i < measured.size(); ++i) {
        Sheet::Line of_each = line(key + "_each", name + " for each of", unit, i, more(i));
        if (i + 1 == measured.size()) {
          of_each.beside = fmt::format("{}_each_{}", key, plan_.backends[i - 1]);
          of_each.goal = fmt::format("≤ {}", kFlat);
          of_each.met = more(i) <= kFlat * more(i - 1);
        }
        sheet_.Add(std::move(of_each));
      }
    };
    whole("announced", "start to the address file", "ms", &Measured::announced);
    whole("answered", "start to the last backend's first answer", "ms", &Measured::all_answered);
    whole("resident", "memory", "kB", &Measured::kilobytes);
    each("resident", "the same", "kB", &Measured::kilobytes);
    whole("rest", "processor's time at rest, in a second", "µs", &Measured::cpu);
    each("rest", "the same", "µs", &Measured::cpu);
    for (std::size_t i = 0; i < measured.size(); ++i) {
      Sheet::Line threads = line("threads", "threads", "", i, measured[i].threads);
      if (i > 0) {
        threads.goal = fmt::format("≤ {}", kFlat);  // gRPC has some more or less
        threads.beside = fmt::format("threads_{}", plan_.backends[0]);
        threads.met = measured[i].threads <= kFlat * measured[0].threads;
      }
      sheet_.Add(std::move(threads));
    }
  }

  static double Milliseconds(Micros taken) { return taken.count() / 1000; }

  const Plan& plan_;
  std::mt19937_64 random_{20261125};
  std::string not_flat_;  // what grew by more than kFlat, and by how much
  Sheet sheet_{fmt::format("growth: time and memory as backends, jobs and watches grow; {} cores",
                           std::thread::hardware_concurrency())};
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::RunBenchmark<bench::Bench>(
      argc, argv,
      {.name = "growth_bench",
       .description = "Measures time and memory as backends, jobs and watches grow in number",
       .quick = "Some seconds instead of minutes"},
      bench::kFull, bench::kQuick, bench::kSmoke);
}
