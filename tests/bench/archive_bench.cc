// What it costs that verdicts survive: how many a second come to the disk, how much later they are told for being there
// first, and what a million of them change.
//
// How fast they are written is measured in this process; all else through the real jobstatus-server, as in news_bench.
// The files are in the folder for temporary ones, which TMPDIR names.
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

#include "bench/calls.h"
#include "bench/command_line.h"
#include "bench/live.h"
#include "bench/program.h"
#include "bench/scratch.h"
#include "bench/sheet.h"
#include "bench/verdicts.h"
#include "fakes/fake_comfy.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

// How much is measured.
struct Plan {
  std::size_t archived;
  int write_rounds;
  std::size_t writes;
  int delay_rounds;
  int jobs;
  int starts;
  int call_rounds;
  std::size_t calls;  // one after another; eight times as many at once
  int expiry_rounds;
};
constexpr Plan kFull{.archived = 1'000'000,
                     .write_rounds = 5,
                     .writes = 20'000,
                     .delay_rounds = 10,
                     .jobs = 20,
                     .starts = 9,
                     .call_rounds = 6,
                     .calls = 1000,
                     .expiry_rounds = 6};
constexpr Plan kQuick{.archived = 20'000,
                      .write_rounds = 2,
                      .writes = 2500,
                      .delay_rounds = 1,
                      .jobs = 8,
                      .starts = 3,
                      .call_rounds = 2,
                      .calls = 150,
                      .expiry_rounds = 1};
constexpr Plan kSmoke{.archived = 2000,
                      .write_rounds = 1,
                      .writes = 200,
                      .delay_rounds = 1,
                      .jobs = 1,
                      .starts = 1,
                      .call_rounds = 1,
                      .calls = 10,
                      .expiry_rounds = 1};

constexpr std::size_t kFewArchived = 1000;
constexpr std::size_t kFewAtOnce = 200;  // so that a hundred wait while a hundred are written
constexpr std::size_t kManyAtOnce = 2000;
constexpr std::size_t kBareBatch = 100;
constexpr std::size_t kCallsAtOnce = 16;
constexpr auto kAge = 2h;  // of what was archived before

class Bench {
 public:
  Bench(const Plan& plan, std::size_t watchers) : plan_(plan), watchers_(watchers) {}

  Sheet Run() {
    Say(fmt::format("writing {} verdicts", plan_.archived));
    const jobs::Time ended = WallNow() - kAge;
    const Rate filled = WriteByArchive(large_, plan_.archived, ended);
    WriteByArchive(few_, kFewArchived, ended);
    Say("verdicts to the disk");
    Writing(filled);
    Say("the end of a job");
    Delays();
    Say("starts");
    Starts();
    Say("calls");
    Answers();
    if (plan_.expiry_rounds > 0) {
      Say("forgetting");
      Forgetting();
    }
    return sheet_;
  }

 private:
  static void Say(const std::string& what) { fmt::print(stderr, "== archive: {}\n", what); }

  void Writing(const Rate& filled) {
    enum { kBare, kFew, kMany, kLarge, kKinds };
    std::array<std::vector<double>, kKinds> rates;
    std::array<double, kKinds> batch{};
    std::uint64_t next = plan_.archived;
    for (int round = 0; round < plan_.write_rounds; ++round) {
      const Scratch fresh;
      const std::array<Rate, kKinds> of_round = {
          WriteBare(fresh.path()),
          WriteByService(std::filesystem::path(fresh.path()) / "few", 0, plan_.writes, kFewAtOnce),
          WriteByService(std::filesystem::path(fresh.path()) / "many", 0, plan_.writes, kManyAtOnce),
          WriteByService(large_, next, plan_.writes, kManyAtOnce),
      };
      next += plan_.writes;
      for (int kind = 0; kind < kKinds; ++kind) {
        rates[kind].push_back(of_round[kind].per_second);
        batch[kind] = of_round[kind].batch;
      }
    }
    const auto line = [&](int kind, const std::string& key, const std::string& name, const std::string& beside) {
      sheet_.Add({.key = key,
                  .name = fmt::format("{}, {:.0f} in a batch", name, batch[kind]),
                  .unit = "/s",
                  .value = {SpreadOf(rates[kind])},
                  .beside = beside});
    };
    line(kBare, "bare_rows", "rows to the disk by bare SQLite", "");
    line(kFew, "verdicts_few", fmt::format("verdicts, {} on their way", kFewAtOnce), "bare_rows");
    line(kMany, "verdicts_many", fmt::format("verdicts, {} on their way", kManyAtOnce), "bare_rows");
    const double flat = SpreadOf(rates[kLarge]).value / SpreadOf(rates[kMany]).value;
    sheet_.Add({.key = "verdicts_onto_many",
                .name = fmt::format("the same, on top of {} archived", plan_.archived),
                .unit = "/s",
                .value = {SpreadOf(rates[kLarge])},
                .beside = "verdicts_many",
                .goal = "≥ 1/1.5",
                .met = flat >= 1 / 1.5});
    sheet_.Add({.key = "fill",
                .name = fmt::format("the archive alone, {} from empty", plan_.archived),
                .unit = "/s",
                .value = {SpreadOf({filled.per_second})},
                .beside = "bare_rows"});
  }

