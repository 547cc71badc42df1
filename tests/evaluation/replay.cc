#include "evaluation/replay.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <set>

#include "jobs/estimate.h"
#include "jobs/time_remaining.h"

namespace evaluation {
namespace {

// Follows what is published of one job.
class Published {
 public:
  const std::optional<jobs::Estimate>& Offer(const std::optional<jobs::Estimate>& fresh, double now,
                                             Steadiness::Seen& seen) {
    const auto settled = jobs::Settle(last_, fresh, At(now));
    if (settled == last_) return last_;
    ++seen.changes;
    if (settled && last_) {
      const double change = SecondsOf(settled->end) - SecondsOf(last_->end);
      const double left = SecondsOf(last_->end) - now;
      if (std::abs(change) > 0.1 * left && std::abs(change) > 1) {
        const bool up = change > 0;
        if (went_up_ && *went_up_ != up) ++seen.turns;
        went_up_ = up;
      }
    }
    return last_ = settled;
  }

 private:
  std::optional<jobs::Estimate> last_;
  std::optional<bool> went_up_;
};

class Player {
 public:
  Player(const std::vector<PlayedJob>& jobs, double poll, double shortest)
      : jobs_(jobs), poll_(poll), shortest_(shortest), ours_(jobs.size()), naive_(jobs.size()) {}

  Replayed Play() {
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      const PlayedJob& job = jobs_[i];
      if (job.restart_before) remaining_.Restarted();
      // What was submitted before it began was asked for in the turns of the jobs before, or while nothing ran.
      const double free = i == 0 ? job.submitted : std::max(jobs_[i - 1].ended, job.submitted);
      Submitted(i, free, job.began);
      submitted_ = std::max(submitted_, i + 1);  // one that was submitted as it began is not asked for
      Run(i);
      remaining_.Ended(StateAt(job, job.ended), At(job.ended), job.completed);
      families_.insert(job.family);
    }
    replayed_.steadiness.jobs = static_cast<int>(jobs_.size());
    return std::move(replayed_);
  }

 private:
  // Those that were submitted in [from, until), with the queue as it stood before job `next` began.
  void Submitted(std::size_t next, double from, double until) {
    while (submitted_ < jobs_.size() && jobs_[submitted_].submitted < until) {
      AskQueued(next, submitted_, std::max(from, jobs_[submitted_].submitted), nullptr);
      ++submitted_;
    }
  }

  void Run(std::size_t i) {
    const PlayedJob& job = jobs_[i];
    struct Moment {
      double at;
      int percent;  // 0: a poll
    };
    std::vector<Moment> moments;
    const double length = job.ended - job.began;
    for (const int percent : {10, 25, 50, 75}) moments.push_back({job.began + length * percent / 100, percent});
    for (double at = job.began + poll_; at < job.ended; at += poll_) moments.push_back({at, 0});
    std::ranges::stable_sort(moments, {}, &Moment::at);
    for (const Moment& moment : moments) {
      SubmittedWhile(i, moment.at);
      moment.percent > 0 ? AskRunning(i, moment.at, moment.percent) : Poll(i, moment.at);
    }
    SubmittedWhile(i, job.ended);
  }

  void SubmittedWhile(std::size_t running, double until) {
    while (submitted_ < jobs_.size() && jobs_[submitted_].submitted < until) {
      const double at = std::max(jobs_[submitted_].submitted, jobs_[running].began);
      const jobs::RunState run = StateAt(jobs_[running], at);
      AskQueued(running + 1, submitted_, at, &run);
      ++submitted_;
    }
  }

  std::vector<std::shared_ptr<const jobs::Workflow>> Pending(std::size_t from, std::size_t to) const {
    std::vector<std::shared_ptr<const jobs::Workflow>> pending;
    for (std::size_t i = from; i < to; ++i) pending.push_back(jobs_[i].workflow);
    return pending;
  }

  void AskQueued(std::size_t first, std::size_t job, double now, const jobs::RunState* run) {
    std::vector<const jobs::RunState*> running;
    if (run != nullptr) running.push_back(run);
    const auto ends = remaining_.EndsOfQueue(running, Pending(first, job + 1), At(now));
    if (run != nullptr && !jobs_[first - 1].completed) return;  // its untimely end cannot be foreseen
    const std::size_t place = job - first + 1;
    Add(job,
        run == nullptr ? "about to begin"
        : place == 1   ? "queued, 1st"
        : place <= 5   ? "queued, 2nd-5th"
        : place <= 20  ? "queued, 6th-20th"
                       : "queued, 21st-",
        now, Offer(job, ends.back(), now), std::nullopt);
  }

  void AskRunning(std::size_t i, double now, int percent) {
    const PlayedJob& job = jobs_[i];
    Add(i, (job.heard ? "running, " : "unheard, ") + std::to_string(percent) + " %", now,
        Offer(i, remaining_.EndOfRunning(StateAt(job, now), At(now)), now), NaiveEnd(job, now));
  }

  void Poll(std::size_t i, double now) {
    const jobs::RunState run = StateAt(jobs_[i], now);
    Offer(i, remaining_.EndOfRunning(run, At(now)), now);
    std::optional<jobs::Estimate> naive;
    if (const auto end = NaiveEnd(jobs_[i], now)) naive = {At(*end), At(*end), At(*end)};
    naive_[i].Offer(naive, now, replayed_.steadiness.naive);
    const std::vector<const jobs::RunState*> running = {&run};
    const auto ends = remaining_.EndsOfQueue(running, Pending(i + 1, submitted_), At(now));
    for (std::size_t p = 0; p < ends.size(); ++p) {
      Offer(i + 1 + p, ends[p], now);
    }
  }

  // What is published of `job` then.
  const std::optional<jobs::Estimate>& Offer(std::size_t job, const std::optional<jobs::Estimate>& fresh, double now) {
    return ours_[job].Offer(fresh, now,
                            now < jobs_[job].began ? replayed_.steadiness.waiting : replayed_.steadiness.running);
  }

  void Add(std::size_t i, std::string situation, double now, const std::optional<jobs::Estimate>& estimate,
           const std::optional<double>& naive) {
    const PlayedJob& job = jobs_[i];
    if (!job.completed) return;  // a run that fails has no end to be right about
    if (job.ended - now < shortest_) return;
    Asked asked{.situation = std::move(situation), .unseen = !families_.contains(job.family), .truth = job.ended - now};
    if (estimate) {
      asked.ours = SecondsOf(estimate->end) - now;
      asked.earliest = SecondsOf(estimate->earliest_end) - now;
      asked.latest = SecondsOf(estimate->latest_end) - now;
    }
    if (naive) asked.naive = *naive - now;
    replayed_.asked.push_back(asked);
  }

  const std::vector<PlayedJob>& jobs_;
  double poll_;
  double shortest_;
  jobs::TimeRemaining remaining_;
  std::vector<Published> ours_;
  std::vector<Published> naive_;
  std::size_t submitted_ = 0;  // how many were
  std::set<std::string> families_;
  Replayed replayed_;
};

}  // namespace

Steadiness& Steadiness::operator+=(const Steadiness& other) {
  jobs += other.jobs;
  for (const auto seen : {&Steadiness::waiting, &Steadiness::running, &Steadiness::naive}) {
    (this->*seen).changes += (other.*seen).changes;
    (this->*seen).turns += (other.*seen).turns;
  }
  return *this;
}

Replayed Replay(const std::vector<PlayedJob>& jobs, double poll, double shortest) {
  return Player(jobs, poll, shortest).Play();
}

}  // namespace evaluation
