// What it costs to tell one thing to many WatchStatus streams, beside a bare server that writes bytes encoded once to
// as many: the time of its processor for each message, how soon the last one has it, and the memory of a stream. And
// what readers who do not read cost the others.
#include <fmt/format.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/async_stream.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/bare_streams.h"
#include "bench/command_line.h"
#include "bench/live.h"
#include "bench/program.h"
#include "bench/sheet.h"
#include "bench/watchers.h"

namespace bench {
namespace {

// How much is measured.
struct Plan {
  int rounds;
  int news;  // of a round; a quarter of them to many
  std::size_t streams;
  std::size_t many_streams;
  std::size_t sleepers;
};
constexpr Plan kFull{.rounds = 9, .news = 20, .streams = 1000, .many_streams = 50'000, .sleepers = 50};
constexpr Plan kQuick{.rounds = 2, .news = 6, .streams = 1000, .many_streams = 5'000, .sleepers = 50};
constexpr Plan kSmoke{.rounds = 1, .news = 2, .streams = 10, .many_streams = 20, .sleepers = 2};

constexpr std::size_t kFirst = 10;
constexpr std::size_t kStreamsPerConnection = 100;
constexpr std::size_t kManyPerConnection = 1000;

// Streams whose reader does not take even a first message: there is no room for it on its side.
class Sleepers {
 public:
  Sleepers(const std::string& address, std::size_t count) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    stub_ = pb::JobStatusService::NewStub(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
    for (std::size_t i = 0; i < count; ++i) {
      streams_.push_back(std::make_unique<Stream>());
      Stream& stream = *streams_.back();
      stream.reader = stub_->PrepareAsyncWatchStatus(&stream.context, {}, &queue_);
      stream.reader->StartCall(&stream);
    }
    for (std::size_t i = 0; i < count; ++i) Await();
  }

  ~Sleepers() {
    for (const auto& stream : streams_) {
      stream->context.TryCancel();
      stream->reader->Finish(&stream->status, stream.get());
    }
    for (std::size_t i = 0; i < streams_.size(); ++i) Await();
    queue_.Shutdown();
    void* tag = nullptr;
    for (bool ok = false; queue_.Next(&tag, &ok);) {
    }
  }

 private:
  struct Stream {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientAsyncReader<pb::WatchStatusResponse>> reader;
    grpc::Status status;
  };

  void Await() {
    void* tag = nullptr;
    bool ok = false;
    queue_.Next(&tag, &ok);
  }

  std::unique_ptr<pb::JobStatusService::Stub> stub_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

const std::vector<std::string> kManyAllowed = {
    "--max-watches", "1000000", "--max-watches-per-peer", "1000000", "--max-calls-per-connection", "2000000"};

class Bench {
 public:
  explicit Bench(const Plan& plan) : plan_(plan) { CallFromOtherCpus(); }

  Sheet Run() {
    FanOut(plan_.streams, kStreamsPerConnection, plan_.rounds, plan_.news, "");
    FanOut(plan_.many_streams, kManyPerConnection, 1 + plan_.rounds / 5, std::max(plan_.news / 4, 1), "many_");
    SlowReaders();
    return sheet_;
  }

 private:
  struct Measured {
    std::vector<double> cpu;  // microseconds a message
    Figures last = {};        // of all has it
    double memory = 0;        // kB a stream
  };

  template <class Tell>
  void Round(const Program& server, std::size_t streams, int news, Measured& measured, Tell tell) {
    measured.last.BeginRound();
    Micros cpu{0};
    for (int i = 0; i < news; ++i) {
      for (int rest = 0; rest < 3; ++rest) Rest();
      const Micros before = server.cpu();
      measured.last.Add(tell());
      cpu += server.cpu() - before;
    }
    measured.cpu.push_back(cpu.count() / static_cast<double>(news) / static_cast<double>(streams));
  }

  // Beside both of gRPC's ways; what is asked for is set beside the better one.
  void FanOut(std::size_t streams, std::size_t per_connection, int rounds, int news, const std::string& prefix) {
    BareStreams callback(OnFirstCpu({BARE_SERVER})), queue(OnFirstCpu({BARE_QUEUE_SERVER}));
    Live ours({.watchers = 0, .more = kManyAllowed, .own_cpu = true});
    Measured of_callback, of_queue, of_ours;
    const auto open = [&](auto& server, Measured& measured) {
      server.Open(kFirst, kFirst);  // what is got for the first of all is not that of a stream
      const std::size_t before = server.server().resident_kb();
      server.Open(streams, per_connection);
      measured.memory = static_cast<double>(server.server().resident_kb() - before) / static_cast<double>(streams);
    };
    open(callback, of_callback);
    open(queue, of_queue);
    open(ours, of_ours);
    ours.BeginJob();
    for (int round = -1; round < rounds; ++round) {
      if (round == 0) {
        for (Measured* const measured : {&of_callback, &of_queue, &of_ours}) *measured = {.memory = measured->memory};
      }
      Round(callback.server(), streams, news, of_callback, [&] { return callback.Tell(); });
      Round(queue.server(), streams, news, of_queue, [&] { return queue.Tell(); });
      Round(ours.server(), streams, news, of_ours, [&] { return ours.Progress(); });
    }
    const auto add = [&](const std::string& key, const std::string& name, const std::string& unit, const auto& value_of,
                         std::optional<double> at_most) {
      const auto line = [&](const std::string& of, const std::string& whose, const Measured& measured) {
        return Sheet::Line{.key = prefix + key + of,
                           .name = fmt::format("{} streams{}: {}", streams, whose, name),
                           .unit = unit,
                           .value = value_of(measured)};
      };
      const auto ratio_of = [](const Sheet::Value& value) { return (value.tail ? *value.tail : value.median).value; };
      const Sheet::Line by_callback = line("_bare", ", bare by callback", of_callback);
      const Sheet::Line by_queue = line("_bare_queue", ", bare by completion queue", of_queue);
      const Sheet::Line& better = ratio_of(by_queue.value) < ratio_of(by_callback.value) ? by_queue : by_callback;
      Sheet::Line own = line("", "", of_ours);
      own.beside = better.key;
      if (at_most) {
        own.goal = fmt::format("{}≤ {}", own.value.tail ? "p99 " : "", *at_most);
        own.met = ratio_of(own.value) <= *at_most * ratio_of(better.value);
      }
      for (const Sheet::Line& each : {by_callback, by_queue, own}) sheet_.Add(each);
    };
    add(
        "cpu", "the server's processor, a message", "µs",
        [](const Measured& of) { return Sheet::Value{SpreadOf(of.cpu)}; }, 1.1);
    add(
        "last", "until the last one is told", "ms", [](const Measured& of) { return DelayOf(of.last); }, 1.1);
    add(
        "memory", "memory, a stream", "kB", [](const Measured& of) { return Sheet::Value{SpreadOf({of.memory})}; },
        std::nullopt);
    const double more = of_ours.memory - std::min(of_callback.memory, of_queue.memory);
    sheet_.Add({.key = prefix + "memory_more",
                .name = fmt::format("{} streams: memory, a stream, more than the leaner bare server", streams),
                .unit = "kB",
                .value = {SpreadOf({more})},
                .goal = "≤ 1",
                .met = more <= 1});
  }

  // News to a hundred, with and without those who do not read beside them.
  void SlowReaders() {
    Live alone({.watchers = 100, .own_cpu = true});
    Live beside({.watchers = 100, .own_cpu = true});
    alone.BeginJob();
    beside.BeginJob();
    const Sleepers sleepers(beside.server().address(), plan_.sleepers);
    Measured of_alone, of_beside;
    for (int round = 0; round < plan_.rounds; ++round) {
      Round(alone.server(), 100, plan_.news, of_alone, [&] { return alone.Progress(); });
      Round(beside.server(), 100, plan_.news, of_beside, [&] { return beside.Progress(); });
    }
    sheet_.Add({.key = "readers_alone",
                .name = "100 streams: until the last one is told",
                .unit = "ms",
                .value = DelayOf(of_alone.last)});
    sheet_.Add({.key = "readers_beside_sleepers",
                .name = fmt::format("the same, beside {} that do not read", plan_.sleepers),
                .unit = "ms",
                .value = DelayOf(of_beside.last),
                .beside = "readers_alone",
                .goal = "p99 ≤ 1.1",
                .met = of_beside.last.Quantile(0.99) <= 1.1 * of_alone.last.Quantile(0.99)});
  }

  const Plan plan_;
  Sheet sheet_{fmt::format("streams: one thing told to many, beside a bare server; {} cores",
                           std::thread::hardware_concurrency())};
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::RunBenchmark<bench::Bench>(argc, argv,
                                           {.name = "stream_bench",
                                            .description = "Measures what it costs to tell one thing to many streams",
                                            .quick = "5,000 streams instead of 50,000"},
                                           bench::kFull, bench::kQuick, bench::kSmoke);
}