  Rate WriteBare(const std::filesystem::path& directory) const {
    BareDatabase bare(directory);
    Micros taken{0};
    std::size_t rows = 0;
    for (; rows < plan_.writes; rows += kBareBatch) taken += bare.Write(kBareBatch);
    return {static_cast<double>(rows) / std::chrono::duration<double>(taken).count(), kBareBatch};
  }

  void Delays() {
    const Scratch fresh;
    Live without({.watchers = watchers_});
    Live with({.watchers = watchers_, .state_dir = fresh.path() / "state"});
    BareDatabase bare(fresh.path());
    Figures of_bare, of_without, of_with;
    for (int round = -1; round < plan_.delay_rounds; ++round) {
      if (round == 0) of_bare = of_without = of_with = {};  // whatever is done for the first time
      for (Figures* figures : {&of_bare, &of_without, &of_with}) figures->BeginRound();
      for (int job = 0; job < plan_.jobs; ++job) {
        RestAnyTime();
        of_bare.Add(bare.Write(1));
        of_without.Add(EndAJob(without));
        of_with.Add(EndAJob(with));
      }
    }
    sheet_.Add(
        {.key = "bare_commit", .name = "one row to the disk by bare SQLite", .unit = "ms", .value = DelayOf(of_bare)});
    sheet_.Add({.key = "end_without",
                .name = fmt::format("end of a job to the last of {}, --state-dir=none", watchers_),
                .unit = "ms",
                .value = DelayOf(of_without)});
    sheet_.Add({.key = "end_with",
                .name = "the same, on the disk before it is told",
                .unit = "ms",
                .value = DelayOf(of_with),
                .beside = "end_without"});
    const auto more = [&](double share) {
      return Millis(of_with.Quantile(share)) - Millis(of_without.Quantile(share));
    };
    sheet_.Note(fmt::format("On the disk before it is told: {:.2f} ms later (median), {:.2f} ms (p99).", more(0.5),
                            more(0.99)));
  }

  // From the call of exec on.
  struct Start {
    std::vector<double> announced, answered, resident;
  };

