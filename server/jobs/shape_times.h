#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "jobs/recent_map.h"
#include "jobs/run_plan.h"
#include "jobs/samples.h"

namespace jobs {

// How long whole runs took, by what they had to do. Needs no events: that a run began and ended is enough. Times in
// seconds.
class ShapeTimes {
 public:
  static constexpr std::size_t kMaxShapes = 256;
  static constexpr std::size_t kMaxSamples = 16;  // of one shape
  static constexpr std::size_t kMinRuns = 3;      // of any shape; fewer are no evidence for others
  static constexpr std::size_t kOften = 3;

  void Add(const RunPlan& plan, double time);
  void AddUnknown(double time);  // of a run whose workflow is not known

  // Runs that had the same to do: their median, and how many there are.
  struct Same {
    double time = 0;
    std::size_t runs = 0;
  };
  std::optional<Same> OfShape(const RunPlan& plan) const;

  // By the runs that differ in steps and sizes only.
  std::optional<double> Scaled(const RunPlan& plan) const;

  // By the runs that differ in steps, sizes, and what they had to load.
  std::optional<double> ScaledAnyLoad(const RunPlan& plan) const;

  // By all runs.
  std::optional<double> OfAny() const;

  std::size_t size() const { return shapes_.size(); }

 private:
  // The time of runs against their work.
  struct Trend {
    Samples<kMaxSamples> works;
    Samples<kMaxSamples> times;
    std::optional<double> At(double work) const;
  };
  RecentMap<Samples<kMaxSamples>, kMaxShapes> shapes_;
  RecentMap<Trend, kMaxShapes> trends_;
  Samples<2 * kMaxSamples> all_;
};

}  // namespace jobs
