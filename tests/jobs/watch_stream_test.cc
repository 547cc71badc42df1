#include "jobs/watch_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace jobs {
namespace {

using namespace std::chrono_literals;
using Stream = WatchStream;
using Action = WatchStream::Action;

const Steady kStart{1000s};

std::optional<Stream::Found> Found(std::string_view id, std::uint64_t revision, bool terminal = false) {
  return Stream::Found{id, revision, terminal};
}

TEST(WatchStream, SendsTheCurrentStatusAtOnceAndThenWaits) {
  Stream stream({.job_ids = {"a"}}, kStart);
  EXPECT_EQ(stream.Start(), Action(Stream::Pull{}));
  EXPECT_EQ(stream.Pulled(Found("a", 7), 9, kStart), Action(Stream::WriteStatus{}));
  EXPECT_EQ(stream.sent_revision(), 7u);
  EXPECT_EQ(stream.Wrote(true, kStart), Action(Stream::Pull{}));  // up to revision 9, as it was when this began
  EXPECT_EQ(stream.Pulled(std::nullopt, 9, kStart), Action(Stream::Nothing{}));
}

TEST(WatchStream, EndsAfterTheLastTerminalStatus) {
  Stream stream({.job_ids = {"a", "b"}}, kStart);
  stream.Start();
  stream.Pulled(Found("a", 1, true), 2, kStart);
  EXPECT_EQ(stream.Wrote(true, kStart), Action(Stream::Pull{}));
  stream.Pulled(Found("b", 2, true), 2, kStart);
  EXPECT_EQ(stream.Wrote(true, kStart), Action(Stream::Finish{Stream::End::kAllTerminal}));
}

TEST(WatchStream, EndsWellWhenItIsStoppedWhileItWritesTheLastStatus) {
  Stream stream({.job_ids = {"a"}}, kStart);
  stream.Start();
  stream.Pulled(Found("a", 1, true), 1, kStart);
  stream.Stop(Stream::End::kStopped);
  EXPECT_EQ(stream.Wrote(true, kStart), Action(Stream::Finish{Stream::End::kAllTerminal}));
}

TEST(WatchStream, EndsAtOnceWhenTheCallerHasEveryLastMessage) {
  Stream stream({.job_ids = {"a"}, .after_revision = 5}, kStart);
  EXPECT_EQ(stream.AlreadyTold("a"), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.Start(), Action(Stream::Finish{Stream::End::kAllTerminal}));
}

TEST(WatchStream, OfAllJobsHasNoEndOfItsOwn) {
  Stream stream({}, kStart);
  stream.Start();
  stream.Pulled(Found("a", 1, true), 1, kStart);
  EXPECT_EQ(stream.Wrote(true, kStart), Action(Stream::Nothing{}));
  EXPECT_FALSE(stream.finished());
}

TEST(WatchStream, WaitsOnForALostJobThatCameBackToLife) {
  Stream stream({.job_ids = {"a", "b"}}, kStart);
  stream.Start();
  stream.Pulled(Found("a", 1, true), 3, kStart);  // LOST
  stream.Wrote(true, kStart);
  stream.Pulled(Found("a", 2, false), 3, kStart);
  stream.Wrote(true, kStart);
  stream.Pulled(Found("b", 3, true), 3, kStart);
  EXPECT_EQ(stream.Wrote(true, kStart), Action(Stream::Nothing{}));
  EXPECT_FALSE(stream.finished());
}

TEST(WatchStream, GivesNoSecondActionWhileOneIsUnderWay) {
  Stream stream({.job_ids = {"a"}}, kStart);
  stream.Start();
  EXPECT_EQ(stream.Changed(true, kStart), Action(Stream::Nothing{}));  // pulling
  stream.Pulled(Found("a", 1), 1, kStart);
  EXPECT_EQ(stream.Changed(true, kStart), Action(Stream::Nothing{}));  // writing
  EXPECT_EQ(stream.Stop(Stream::End::kCallerLeft), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.Wrote(true, kStart), Action(Stream::Finish{Stream::End::kCallerLeft}));
  EXPECT_EQ(stream.Changed(true, kStart), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.Stop(Stream::End::kStopped), Action(Stream::Nothing{}));
}

TEST(WatchStream, MissesNoChangeThatComesWhileItPulls) {
  Stream stream({.job_ids = {"a"}, .min_interval = 10s}, kStart);
  stream.Start();
  stream.Changed(true, kStart);
  EXPECT_EQ(stream.Pulled(std::nullopt, 5, kStart), Action(Stream::Pull{}));
}

TEST(WatchStream, ThinsMovementButNeverAChangeOfState) {
  Stream stream({.job_ids = {"a"}, .min_interval = 10s}, kStart);
  stream.Start();
  stream.Pulled(std::nullopt, 5, kStart);
  EXPECT_EQ(stream.Changed(false, kStart + 1s), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.next_tick(), kStart + 10s);
  EXPECT_EQ(stream.Changed(true, kStart + 2s), Action(Stream::Pull{}));
  stream.Pulled(std::nullopt, 6, kStart + 2s);
  EXPECT_EQ(stream.Changed(false, kStart + 3s), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.Tick(kStart + 11s), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.Tick(kStart + 12s), Action(Stream::Pull{}));
}

TEST(WatchStream, ThinsMovementThatComesFasterThanItCanBeSent) {
  Stream stream({.job_ids = {"a"}, .min_interval = 10s}, kStart);
  stream.Start();
  stream.Pulled(Found("a", 5), 5, kStart);
  stream.Changed(false, kStart);  // revision 6, while 5 is being written
  EXPECT_EQ(stream.Wrote(true, kStart), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.Tick(kStart + 9s), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.Tick(kStart + 10s), Action(Stream::Pull{}));
}

TEST(WatchStream, SendsEverythingThatWasThereBeforeItThinsAgain) {
  Stream stream({.min_interval = 10s}, kStart);
  stream.Start();
  stream.Pulled(Found("a", 5), 7, kStart);
  EXPECT_EQ(stream.Wrote(true, kStart), Action(Stream::Pull{}));
  stream.Changed(false, kStart);  // revision 8, in the middle of it
  stream.Pulled(Found("b", 7), 8, kStart);
  EXPECT_EQ(stream.Wrote(true, kStart), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.Tick(kStart + 10s), Action(Stream::Pull{})) << "revision 8 is not forgotten";
}

TEST(WatchStream, SaysThatItIsAliveAfterASilenceAndVouchesOnlyForWhatWasSent) {
  Stream stream({.job_ids = {"a"}, .min_interval = 60s, .heartbeat_interval = 15s}, kStart);
  stream.Start();
  stream.Pulled(std::nullopt, 42, kStart);
  EXPECT_EQ(stream.Tick(kStart + 14s), Action(Stream::Nothing{}));
  stream.Changed(false, kStart + 14s);  // held back: not covered by the heartbeat
  EXPECT_EQ(stream.Tick(kStart + 15s), Action(Stream::WriteHeartbeat{42}));
  EXPECT_EQ(stream.Tick(kStart + 16s), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.Wrote(true, kStart + 16s), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.next_tick(), kStart + 30s);
}

TEST(WatchStream, LetsGoOfAReaderThatTakesNothing) {
  Stream stream({.job_ids = {"a"}, .write_stall_limit = 60s}, kStart);
  stream.Start();
  stream.Pulled(Found("a", 1), 1, kStart);
  EXPECT_EQ(stream.next_tick(), kStart + 60s);
  EXPECT_EQ(stream.Tick(kStart + 60s), Action(Stream::Cancel{}));
  EXPECT_EQ(stream.Tick(kStart + 61s), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.Wrote(false, kStart + 62s), Action(Stream::Finish{Stream::End::kStopped}));
}

TEST(WatchStream, EndsWhenItIsOldThoughNothingHappens) {
  Stream stream({.job_ids = {"a"}, .end_at = kStart + 5s}, kStart);
  stream.Start();
  stream.Pulled(std::nullopt, 1, kStart);
  EXPECT_EQ(stream.next_tick(), kStart + 5s);
  EXPECT_EQ(stream.Tick(kStart + 4s), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.Tick(kStart + 5s), Action(Stream::Finish{Stream::End::kOld}));
}

TEST(WatchStream, EndsWhenItIsOldBehindTheWriteUnderWayHoweverMuchThereIsToSend) {
  Stream stream({.end_at = kStart + 5s}, kStart);
  stream.Start();
  stream.Pulled(Found("a", 1), 100, kStart);
  EXPECT_EQ(stream.next_tick(), kStart + 5s);
  stream.Changed(true, kStart + 5s);
  EXPECT_EQ(stream.next_tick(), kStart + 60s) << "the write may stall, and that is all";
  EXPECT_EQ(stream.Wrote(true, kStart + 6s), Action(Stream::Finish{Stream::End::kOld}));
}

TEST(WatchStream, EndsWhenItIsOldBehindThePullUnderWay) {
  Stream stream({.end_at = kStart + 5s}, kStart);
  stream.Start();
  EXPECT_EQ(stream.Tick(kStart + 5s), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.Pulled(Found("a", 1), 1, kStart + 5s), Action(Stream::Finish{Stream::End::kOld}));
  EXPECT_EQ(stream.sent_revision(), 0u) << "what was pulled is not taken for sent";
}

TEST(WatchStream, EndsAtItsStartWhenItHasBecomeOldBefore) {
  Stream stream({.job_ids = {"a"}, .end_at = kStart + 5s}, kStart);
  EXPECT_EQ(stream.Tick(kStart + 5s), Action(Stream::Nothing{}));
  EXPECT_EQ(stream.Start(), Action(Stream::Finish{Stream::End::kOld}));
}

TEST(WatchStream, EndsWellWhenItIsOldAndHasSentEverything) {
  Stream stream({.job_ids = {"a"}, .end_at = kStart + 5s}, kStart);
  stream.Start();
  stream.Pulled(Found("a", 1, true), 1, kStart);
  stream.Tick(kStart + 5s);
  EXPECT_EQ(stream.Wrote(true, kStart + 6s), Action(Stream::Finish{Stream::End::kAllTerminal}));
}

// A world of jobs that change, a reader of any speed, and a stream between them: events in any order, seeded.
class RandomStream {
 public:
  explicit RandomStream(unsigned seed)
      : random_(seed),
        named_(Draw(2) == 0),
        stream_({.job_ids = named_ ? std::set<std::string>{"0", "1", "2"} : std::set<std::string>{},
                 .min_interval = Draw(2) == 0 ? Duration(0) : Duration(5s)},
                now_) {}

