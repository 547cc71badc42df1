// How fast ComfyUI's answers are read, beside the least that simdjson does with the same bytes (finding where the
// tokens are, its stage 1) and beside what ComfyUI's Python takes to write them.
//
// Measured in this process, each thing after the other in every round; Python's json in one of its own, which times
// itself. All times are of the processor, so that who else is at work counts less.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/allocations.h"
#include "bench/command_line.h"
#include "bench/parse_documents.h"
#include "bench/parse_exchange.h"
#include "bench/scratch.h"
#include "bench/sheet.h"
#include "comfy/answers.h"
#include "comfy/test_data.h"

namespace bench {
namespace {

// How much is measured.
struct Plan {
  int rounds;
  std::size_t bytes;  // read by each in a round, at least one document
  std::size_t queue_bytes;
  int exchanges;  // in a round
};
constexpr Plan kFull{.rounds = 15, .bytes = 40'000'000, .queue_bytes = 10'000'000, .exchanges = 10};
constexpr Plan kQuick{.rounds = 3, .bytes = 5'000'000, .queue_bytes = 10'000'000, .exchanges = 2};
constexpr Plan kSmoke{.rounds = 1, .bytes = 1, .queue_bytes = 400'000, .exchanges = 1};

constexpr double kGoalOfStage1 = 0.25;
constexpr double kGoalOfPython = 30;
constexpr double kGoalAllocationsPerJob = 2;
constexpr std::size_t kOften = 50;  // how often Python reads and writes a document of 100 kB or less

// Of the processor, on this thread.
double SecondsNow() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void Check(simdjson::error_code error) {
  if (error) throw std::runtime_error(simdjson::error_message(error));
}

// ---- what is done with a document

// simdjson's index of the tokens alone.
class Stage1 {
 public:
  explicit Stage1(std::size_t bytes) {
    Check(simdjson::get_active_implementation()->create_dom_parser_implementation(bytes, kDepth, parser_));
  }
  void Read(const comfy::Body& body) {
    Check(parser_->stage1(reinterpret_cast<const std::uint8_t*>(body.data()), body.size(),
                          simdjson::stage1_mode::regular));
  }

 private:
  static constexpr std::size_t kDepth = 1024;
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser_;
};

// Past every field of the document, and nothing taken.
void Walk(simdjson::ondemand::parser& parser, const comfy::Body& body) {
  simdjson::ondemand::document document;
  simdjson::ondemand::object root;
  Check(parser.iterate(body.data(), body.size(), body.capacity()).get(document));
  Check(document.get_object().get(root));
  for (auto field : root) Check(field.error());
}

void ReadDom(simdjson::dom::parser& parser, const comfy::Body& body) {
  Check(parser.parse(body.data(), body.size(), false).error());
}

const comfy::Address kComfyui = *comfy::Address::Parse("http://comfy:8188");

// As the observer does once it has every job's workflow; `all_workflows`: as when it sees them for the first time.
void ReadQueue(comfy::AnswerReader& reader, const comfy::Body& body, bool all_workflows = false) {
  const comfy::Wanted wanted{.workflow = [&](const std::string&, jobs::QueueNumber) { return all_workflows; },
                             .client_id = "jobstatus"};
  const auto queue = reader.Queue(body, wanted);
  if (!queue || queue->listing.pending.size() + 1 != kQueuedJobs) throw std::runtime_error("the queue is not read");
}

void ReadHistory(comfy::AnswerReader& reader, const comfy::Body& body, const std::string& job_id) {
  const auto entry = reader.History(body, job_id, kComfyui);
  if (!entry || !*entry || (*entry)->outputs.empty()) throw std::runtime_error("the history is not read");
}

// ---- Python

// json of the standard library, as ComfyUI uses it. Prints the seconds that loads and dumps took, each the least of
// several.
constexpr const char* kPython = R"(import json, sys, time
text = open(sys.argv[1], encoding="utf-8").read()
def least(work):
    taken = []
    for _ in range(int(sys.argv[2])):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)
value = json.loads(text)
print(least(lambda: json.loads(text)), least(lambda: json.dumps(value)))
)";

class Python {
 public:
  struct Seconds {
    double loads = 0;
    double dumps = 0;
  };