  void Starts() {
    fakes::FakeComfy comfy;  // with a job that waits, which is known to both at the start
    const std::string waiting = comfy.Submit().prompt_id;
    const Scratch fresh;
    const std::string empty = fresh.path() / "state";
    Start of_empty, of_large;
    std::vector<double> after_reading;
    const auto start = [&](const std::string& state_dir, Start& figures) {
      const auto begun = Clock::now();
      const Program server(ServerCommand(comfy, state_dir, {}));
      figures.announced.push_back(Millis(Clock::now() - begun));
      Calls calls(server.address());
      calls.Make({GetStatusOf(waiting)}, 1);
      figures.answered.push_back(Millis(Clock::now() - begun));
      std::this_thread::sleep_for(500ms);  // it counts what it has
      figures.resident.push_back(Megabytes(server));
      if (&figures != &of_large) return;
      calls.Make(Archived(0, plan_.archived, 1000), 1);
      after_reading.push_back(Megabytes(server));
    };
    for (int round = -1; round < plan_.starts; ++round) {
      if (round == 0) of_empty = of_large = {}, after_reading.clear();
      start(empty, of_empty);
      start(large_, of_large);
    }
    const auto compare = [&](const std::string& key, const std::string& name, const std::string& unit,
                             std::vector<double> Start::*of, double slack) {
      const Spread base = SpreadOf(of_empty.*of);
      const Spread large = SpreadOf(of_large.*of);
      sheet_.Add({.key = key + "_empty", .name = name + ", empty archive", .unit = unit, .value = {base}});
      Sheet::Line line{.key = key + "_large",
                       .name = fmt::format("the same, {} archived", plan_.archived),
                       .unit = unit,
                       .value = {large},
                       .beside = key + "_empty"};
      if (slack > 0) {
        line.goal = fmt::format("≤ 1.5 × + {} ms", slack);
        line.met = large.value <= 1.5 * base.value + slack;
      }
      sheet_.Add(std::move(line));
    };
    compare("start_announced", "start to the address file", "ms", &Start::announced, 100);
    compare("start_answered", "start to the first status answered", "ms", &Start::answered, 100);
    compare("resident", "memory after the start", "MB", &Start::resident, 0);
    sheet_.Add({.key = "resident_read",
                .name = "the same, after 1000 archived jobs were asked for",
                .unit = "MB",
                .value = {SpreadOf(after_reading)},
                .beside = "resident_empty"});
  }

  void Answers() {
    enum { kHealth, kMemory, kFew, kLarge, kKinds };
    const std::vector<std::string> few_in_memory = {"--max-finished-in-memory", "100"};
    Live few({.watchers = 1, .state_dir = few_, .more = few_in_memory});
    Live large({.watchers = 1, .state_dir = large_, .more = few_in_memory});
    large.BeginJob();
    large.EndJob();
    Calls of_few(few.server().address());
    Calls of_large(large.server().address());
    std::array<Figures, kKinds> each;
    std::array<std::vector<double>, kKinds> rates;
    const auto requests = [&](int kind, std::size_t count) -> std::vector<Request> {
      if (kind == kHealth) return std::vector(count, HealthCheck());
      if (kind == kMemory) return std::vector(count, GetStatusOf(large.job_id()));
      return Archived(0, kind == kFew ? kFewArchived : plan_.archived, count);
    };
    for (int round = -1; round < plan_.call_rounds; ++round) {
      for (int kind = 0; kind < kKinds; ++kind) {
        if (round == 0) each[kind] = {}, rates[kind].clear();
        Calls& calls = kind == kFew ? of_few : of_large;
        each[kind].BeginRound();
        calls.Make(requests(kind, plan_.calls), 1, &each[kind]);
        rates[kind].push_back(calls.Make(requests(kind, 8 * plan_.calls), kCallsAtOnce));
      }
    }
    const std::array<std::string, kKinds> keys = {"call_health", "call_memory", "call_few", "call_large"};
    const std::array<std::string, kKinds> names = {"a health check", "GetStatus of a job in memory",
                                                   fmt::format("GetStatus of one of {} archived", kFewArchived),
                                                   fmt::format("GetStatus of one of {} archived", plan_.archived)};
    const std::array<std::string, kKinds> beside = {"", "call_health", "call_memory", "call_few"};
    for (int kind = 0; kind < kKinds; ++kind) {
      Sheet::Line line{
          .key = keys[kind], .name = names[kind], .unit = "ms", .value = DelayOf(each[kind]), .beside = beside[kind]};
      if (kind == kLarge) {
        line.goal = "≤ 1.5";
        line.met = each[kLarge].Quantile(0.5) <= 1.5 * each[kFew].Quantile(0.5);
      }
      sheet_.Add(std::move(line));
    }
    for (int kind = 0; kind < kKinds; ++kind) {
      Sheet::Line line{.key = keys[kind] + "_rate",
                       .name = fmt::format("{}, {} at once", names[kind], kCallsAtOnce),
                       .unit = "/s",
                       .value = {SpreadOf(rates[kind])},
                       .beside = beside[kind].empty() ? "" : beside[kind] + "_rate"};
      if (kind == kLarge) {
        line.goal = "≥ 1/1.5";
        line.met = line.value.median.value >= SpreadOf(rates[kFew]).value / 1.5;
      }
      sheet_.Add(std::move(line));
    }
  }

