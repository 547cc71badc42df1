#include "jobs/run_times.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace jobs {

void RunTimes::Add(Duration run_time) {
  if (run_time < Duration::zero()) return;
  runs_.push_back(run_time);
  if (runs_.size() > kMaxRuns) runs_.pop_front();
}

std::optional<RunTimes::Quantiles> RunTimes::LongerThan(Duration elapsed) const {
  std::vector<Duration> longer;
  std::copy_if(runs_.begin(), runs_.end(), std::back_inserter(longer), [&](Duration d) { return d > elapsed; });
  if (longer.size() < kMinEvidence) return std::nullopt;
  std::sort(longer.begin(), longer.end());
  const auto last = longer.size() - 1;
  return Quantiles{longer[last / 10], longer[last / 2], longer[last - last / 10]};
}

std::optional<Estimate> RunTimes::EndOfRunning(Time start, Time now) const {
  const auto run = LongerThan(now - start);
  if (!run) return std::nullopt;
  return Estimate{start + run->median, start + run->low, start + run->high};
}

std::optional<Estimate> RunTimes::EndOfQueued(int position, const std::optional<Time>& running_since, Time now) const {
  const auto run = LongerThan(Duration::zero());
  if (!run) return std::nullopt;
  Estimate begin{now, now, now};
  if (running_since) {
    const auto end = EndOfRunning(*running_since, now);
    if (!end) return std::nullopt;
    begin = *end;
  }
  // The sum of independent runs spreads with the square root of their number.
  const double spread = std::sqrt(position);
  const auto scaled = [spread](Duration d) { return Duration(std::llround(static_cast<double>(d.count()) * spread)); };
  const Duration middle = run->median * position;
  return Estimate{begin.end + middle, begin.earliest_end + middle - scaled(run->median - run->low),
                  begin.latest_end + middle + scaled(run->high - run->median)};
}

}  // namespace jobs