  Python() { std::ofstream(scratch_.path() / "measure.py") << kPython; }

  // Nothing without a python3.
  std::optional<Seconds> Measure(const std::string& text) const {
    std::ofstream(scratch_.path() / "document.json") << text;
    const std::size_t times = text.size() <= 100'000 ? kOften : text.size() <= 1'000'000 ? 10 : 2;
    const std::string path = scratch_.path();
    const std::string command =
        fmt::format("python3 '{0}/measure.py' '{0}/document.json' {1} 2>/dev/null", path, times);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> output(popen(command.c_str(), "r"), pclose);
    Seconds seconds;
    if (!output || std::fscanf(output.get(), "%lf %lf", &seconds.loads, &seconds.dumps) != 2) return std::nullopt;
    return seconds;
  }

 private:
  const Scratch scratch_;
};

// ---- the table

class Bench {
 public:
  explicit Bench(const Plan& plan) : plan_(plan) {}

  Sheet Run() {
    const Document small = HistoryOf(20'000);
    const Document large = HistoryOf(500'000);
    const Document queue = QueueOf(plan_.queue_bytes);
    const auto history = [](const Document& document) {
      return [&document](comfy::AnswerReader& reader, const comfy::Body& body) {
        ReadHistory(reader, body, document.job_id);
      };
    };
    const auto read_queue = [](comfy::AnswerReader& reader, const comfy::Body& body) { ReadQueue(reader, body); };
    const double dumps_small = Reading("history_20kB", small, history(small));
    const double dumps_large = Reading("history_500kB", large, history(large));
    const double dumps_queue = Reading("queue", queue, read_queue);
    if (dumps_small * dumps_large * dumps_queue == 0) sheet_.Note("Without python3: nothing is compared with it.");
    Allocating(small, large, queue);
    Others(queue);
    Exchanging(queue);
    return sheet_;
  }

 private:
  using Read = std::function<void(comfy::AnswerReader&, const comfy::Body&)>;
  using Work = std::function<void()>;

  static void Say(const std::string& what) { fmt::print(stderr, "== parse: {}\n", what); }

  static std::string Size(const std::string& text) {
    return text.size() < 5'000'000 ? fmt::format("{} kB", text.size() / 1000)
                                   : fmt::format("{:.1f} MB", static_cast<double>(text.size()) / 1e6);
  }

  // In GB/s, over so many bytes as the plan says.
  double Speed(std::size_t size, const Work& work) const {
    const std::size_t times = std::max<std::size_t>(1, plan_.bytes / size);
    const double begun = SecondsNow();
    for (std::size_t i = 0; i < times; ++i) work();
    return static_cast<double>(size * times) / (SecondsNow() - begun) / 1e9;
  }

  static double Median(const std::vector<double>& rounds) { return SpreadOf(rounds).value; }

  // How fast Python writes it, in GB/s; 0 without one.
  double Reading(const std::string& key, const Document& document, const Read& read) {
    const std::size_t size = document.text.size();
    const std::string name =
        (key == "queue" ? fmt::format("queue of {} jobs, ", kQueuedJobs) : "history, ") + Size(document.text);
    Say(name);
    const comfy::Body body = test_data::AsBody(document.text);
    Stage1 stage1(size);
    simdjson::ondemand::parser on_demand;
    simdjson::dom::parser dom;
    comfy::AnswerReader reader;
    enum { kStage1, kOnDemand, kDom, kOurs, kKinds };
    const std::array<Work, kKinds> works = {[&] { stage1.Read(body); }, [&] { Walk(on_demand, body); },
                                            [&] { ReadDom(dom, body); }, [&] { read(reader, body); }};
    for (const Work& work : works) work();
    std::array<std::vector<double>, kKinds> speeds;
    std::vector<double> loads, dumps, times_python;
    for (int round = 0; round < plan_.rounds; ++round) {
      for (int kind = 0; kind < kKinds; ++kind) speeds[kind].push_back(Speed(size, works[kind]));
      const auto python = python_.Measure(document.text);
      if (!python) continue;
      loads.push_back(static_cast<double>(size) / python->loads / 1e9);
      dumps.push_back(static_cast<double>(size) / python->dumps / 1e9);
      times_python.push_back(speeds[kOurs].back() / dumps.back());
    }
    const auto add = [&](const std::string& what, const std::string& said, const std::vector<double>& rounds) {
      const bool first = what == "stage1";
      sheet_.Add({.key = key + "_" + what,
                  .name = first ? fmt::format("{}: {}", name, said) : said,
                  .unit = "GB/s",
                  .value = {SpreadOf(rounds)},
                  .beside = first ? "" : key + "_stage1"});
    };
    add("stage1", "simdjson stage 1", speeds[kStage1]);
    add("on_demand", "simdjson On-Demand, past everything", speeds[kOnDemand]);
    add("dom", "simdjson DOM", speeds[kDom]);
    sheet_.Add({.key = key + "_ours",
                .name = "AnswerReader",
                .unit = "GB/s",
                .value = {SpreadOf(speeds[kOurs])},
                .beside = key + "_stage1",
                .goal = fmt::format("≥ {}", kGoalOfStage1),
                .met = Median(speeds[kOurs]) >= kGoalOfStage1 * Median(speeds[kStage1])});
    if (dumps.empty()) return 0;
    add("python_loads", "Python's json.loads", loads);
    add("python_dumps", "Python's json.dumps, as ComfyUI writes it", dumps);
    const Spread times = SpreadOf(times_python);
    sheet_.Add({.key = key + "_of_python",
                .name = "AnswerReader reads while json.dumps writes it once",
                .unit = "times",
                .value = {times},
                .goal = fmt::format("≥ {}", kGoalOfPython),
                .met = times.value >= kGoalOfPython});
    return Median(dumps);
  }

  // Counted, so once is enough: the second answer of a reader.
  static Allocations Second(const Document& document, const Read& read) {
    const comfy::Body body = test_data::AsBody(document.text);
    comfy::AnswerReader reader;
    read(reader, body);
    return AllocationsOf([&] { read(reader, body); });
  }

  void Allocating(const Document& small, const Document& large, const Document& queue) {
    const auto add = [&](const std::string& key, const std::string& name, const std::string& unit, double value,
                         const std::string& goal, bool met) {
      sheet_.Add({.key = key, .name = name, .unit = unit, .value = {SpreadOf({value})}, .goal = goal, .met = met});
    };
    const auto history = [](const Document& document) {
      return Second(document, [&](comfy::AnswerReader& reader, const comfy::Body& body) {
        ReadHistory(reader, body, document.job_id);
      });
    };
    const Read read_queue = [](comfy::AnswerReader& reader, const comfy::Body& body) { ReadQueue(reader, body); };
    const Allocations of_small = history(small);
    const Allocations of_large = history(large);
    const Allocations of_queue = Second(queue, read_queue);
    const Allocations of_short = Second(QueueOf(plan_.queue_bytes / 10), read_queue);
    const auto count = [](const Allocations& allocations) { return static_cast<double>(allocations.count); };
    const auto kilobytes = [](const Allocations& allocations) { return static_cast<double>(allocations.bytes) / 1000; };
    const double per_job = count(of_queue) / kQueuedJobs;
    add("history_allocations", "allocations, history, " + Size(large.text), "", count(of_large),
        "as of " + Size(small.text), of_large.count == of_small.count);
    add("queue_allocations", "allocations per job, queue, " + Size(queue.text), "", per_job,
        fmt::format("≤ {}", kGoalAllocationsPerJob), per_job <= kGoalAllocationsPerJob);
    add("history_allocated", "memory for that, history", "kB", kilobytes(of_large), "as of " + Size(small.text),
        of_large.bytes == of_small.bytes);
    add("queue_allocated", "memory for that, queue", "kB", kilobytes(of_queue), "as with a tenth of its bytes",
        of_queue.bytes == of_short.bytes && of_queue.count == of_short.count);
  }

  // What is not always so: the first answers of a reader, workflows that are wanted, outputs by the thousand.
  void Others(const Document& queue) {
    Say("other answers");
    const Document outputs = HistoryOfManyOutputs();
    const comfy::Body queue_body = test_data::AsBody(queue.text);
    const comfy::Body outputs_body = test_data::AsBody(outputs.text);
    comfy::AnswerReader reader;
    std::vector<double> first, second, workflows, many;
    const auto once = [](const comfy::Body& body, const Work& work) {
      const double begun = SecondsNow();
      work();
      return static_cast<double>(body.size()) / (SecondsNow() - begun) / 1e9;
    };
    for (int round = 0; round < plan_.rounds; ++round) {
      comfy::AnswerReader fresh;
      const Work read_queue = [&] { ReadQueue(fresh, queue_body); };
      first.push_back(once(queue_body, read_queue));
      second.push_back(once(queue_body, read_queue));
      workflows.push_back(once(queue_body, [&] { ReadQueue(reader, queue_body, true); }));
      many.push_back(Speed(outputs_body.size(), [&] { ReadHistory(reader, outputs_body, outputs.job_id); }));
    }
    const auto add = [&](const std::string& key, const std::string& name, const std::vector<double>& speeds) {
      sheet_.Add({.key = key, .name = name, .unit = "GB/s", .value = {SpreadOf(speeds)}, .beside = "queue_stage1"});
    };
    add("queue_first", "the queue, first answer of a new reader", first);
    add("queue_second", "the queue, its second answer", second);
    add("queue_workflows", "the queue, workflows wanted of all that came", workflows);
    add("many_outputs", "history of 2,500 outputs, " + Size(outputs.text), many);
  }

  // A whole answer, from the request on.
  void Exchanging(const Document& queue) {
    Say("whole exchanges");
    const ReadyServer to_bare(queue.text), to_service(queue.text);
    BareClient bare(to_bare.port(), queue.text.size());
    ServiceClient service(to_service.port());
    comfy::AnswerReader reader;
    enum { kBare, kReceived, kRead, kKinds };
    const std::array<Work, kKinds> works = {[&] { bare.Ask(); }, [&] { service.Ask(); },
                                            [&] { ReadQueue(reader, service.Ask()); }};
    std::array<std::vector<double>, kKinds> rounds;
    for (const Work& work : works) work();
    for (int round = 0; round < plan_.rounds; ++round) {
      for (int kind = 0; kind < kKinds; ++kind) rounds[kind].push_back(Millis(works[kind]));
    }
    const auto add = [&](const std::string& key, const std::string& name, const std::vector<double>& millis) {
      sheet_.Add({.key = key,
                  .name = name,
                  .unit = "ms",
                  .value = {SpreadOf(millis)},
                  .beside = key == "exchange_bare" ? "" : "exchange_bare"});
    };
    add("exchange_bare", "the queue received by bare recv into a kept buffer", rounds[kBare]);
    add("exchange_received", "the same by comfy::HttpClient (libcurl) into its Body", rounds[kReceived]);
    add("exchange_read", "the same, and read", rounds[kRead]);
  }

  double Millis(const Work& exchange) const {
    const double begun = SecondsNow();
    for (int i = 0; i < plan_.exchanges; ++i) exchange();
    return (SecondsNow() - begun) * 1000 / plan_.exchanges;
  }

  const Plan plan_;
  const Python python_;
  Sheet sheet_{
      fmt::format("parse: how fast ComfyUI's answers are read, by time of the processor; simdjson's kernel is {}",
                  simdjson::get_active_implementation()->name())};
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::RunBenchmark<bench::Bench>(argc, argv,
                                           {.name = "parse_bench",
                                            .description = "Measures how fast ComfyUI's answers are read",
                                            .quick = "A third of the rounds"},
                                           bench::kFull, bench::kQuick, bench::kSmoke);
}