  // A server that forgets everything that was archived before, a little at a time, and one that does not.
  void Forgetting() {
    struct Measured {
      Figures ends, calls;
    } keeping, forgetting;
    const jobs::Time too_old = WallNow() - kAge / 2;
    int over = 0;
    const auto measure = [&](const std::string& keep, Measured& measured) {
      Live live({.watchers = watchers_,
                 .state_dir = large_,
                 .more = {"--keep-finished", keep, "--max-finished-in-memory", "100"}});
      Calls calls(live.server().address());
      measured.ends.BeginRound();
      measured.calls.BeginRound();
      for (int job = 0; job < plan_.jobs; ++job) {
        measured.ends.Add(EndAJob(live));
        // The newest tenth is forgotten last.
        calls.Make(Archived(plan_.archived / 10 * 9, plan_.archived, std::max<std::size_t>(plan_.calls / 20, 1)), 1,
                   &measured.calls);
      }
    };
    for (int round = 0; round < plan_.expiry_rounds; ++round) {
      measure("30d", keeping);
      measure("1h", forgetting);
      if (!HasOlderThan(large_, too_old)) {
        ++over;
        break;
      }
    }
    const auto compare = [&](const std::string& key, const std::string& name, Figures Measured::*of) {
      sheet_.Add({.key = key + "_keeping", .name = name, .unit = "ms", .value = DelayOf(keeping.*of)});
      sheet_.Add({.key = key + "_forgetting",
                  .name = "the same, while everything old is being forgotten",
                  .unit = "ms",
                  .value = DelayOf(forgetting.*of),
                  .beside = key + "_keeping"});
    };
    compare("end", fmt::format("end of a job to the last of {}", watchers_), &Measured::ends);
    compare("call", fmt::format("GetStatus of one of {} archived", plan_.archived), &Measured::calls);
    if (over > 0) sheet_.Note("All had been forgotten before the last of these was measured: the cost may be greater.");
  }

  // A disk may be ready at each tick of some clock only: what is measured must not keep step with it.
  void RestAnyTime() {
    Rest();
    std::this_thread::sleep_for(10ms * std::uniform_real_distribution<double>()(random_));
  }

  Micros EndAJob(Live& live) {
    live.BeginJob();
    RestAnyTime();
    return live.EndJob();
  }

  std::vector<Request> Archived(std::uint64_t from, std::uint64_t to, std::size_t count) {
    std::uniform_int_distribution<std::uint64_t> job(from, to - 1);
    std::vector<Request> requests;
    for (std::size_t i = 0; i < count; ++i) requests.push_back(GetStatusOf(JobId(job(random_))));
    return requests;
  }

  static double Millis(Micros taken) { return taken.count() / 1000; }
  static double Megabytes(const Program& program) { return static_cast<double>(program.resident_kb()) / 1024; }

  static std::string Where(const std::filesystem::path& directory) {
    struct statfs info = {};
    const bool in_memory = statfs(directory.c_str(), &info) == 0 && info.f_type == TMPFS_MAGIC;
    return fmt::format("{}{}", std::filesystem::temp_directory_path().string(),
                       in_memory ? ", which is in memory: name a disk with TMPDIR" : "");
  }

  const Plan plan_;
  const std::size_t watchers_;
  const Scratch scratch_;
  const std::string few_ = scratch_.path() / "few";
  const std::string large_ = scratch_.path() / "large";
  std::mt19937_64 random_{20261125};
  Sheet sheet_{fmt::format("archive: what it costs that verdicts survive; {} cores, files in {}",
                           std::thread::hardware_concurrency(), Where(scratch_.path()))};
};

std::string Run(const CommandLine& line) {
  return Print(Bench(line.Choose(kFull, kQuick, kSmoke), line.watchers).Run());
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::RunBenchmark(
      argc, argv,
      {.name = "archive_bench",
       .description = "Measures what it costs that verdicts survive a restart; files are where TMPDIR says",
       .quick = "50,000 archived jobs instead of a million"},
      bench::Run);
}
