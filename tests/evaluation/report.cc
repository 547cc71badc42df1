#include "evaluation/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

namespace evaluation {
namespace {

std::optional<double> MedianOf(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <typename... Values>
std::string Format(const char* format, Values... values) {
  char text[512];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

std::string Percent(const std::optional<double>& share) {
  return share ? Format("%.1f %%", *share * 100) : "-";
}

std::string Number(const std::optional<double>& number) {
  return number ? Format("%.4f", *number) : "null";
}

}  // namespace

Score ScoreOf(std::string situation, std::span<const Asked> asked, const std::function<bool(const Asked&)>& counts) {
  Score score{.situation = std::move(situation)};
  std::vector<double> errors, shared, naive, widths;
  int answered = 0;
  int inside = 0;
  for (const Asked& a : asked) {
    if (!counts(a)) continue;
    ++score.asked;
    if (!a.ours) continue;
    ++answered;
    errors.push_back(std::abs(*a.ours - a.truth) / a.truth);
    inside += a.truth >= a.earliest && a.truth <= a.latest ? 1 : 0;
    if (*a.ours > 0) widths.push_back((a.latest - a.earliest) / *a.ours);
    if (!a.naive) continue;
    shared.push_back(errors.back());
    naive.push_back(std::abs(*a.naive - a.truth) / a.truth);
  }
  if (score.asked > 0) score.answered = static_cast<double>(answered) / score.asked;
  if (answered > 0) score.inside = static_cast<double>(inside) / answered;
  score.error = MedianOf(errors);
  score.error_shared = MedianOf(shared);
  score.naive = MedianOf(naive);
  score.width = MedianOf(widths);
  return score;
}

std::vector<Score> ScoresOf(std::span<const Asked> asked, bool each) {
  std::map<std::string, int> situations;
  if (each) {
    for (const Asked& a : asked) ++situations[a.situation];
  }
  std::vector<Score> scores;
  for (const auto& [situation, count] : situations) {
    scores.push_back(ScoreOf(situation, asked, [&](const Asked& a) { return a.situation == situation; }));
  }
  const auto runs = [](const Asked& a) {
    return a.situation.starts_with("running") || a.situation.starts_with("unheard");
  };
  scores.push_back(ScoreOf("all that wait", asked, [&](const Asked& a) { return !runs(a); }));
  scores.push_back(ScoreOf("all that run", asked, runs));
  scores.push_back(ScoreOf("unseen, waits", asked, [&](const Asked& a) { return a.unseen && !runs(a); }));
  scores.push_back(ScoreOf("unseen, runs", asked, [&](const Asked& a) { return a.unseen && runs(a); }));
  return scores;
}

std::string ToTable(const std::vector<Score>& scores) {
  std::string table = Format("%-18s %7s %9s | %8s | %10s %8s | %8s %8s\n", "situation", "asked", "answered", "error",
                             "both: ours", "naive", "in band", "width");
  for (const Score& s : scores) {
    if (s.asked == 0) continue;
    table += Format("%-18s %7d %9s | %8s | %10s %8s | %8s %8s\n", s.situation.c_str(), s.asked,
                    Percent(s.answered).c_str(), Percent(s.error).c_str(), Percent(s.error_shared).c_str(),
                    Percent(s.naive).c_str(), Percent(s.inside).c_str(), Percent(s.width).c_str());
  }
  return table;
}

std::string ToText(const Steadiness& s) {
  const auto of = [&](int count) { return s.jobs > 0 ? static_cast<double>(count) / s.jobs : 0.0; };
  return Format(
      "published for a job, and of these turned back by more than a tenth of the time left: "
      "waiting %.1f and %.2f, running %.1f and %.2f (the naive rule %.1f and %.2f)\n",
      of(s.waiting.changes), of(s.waiting.turns), of(s.running.changes), of(s.running.turns), of(s.naive.changes),
      of(s.naive.turns));
}

std::string ToJson(const std::vector<Score>& scores, const Steadiness& s) {
  std::string json = "{\"scores\": [";
  for (const Score& score : scores) {
    if (&score != &scores.front()) json += ", ";
    json += Format(
        "{\"situation\": \"%s\", \"asked\": %d, \"answered\": %.4f, \"error\": %s, \"error_shared\": %s, "
        "\"naive\": %s, \"inside\": %s, \"width\": %s}",
        score.situation.c_str(), score.asked, score.answered, Number(score.error).c_str(),
        Number(score.error_shared).c_str(), Number(score.naive).c_str(), Number(score.inside).c_str(),
        Number(score.width).c_str());
  }
  return json + Format(
                    "], \"jobs\": %d, \"waiting_changes\": %d, \"waiting_turns\": %d, \"running_changes\": %d, "
                    "\"running_turns\": %d, \"naive_changes\": %d, \"naive_turns\": %d}",
                    s.jobs, s.waiting.changes, s.waiting.turns, s.running.changes, s.running.turns, s.naive.changes,
                    s.naive.turns);
}

}  // namespace evaluation
