#pragma once

#include <cstddef>
#include <vector>

#include "jobs/samples.h"

// How far off predictions were, so that the band around the next one follows from experience rather than from a theory
// of the errors.
namespace jobs {

// The last errors, as numbers that are comparable with each other; before there are enough, some are assumed.
class Errors {
 public:
  static constexpr std::size_t kMax = 64;
  static constexpr std::size_t kEnough = 24;  // with so many nothing is assumed any more

  // `doubt`: how far those that are assumed spread.
  explicit Errors(double doubt) : doubt_(doubt) {}

  void Add(double error);
  const std::vector<double>& Sorted() const { return sorted_; }

 private:
  double doubt_;
  Samples<kMax> errors_;
  std::vector<double> sorted_ = Assumed();

  std::vector<double> Assumed() const;
};

// A time (of any unit, from 0 on) and the band around it: what came is to fall below them in 10 %, 50 % and 90 %.
struct Band {
  double low = 0;
  double middle = 0;
  double high = 0;
};

// Of predictions of times, in seconds, by the ratios of what came to what was said.
class TrackRecord {
 public:
  explicit TrackRecord(double doubt = 0.5) : ratios_(doubt) {}

  void Add(double said, double came);

  Band Around(double said) const;

  // The same of a time that is known to be longer than `elapsed`.
  Band Around(double said, double elapsed) const;

  // How many times higher the upper end of the band is than the lower.
  double Width() const;

 private:
  Errors ratios_;  // logarithms
};

// Of bands that were made otherwise: how much wider or narrower they had to be.
class BandRecord {
 public:
  void Add(const Band& said, double came);
  Band Fit(const Band& band) const;

 private:
  Errors reaches_{0.8};  // -1: came at the lower end of the band, 1: at the upper one
};

}  // namespace jobs
