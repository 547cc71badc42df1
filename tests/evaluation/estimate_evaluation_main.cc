// Plays recorded and made-up jobs to the time remaining, and prints how right it was.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "evaluation/recorded_jobs.h"
#include "evaluation/replay.h"
#include "evaluation/report.h"
#include "evaluation/simulated_days.h"

namespace {

void Print(const std::string& title, const evaluation::Replayed& replayed, bool each, bool json, bool first) {
  const auto scores = evaluation::ScoresOf(replayed.asked, each);
  if (json) {
    std::printf("%s\"%s\": %s", first ? "" : ",\n", title.c_str(),
                evaluation::ToJson(scores, replayed.steadiness).c_str());
    return;
  }
  std::printf("== %s, %d jobs\n%s%s\n", title.c_str(), replayed.steadiness.jobs, evaluation::ToTable(scores).c_str(),
              evaluation::ToText(replayed.steadiness).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  evaluation::SimulatedDays days;
  double poll = 2;
  bool json = false;
  std::string recordings = TEST_DATA_DIR "/recordings";

  CLI::App app{"How right the time remaining is, on recorded jobs and on made-up days of work"};
  app.add_option("--seed", days.seed, "The same seed makes the same days")->capture_default_str();
  app.add_option("--days", days.days, "How many days of work to make up")->capture_default_str();
  app.add_option("--poll", poll, "Seconds between two looks at the jobs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--recordings", recordings, "Folder of recordings")->capture_default_str();
  app.add_flag("--json", json, "Print JSON instead of tables");
  CLI11_PARSE(app, argc, argv);

  try {
    if (json) std::printf("{");
    bool first = true;
    struct Hearing {
      const char* title;
      double share;
    };
    for (const Hearing& hearing : {Hearing{"made-up days, all jobs heard", 1}, Hearing{"made-up days, half heard", 0.5},
                                   Hearing{"made-up days, none heard", 0}}) {
      days.heard = hearing.share;
      Print(hearing.title, evaluation::Replay(evaluation::Simulate(days), poll), true, json, first);
      first = false;
    }
    // Each version was a ComfyUI of its own. Their jobs are short and few, so that only sums say something.
    evaluation::Replayed recorded;
    for (const char* version : {"2023-12", "v0.3.44", "v0.3.64", "v0.33.0"}) {
      const auto one = evaluation::Replay(evaluation::RecordedJobs(recordings, version), 0.5, 0.1);
      recorded.asked.insert(recorded.asked.end(), one.asked.begin(), one.asked.end());
      recorded.steadiness += one.steadiness;
    }
    Print("recorded", recorded, false, json, false);
    if (json) std::printf("}\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "estimate_evaluation: %s\n", error.what());
    return 1;
  }
  return 0;
}