  void Run() {
    for (int job = 0; job < 3; ++job) Change(job, false);
    Take(stream_.Start());
    for (int step = 0; step < 400 && !finished_; ++step) Step(step);
    // Let the reader catch up and the world stand still: everything newest must have been sent, in order.
    for (int i = 0; i < 1000 && !finished_; ++i) {
      Answer();
      now_ += 1s;
      Take(stream_.Tick(now_));
    }
    for (const auto& [job, revision] : newest_) {
      if (!stopped_) {
        EXPECT_EQ(sent_[job], revision) << "job " << job;
      }
    }
    EXPECT_EQ(finished_, stopped_ || (named_ && terminal_.size() == newest_.size()));
  }

 private:
  unsigned Draw(unsigned n) { return std::uniform_int_distribution<unsigned>(0, n - 1)(random_); }

  void Change(int job, bool terminal) {
    if (terminal_.contains(job)) return;
    newest_[job] = ++revision_;
    if (terminal) terminal_.insert(job);
  }

  void Step(int step) {
    now_ += Duration(Draw(2'000'000));
    switch (Draw(8)) {
      case 0:
      case 1:
      case 2: {
        const bool terminal = Draw(12) == 0;
        Change(static_cast<int>(Draw(3)), terminal);
        Take(stream_.Changed(terminal, now_));
        break;
      }
      case 3:
        Take(stream_.Tick(now_));
        break;
      case 4:
        if (step > 300 && Draw(40) == 0) {
          stopped_ = true;
          Take(stream_.Stop(WatchStream::End::kStopped));
        }
        break;
      default:
        Answer();
    }
  }

