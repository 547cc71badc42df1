#include "evaluation/simulated_days.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <random>
#include <set>
#include <unordered_set>

#include "evaluation/simulated_workflows.h"

namespace evaluation {
namespace {

constexpr double kDay = 24 * 3600;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::mt19937_64& source() { return random_; }
  double Uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }
  bool Happens(double chance) { return Uniform() < chance; }
  double Exponential(double mean) { return -mean * std::log(1 - Uniform()); }
  double Normal() { return std::sqrt(-2 * std::log(1 - Uniform())) * std::cos(2 * std::numbers::pi * Uniform()); }
  // About 1; the logarithm spreads by `spread`.
  double Factor(double spread) { return std::exp(spread * Normal()); }

 private:
  std::mt19937_64 random_;
};

struct Submission {
  double at = 0;
  Settings settings;
};

// What one person submits.
void Work(double from, double until, Dice& dice, std::vector<Submission>& submissions) {
  double now = from + dice.Exponential(1800);
  while (now < until) {
    Settings settings = PickSettings(dice.source(), !dice.Happens(0.08));
    const int jobs = 1 + static_cast<int>(dice.Exponential(7));
    const bool patient = dice.Happens(0.6);
    for (int i = 0; i < jobs && now < until; ++i) {
      const int burst = patient ? 1 : 1 + static_cast<int>(dice.Exponential(4));
      for (int b = 0; b < burst; ++b) {
        submissions.push_back({now, settings});
        now += 0.1 + dice.Exponential(0.5);
        ChangeSettings(settings, dice.source());
      }
      now += 15 * dice.Factor(0.9) * (settings.made_from == Template::kVideo ? 15 : 1);
    }
    now += dice.Exponential(2700);
  }
}

struct Episode {
  double from = 0;
  double until = 0;
  double slower = 1;
};

// The one ComfyUI, with its caches.
class Machine {
 public:
  Machine(Dice& dice, double until) : dice_(dice) {
    for (double t = dice.Exponential(kDay / 3); t < until; t += dice.Exponential(kDay / 3)) {
      const double lasts = 300 + 900 * dice.Uniform();
      episodes_.push_back({t, t + lasts, 1.3 + 1.2 * dice.Uniform()});
    }
  }

  void Restart(bool machine_too) {
    results_.clear();
    on_gpu_.clear();
    if (machine_too) in_memory_.clear();
  }

  // Runs `made` from job.began on; fills in the rest.
  void Run(const SimulatedWorkflow& made, PlayedJob& job) {
    const auto& nodes = job.workflow->nodes();
    std::map<std::string, const NodeCost*> cost_of;
    for (std::size_t i = 0; i < made.nodes.size(); ++i) cost_of[made.nodes[i].id] = &made.costs[i];
    std::vector<bool> cached;
    for (const auto& node : nodes) cached.push_back(results_.contains(node.signature));
    const std::vector<bool> needed = job.workflow->Needed(cached);
    // Models that no result of this run's nodes holds any more are freed.
    std::set<std::string> held;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (!cached[i]) continue;
      for (const Model& model : cost_of[nodes[i].id]->reads) held.insert(model.file);
    }
    std::erase_if(on_gpu_, [&](const std::string& file) { return !held.contains(file); });

    const double luck = dice_.Factor(0.03);
    const double fails = dice_.Happens(0.04) ? dice_.Uniform() : 2;
    std::unordered_set<std::uint64_t> results;
    double at = 0.005;
    job.nodes.resize(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      job.nodes[i].cached = cached[i];
      if (cached[i]) results.insert(nodes[i].signature);
    }
    const auto all = static_cast<double>(std::ranges::count(needed, true));
    double done = 0;
    for (std::size_t i = 0; i < nodes.size() && job.completed; ++i) {
      if (!needed[i]) continue;
      PlayedNode& node = job.nodes[i];
      node.ran = true;
      node.began = at;
      at += Execute(*cost_of[nodes[i].id], node, job.began, luck);
      node.ended = at;
      done += 1;
      if (done / all > fails) {
        // In the midst of the node: that it has ended is not told.
        job.completed = false;
        at = node.began + (node.ended - node.began) * dice_.Uniform();
        node.ended = 1e18;
        break;
      }
      results.insert(nodes[i].signature);
      at += 0.002;
    }
    results_ = std::move(results);
    job.ended = job.began + at + 0.01;
  }

 private:
  double SlownessAt(double time) const {
    double slower = 1 + 0.06 * std::sin(2 * std::numbers::pi * time / kDay);
    for (const Episode& episode : episodes_) {
      if (time >= episode.from && time < episode.until) slower *= episode.slower;
    }
    return slower;
  }

  double Execute(const NodeCost& cost, PlayedNode& node, double run_began, double luck) {
    const double begins = node.began;
    double at = begins;
    for (const Model& model : cost.reads) {
      const bool first = in_memory_.insert(model.file).second;
      at += model.gigabytes * (first ? 0.7 : 0.2) * dice_.Factor(0.2);
    }
    for (const Model& model : cost.uses) {
      if (on_gpu_.insert(model.file).second) at += model.gigabytes * 0.12 * dice_.Factor(0.15);
    }
    const double swaps = dice_.Happens(0.004) ? 2 + 3 * dice_.Uniform() : 1;
    const double pace = luck * dice_.Factor(0.03) * swaps;
    at += cost.fixed * pace * dice_.Factor(0.06) * SlownessAt(run_began + at);
    node.steps = cost.steps;
    for (int step = 0; step < cost.steps; ++step) {
      at += cost.each_step * pace * dice_.Factor(0.03) * SlownessAt(run_began + at);
      node.step_times.push_back(at);
    }
    if (cost.steps > 0) at += 0.01;
    return at - begins;
  }

  Dice& dice_;
  std::vector<Episode> episodes_;
  std::unordered_set<std::uint64_t> results_;
  std::set<std::string> on_gpu_;
  std::set<std::string> in_memory_;
};

}  // namespace

std::vector<PlayedJob> Simulate(const SimulatedDays& what) {
  Dice dice(what.seed);
  const double until = what.days * kDay;
  std::vector<Submission> submissions;
  for (int person = 0; person < 3; ++person) Work(0, until, dice, submissions);
  std::ranges::stable_sort(submissions, {}, &Submission::at);

  Machine machine(dice, until);
  std::vector<PlayedJob> played;
  double free = 0;
  double restart = dice.Exponential(kDay);
  // Its own dice, so that the same work is done however much of it is heard.
  Dice ears(what.seed + 1);
  for (const Submission& submission : submissions) {
    const SimulatedWorkflow made = Make(submission.settings);
    PlayedJob job;
    job.workflow = std::make_shared<const jobs::Workflow>(*jobs::Workflow::Build(made.nodes, made.outputs));
    job.family = made.family;
    job.submitted = submission.at;
    job.heard = ears.Happens(what.heard);
    job.began = std::max(submission.at, free) + 0.02;
    if (job.began > restart) {
      job.restart_before = true;
      machine.Restart(dice.Happens(0.3));
      restart = job.began + dice.Exponential(kDay);
    }
    machine.Run(made, job);
    free = job.ended;
    played.push_back(std::move(job));
  }
  return played;
}

}  // namespace evaluation
