#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "jobs/histogram.h"

namespace web {

using Labels = std::vector<prometheus::ClientMetric::Label>;

// One metric with all its series.
class Family {
 public:
  Family(prometheus::MetricType type, std::string name, std::string help) {
    family_.type = type;
    family_.name = std::move(name);
    family_.help = std::move(help);
  }

  Family& Add(Labels labels, double value);
  Family& Add(Labels labels, const jobs::Histogram::Counts& durations);  // in seconds

  prometheus::MetricFamily Take() { return std::move(family_); }  // at the end

 private:
  prometheus::MetricFamily family_;
};

inline Family Counter(std::string name, std::string help) {
  return {prometheus::MetricType::Counter, std::move(name), std::move(help)};
}
inline Family Gauge(std::string name, std::string help) {
  return {prometheus::MetricType::Gauge, std::move(name), std::move(help)};
}
inline Family Histogram(std::string name, std::string help) {
  return {prometheus::MetricType::Histogram, std::move(name), std::move(help)};
}

inline double Seconds(jobs::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace web
