#include "jobs/track_record.h"

#include <gtest/gtest.h>

namespace jobs {
namespace {

TEST(Quantiles, AreThoseThatANextValueFallsBelowSoOften) {
  const std::vector<double> values = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_DOUBLE_EQ(QuantileOf(values, 0.5), 5);
  EXPECT_DOUBLE_EQ(QuantileOf(values, 0.1), 1);
  EXPECT_DOUBLE_EQ(QuantileOf(values, 0.9), 9);
  EXPECT_DOUBLE_EQ(QuantileOf(values, 0.01), 1);
  EXPECT_DOUBLE_EQ(QuantileOf(std::vector<double>{4}, 0.9), 4);
}

TEST(TrackRecord, DoubtsAsToldWhileItIsEmpty) {
  const Band band = TrackRecord(0.5).Around(10);
  EXPECT_NEAR(band.middle, 10, 1e-9);
  EXPECT_LT(band.low, 7);
  EXPECT_GT(band.high, 15);
  EXPECT_LT(TrackRecord(0.1).Width(), TrackRecord(0.5).Width());
}

TEST(TrackRecord, MakesABandThatFourOfFiveFellInto) {
  TrackRecord record(0.5);
  for (int i = 0; i < 64; ++i) record.Add(100, 90 + i % 21);
  const Band band = record.Around(1000);
  EXPECT_NEAR(band.low, 915, 10);
  EXPECT_NEAR(band.middle, 1000, 5);
  EXPECT_NEAR(band.high, 1085, 10);
}

TEST(TrackRecord, CorrectsWhatIsAlwaysSaidTooLow) {
  TrackRecord record(0.5);
  for (int i = 0; i < 64; ++i) record.Add(100, 130);
  EXPECT_NEAR(record.Around(10).middle, 13, 0.1);
}

TEST(TrackRecord, ForgetsTheOldest) {
  TrackRecord record(0.5);
  for (std::size_t i = 0; i < Errors::kMax; ++i) record.Add(100, 300);
  for (std::size_t i = 0; i < Errors::kMax; ++i) record.Add(100, 100);
  EXPECT_NEAR(record.Around(10).high, 10, 0.2);
}

TEST(TrackRecord, KnowsThatWhatHasTakenLongTakesLonger) {
  TrackRecord record(0.5);
  for (int i = 0; i < 64; ++i) record.Add(100, i % 4 == 0 ? 200 : 100);
  EXPECT_NEAR(record.Around(100, 50).middle, 100, 1);
  EXPECT_NEAR(record.Around(100, 150).middle, 200, 1);
}

TEST(TrackRecord, NeverSaysThatWhatOutlastsAllIsOver) {
  const TrackRecord record(0.1);
  double last = 0;
  for (double elapsed = 20; elapsed < 1e6; elapsed *= 2) {
    const Band band = record.Around(10, elapsed);
    EXPECT_GT(band.low, elapsed);
    EXPECT_GT(band.middle, band.low);
    EXPECT_GT(band.high - band.low, last) << "less and less is known";
    last = band.high - band.low;
  }
}

TEST(TrackRecord, OfWhatTakesNoTimeIsFinite) {
  TrackRecord record(0.5);
  for (int i = 0; i < 64; ++i) record.Add(0, i % 2 == 0 ? 0 : -1);
  const Band band = record.Around(0);
  EXPECT_GE(band.low, 0);
  EXPECT_LT(band.high, 1);
}

TEST(BandRecord, WidensBandsThatWereTooNarrow) {
  BandRecord record;
  for (int i = 0; i < 64; ++i) record.Add({90, 100, 110}, i % 2 == 0 ? 70 : 140);
  const Band band = record.Fit({90, 100, 120});
  EXPECT_NEAR(band.low, 70, 1);
  EXPECT_NEAR(band.high, 180, 1);
}

TEST(BandRecord, KeepsTheMiddleInsideOfTheBand) {
  BandRecord record;
  for (int i = 0; i < 64; ++i) record.Add({90, 100, 110}, 105);
  const Band band = record.Fit({90, 100, 110});
  EXPECT_LE(band.low, 100);
  EXPECT_GE(band.high, 100);
}

}  // namespace
}  // namespace jobs