  void Take(Action action) {
    if (std::holds_alternative<Stream::Nothing>(action)) return;
    EXPECT_TRUE(std::holds_alternative<Stream::Nothing>(under_way_)) << "two actions at a time";
    EXPECT_FALSE(finished_) << "an action after the end";
    finished_ = std::holds_alternative<Stream::Finish>(action);
    under_way_ = finished_ ? Action(Stream::Nothing{}) : action;
  }

  // The outcome of the action under way.
  void Answer() {
    const Action action = std::exchange(under_way_, Stream::Nothing{});
    if (std::holds_alternative<Stream::Pull>(action)) {
      std::optional<Stream::Found> found;
      for (const auto& [job, revision] : newest_) {
        if (revision <= stream_.sent_revision() || (found && found->revision < revision)) continue;
        pulled_id_ = std::to_string(job);
        found = Stream::Found{pulled_id_, revision, terminal_.contains(job)};
      }
      pulled_ = found;
      Take(stream_.Pulled(found, revision_, now_));
    } else if (std::holds_alternative<Stream::WriteStatus>(action)) {
      EXPECT_GT(pulled_->revision, last_revision_) << "revisions go back";
      last_revision_ = pulled_->revision;
      sent_[std::stoi(pulled_id_)] = pulled_->revision;
      Take(stream_.Wrote(true, now_));
    } else if (const auto* heartbeat = std::get_if<Stream::WriteHeartbeat>(&action)) {
      EXPECT_GE(heartbeat->revision, last_revision_);
      for (const auto& [job, revision] : newest_) {
        EXPECT_TRUE(revision > heartbeat->revision || sent_[job] == revision)
            << "a heartbeat vouches for what was not sent";
      }
      Take(stream_.Wrote(true, now_));
    } else if (std::holds_alternative<Stream::Cancel>(action)) {
      stopped_ = true;
      Take(stream_.Wrote(false, now_));
    }
  }

  std::mt19937 random_;
  Steady now_ = kStart;
  const bool named_;
  Stream stream_;
  Action under_way_ = Stream::Nothing{};
  bool finished_ = false;
  bool stopped_ = false;
  std::uint64_t revision_ = 0;
  std::uint64_t last_revision_ = 0;
  std::map<int, std::uint64_t> newest_;
  std::map<int, std::uint64_t> sent_;
  std::set<int> terminal_;
  std::string pulled_id_;
  std::optional<Stream::Found> pulled_;
};

TEST(WatchStream, UnderRandomEventsGivesOneActionAtATimeInOrderAndLosesNothing) {
  const unsigned seed = std::random_device{}();
  for (unsigned run = 0; run < 3000; ++run) {
    SCOPED_TRACE("seed " + std::to_string(seed + run));
    RandomStream(seed + run).Run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace jobs
