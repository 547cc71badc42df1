#include "jobs/shape_times.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace jobs {
namespace {

double MedianOf(std::vector<double>& values) {
  std::ranges::sort(values);
  return QuantileOf(values, 0.5);
}

}  // namespace

void ShapeTimes::Add(const RunPlan& plan, double time) {
  shapes_.Touch(plan.shape).Add(time);
  for (const std::uint64_t shape : {plan.scalable_shape, plan.cost_shape + 1}) {
    Trend& trend = trends_.Touch(shape);
    trend.works.Add(plan.work);
    trend.times.Add(time);
  }
  all_.Add(time);
}

void ShapeTimes::AddUnknown(double time) {
  all_.Add(time);
}

std::optional<ShapeTimes::Same> ShapeTimes::OfShape(const RunPlan& plan) const {
  const auto* samples = shapes_.Find(plan.shape);
  if (samples == nullptr) return std::nullopt;
  return Same{samples->Median(), samples->size()};
}

std::optional<double> ShapeTimes::Scaled(const RunPlan& plan) const {
  const Trend* trend = trends_.Find(plan.scalable_shape);
  return trend == nullptr ? std::nullopt : trend->At(plan.work);
}

std::optional<double> ShapeTimes::ScaledAnyLoad(const RunPlan& plan) const {
  const Trend* trend = trends_.Find(plan.cost_shape + 1);
  return trend == nullptr ? std::nullopt : trend->At(plan.work);
}

std::optional<double> ShapeTimes::OfAny() const {
  if (all_.size() < kMinRuns) return std::nullopt;
  return all_.Median();
}

std::optional<double> ShapeTimes::Trend::At(double work) const {
  const auto w = works.values();
  const auto t = times.values();
  // The line through the medians (Theil and Sen): outliers do not bend it.
  std::vector<double> slopes;
  for (std::size_t i = 0; i < w.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double apart = w[i] - w[j];
      if (std::abs(apart) > 0.05 * std::max(w[i], w[j])) slopes.push_back((t[i] - t[j]) / apart);
    }
  }
  std::vector<double> at;
  if (slopes.size() >= 2) {
    const double slope = std::max(MedianOf(slopes), 0.0);
    for (std::size_t i = 0; i < w.size(); ++i) at.push_back(t[i] + slope * (work - w[i]));
    return std::max(MedianOf(at), 0.0);
  }
  // All had about the same work. Most of a run grows with it, but not all.
  constexpr double kFixedShare = 0.2;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double times_more = w[i] > 0 && work > 0 ? work / w[i] : 1;
    at.push_back(t[i] * (kFixedShare + (1 - kFixedShare) * times_more));
  }
  return MedianOf(at);
}

}  // namespace jobs
