// How many instructions a call and a message of a stream cost the server, beside bare servers: counted by callgrind,
// which counts the same whatever else the machine does.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/bare_streams.h"
#include "bench/calls.h"
#include "bench/command_line.h"
#include "bench/filled_server.h"
#include "bench/live.h"
#include "bench/program.h"
#include "bench/scratch.h"
#include "bench/sheet.h"

namespace bench {
namespace {

// How much is counted: so many calls and news more than it takes to get going.
struct Plan {
  std::size_t calls;
  int news;             // to each of the streams
  std::size_t streams;  // 0: none are counted
};
constexpr Plan kFull{.calls = 4000, .news = 40, .streams = 100};
constexpr Plan kQuick{.calls = 500, .news = 0, .streams = 0};
constexpr Plan kSmoke{.calls = 20, .news = 0, .streams = 0};

constexpr std::size_t kCallsBefore = 500;
constexpr int kNewsBefore = 5;
constexpr std::size_t kInFlight = 16;
constexpr const char* kValgrind = "/usr/bin/valgrind";

// One run of a server under callgrind.
class Counted {
 public:
  std::vector<std::string> Under() const {
    return {kValgrind, "-q", "--tool=callgrind", "--callgrind-out-file=" + file()};
  }
  std::vector<std::string> Command(std::vector<std::string> server) const {
    const std::vector<std::string> under = Under();
    server.insert(server.begin(), under.begin(), under.end());
    return server;
  }

  // Once the server has ended.
  double Instructions() const {
    std::ifstream in(file());
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("summary: ")) return std::stod(line.substr(9));
    }
    throw std::runtime_error("callgrind has counted nothing in " + file());
  }

 private:
  std::string file() const { return scratch_.path() / "callgrind"; }

  const Scratch scratch_;
};

class Bench {
 public:
  explicit Bench(const Plan& plan) : plan_(plan) {}

  Sheet Run() {
    if (access(kValgrind, X_OK) != 0) {
      sheet_.Note(fmt::format("SKIPPED: there is no {}", kValgrind));
      return sheet_;
    }
    Table("call", "GetStatus", OfCalls({BARE_SERVER}, EmptyCall()), OfCalls({BARE_QUEUE_SERVER}, EmptyCall()),
          OfCalls({FILLED_SERVER, "--jobs", "100"}, GetStatusOf(FilledJob(7))));
    if (plan_.streams == 0) return sheet_;
    Table("message", "a message of a stream", OfMessages(BARE_SERVER), OfMessages(BARE_QUEUE_SERVER), OfOurMessages());
    return sheet_;
  }

 private:
  // What each of `more` costs, once `before` were done.
  template <class Count>
  static double Each(std::size_t before, std::size_t more, Count count) {
    return (count(before + more) - count(before)) / static_cast<double>(more);
  }

  double OfCalls(const std::vector<std::string>& server, const Request& request) const {
    return Each(kCallsBefore, plan_.calls, [&](std::size_t calls) {
      const Counted counted;
      Program program(counted.Command(server));
      Calls(program.address()).Make(std::vector(calls, request), kInFlight);
      program.End();
      return counted.Instructions();
    });
  }

  double OfMessages(const std::string& server) const {
    return EachMessage([&](std::size_t news) {
      const Counted counted;
      BareStreams bare(counted.Command({server}));
      bare.Open(plan_.streams, plan_.streams);
      for (std::size_t i = 0; i < news; ++i) bare.Tell();
      bare.Close();
      bare.server().End();
      return counted.Instructions();
    });
  }

  double OfOurMessages() const {
    return EachMessage([&](std::size_t news) {
      const Counted counted;
      Live live({.more = {"--safety-interval", "1h"}, .under = counted.Under()});
      live.Open(plan_.streams, plan_.streams);
      live.BeginJob();
      for (std::size_t i = 0; i < news; ++i) {
        for (int rest = 0; rest < 3; ++rest) Rest();
        live.Progress();
      }
      live.End();
      return counted.Instructions();
    });
  }

  double EachMessage(const std::function<double(std::size_t news)>& count) const {
    return Each(kNewsBefore, static_cast<std::size_t>(plan_.news), count) / static_cast<double>(plan_.streams);
  }

  void Table(const std::string& key, const std::string& name, double callback, double queue, double ours) {
    const auto line = [&](const std::string& of, const std::string& what, double value) {
      const double thousands = value / 1000;
      return Sheet::Line{
          .key = key + of, .name = what, .unit = "k", .value = {Spread{thousands, thousands, thousands}}};
    };
    const std::string bare = key == "call" ? "an empty call" : "bare";
    sheet_.Add(line("_bare", bare + ", by callback", callback));
    sheet_.Add(line("_bare_queue", bare + ", by completion queue", queue));
    Sheet::Line own = line("", name, ours);
    own.beside = callback < queue ? key + "_bare" : key + "_bare_queue";
    if (key == "call") {
      own.goal = "≤ 1.08";
      own.met = ours <= 1.08 * std::min(callback, queue);
    }
    sheet_.Add(std::move(own));
  }

  const Plan plan_;
  Sheet sheet_{"instructions of the server, by callgrind"};
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::RunBenchmark<bench::Bench>(
      argc, argv,
      {.name = "instructions_bench",
       .description = "Counts the instructions of calls and messages beside bare servers",
       .quick = "An eighth of the calls, and no streams"},
      bench::kFull, bench::kQuick, bench::kSmoke);
}
