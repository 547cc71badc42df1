#include "web/families.h"

#include <utility>

namespace web {

Family& Family::Add(Labels labels, double value) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  metric.label = std::move(labels);
  (family_.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return *this;
}

// What Prometheus calls a bucket holds those before it, too.
Family& Family::Add(Labels labels, const jobs::Histogram::Counts& durations) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  metric.label = std::move(labels);
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < durations.counts.size(); ++i) {
    count += durations.counts[i];
    if (i < durations.ends.size()) metric.histogram.bucket.push_back({count, Seconds(durations.ends[i])});
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = Seconds(durations.sum);
  return *this;
}

}  // namespace web
