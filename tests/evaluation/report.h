#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "evaluation/replay.h"

namespace evaluation {

// How good the answers were in one situation. Shares and errors from 0 on; absent where there was no answer.
struct Score {
  std::string situation;
  int asked = 0;
  double answered = 0;                 // share
  std::optional<double> error;         // median of |said − came| / came
  std::optional<double> error_shared;  // the same where the naive rule has an answer, too
  std::optional<double> naive;         // its error there
  std::optional<double> inside;        // how often the truth fell into the band
  std::optional<double> width;         // median of the band's width / what was said
};

Score ScoreOf(std::string situation, std::span<const Asked> asked, const std::function<bool(const Asked&)>& counts);

// One score for each situation, if `each`; and for all that wait, all that run, and those never seen before.
std::vector<Score> ScoresOf(std::span<const Asked> asked, bool each = true);

std::string ToTable(const std::vector<Score>& scores);
std::string ToText(const Steadiness& steadiness);
std::string ToJson(const std::vector<Score>& scores, const Steadiness& steadiness);

}  // namespace evaluation
