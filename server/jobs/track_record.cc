#include "jobs/track_record.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace jobs {
namespace {

// Added to both sides, so that what takes no time has a ratio, too; and the least that a band reaches to each side.
constexpr double kGrain = 0.1;

// The band of what comes to these multiples of `said`, and is longer than `elapsed`.
Band BandOf(std::span<const double> logarithms, double said, double elapsed) {
  const auto at = [&](double share) { return (said + kGrain) * std::exp(QuantileOf(logarithms, share)) - kGrain; };
  const double middle = std::max(at(0.5), elapsed + kGrain);
  return {std::max(std::min(at(0.1), middle - kGrain), elapsed), middle, std::max(at(0.9), middle + kGrain)};
}

}  // namespace

std::vector<double> Errors::Assumed() const {
  // Quantiles of the normal distribution.
  static constexpr std::array<double, 8> kNormal = {-1.6, -0.95, -0.55, -0.2, 0.2, 0.55, 0.95, 1.6};
  std::vector<double> assumed;
  for (const double z : kNormal) assumed.push_back(z * doubt_);
  return assumed;
}

void Errors::Add(double error) {
  errors_.Add(error);
  sorted_ = errors_.size() < kEnough ? Assumed() : std::vector<double>();
  sorted_.insert(sorted_.end(), errors_.values().begin(), errors_.values().end());
  std::ranges::sort(sorted_);
}

void TrackRecord::Add(double said, double came) {
  ratios_.Add(std::log((std::max(came, 0.0) + kGrain) / (std::max(said, 0.0) + kGrain)));
}

Band TrackRecord::Around(double said) const {
  return BandOf(ratios_.Sorted(), said, 0);
}

Band TrackRecord::Around(double said, double elapsed) const {
  const auto& ratios = ratios_.Sorted();
  const double least = std::log((std::max(elapsed, 0.0) + kGrain) / (said + kGrain));
  const auto first = std::ranges::upper_bound(ratios, least);
  const std::span<const double> longer(first, ratios.end());
  // It has outlasted (almost) all that is known. The longer such a thing has taken, the longer it goes on.
  if (longer.size() < 3) return {elapsed * 1.02, elapsed * 1.2, elapsed * 2};
  return BandOf(longer, said, std::max(elapsed, 0.0));
}

double TrackRecord::Width() const {
  const auto& ratios = ratios_.Sorted();
  return std::exp(QuantileOf(ratios, 0.9) - QuantileOf(ratios, 0.1));
}

void BandRecord::Add(const Band& said, double came) {
  const double off = came - said.middle;
  const double reach = std::max(off < 0 ? said.middle - said.low : said.high - said.middle, kGrain);
  reaches_.Add(off / reach);
}

Band BandRecord::Fit(const Band& band) const {
  const double low = std::max(band.middle - band.low, kGrain);
  const double high = std::max(band.high - band.middle, kGrain);
  return {band.middle + std::min(QuantileOf(reaches_.Sorted(), 0.1), 0.0) * low, band.middle,
          band.middle + std::max(QuantileOf(reaches_.Sorted(), 0.9), 0.0) * high};
}

}  // namespace jobs
