// Watches of, and calls for, jobs that are not in memory, but in the archive.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;

// Keeps its questions until the test answers them.
class HeldArchive final : public jobs::Archive {
 public:
  void Wake() override {}
  void OutOfPatience() override {}
  void Find(const std::string& job_id, Done done) override {
    const std::lock_guard lock(mutex_);
    finds_[job_id] = std::move(done);
    asked_.notify_all();
  }
  void List(const jobs::ArchiveQuery&, Done done) override { done({}); }

  // Returns once somebody has asked for the job.
  void AwaitQuestion(const std::string& job_id) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(asked_.wait_for(lock, 20s, [&] { return finds_.contains(job_id); })) << "nobody asked for " << job_id;
  }

  // Answers who asked for the job, now or soon. Revision 0: the archive does not have it.
  void Answer(const std::string& job_id, std::uint64_t revision) {
    AwaitQuestion(job_id);
    Done done;
    {
      const std::lock_guard lock(mutex_);
      done = std::move(finds_.extract(job_id).mapped());
    }
    std::vector<jobs::Snapshot> found;
    if (revision > 0) {
      found.push_back(std::make_shared<const jobs::JobStatus>(jobs::JobStatus{
          .job_id = job_id, .backend = "gpu", .state = jobs::JobState::kCompleted, .revision = revision}));
    }
    done(std::move(found));
  }

 private:
  std::mutex mutex_;  // guards the rest
  std::condition_variable asked_;
  std::map<std::string, Done> finds_;
};

std::vector<std::string> Ids(const WatchCall& watch) {
  std::vector<std::string> ids;
  for (const pb::JobStatus& status : watch.read()) ids.push_back(status.job_id());
  return ids;
}

TEST(WatchOfArchivedJobs, TellsThemAllInTheirOrderWhicheverTheArchiveFindsFirst) {
  HeldArchive archive;
  Served served({.archive = &archive});
  WatchCall watch(*served.stub, WatchRequest({"x", "y"}), 10s);
  archive.Answer("y", 60);
  archive.Answer("x", 50);
  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_THAT(Ids(watch), testing::ElementsAre("x", "y"));
}

TEST(WatchOfArchivedJobs, TellsThemBeforeANewerOneThatIsInMemory) {
  HeldArchive archive;
  Served served({.archive = &archive});
  served.Observe(Completed("y"));
  while (!served.board.TakeUnwritten(10).statuses.empty()) served.board.OnWritten({.ok = true});
  WatchCall watch(*served.stub, WatchRequest({"x", "y"}), 10s);
  archive.Answer("x", 50);
  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_THAT(Ids(watch), testing::ElementsAre("x", "y"));
}

TEST(WatchOfArchivedJobs, DoesNotWaitForAJobThatIsYetToBeSubmitted) {
  HeldArchive archive;
  Served served({.archive = &archive});
  pb::WatchStatusRequest request = WatchRequest({"x", "y"});
  request.mutable_wait_for_job()->set_seconds(3600);
  WatchCall watch(*served.stub, request, 10s);
  archive.Answer("y", 0);
  archive.Answer("x", 50);
  EXPECT_EQ(watch.ReadStatus().value_or(pb::JobStatus()).job_id(), "x");
}

TEST(WatchOfArchivedJobs, EndsWhenTheServiceDrainsOnceTheArchiveHasAnswered) {
  HeldArchive archive;
  Served served({.archive = &archive});
  WatchCall watch(*served.stub, WatchRequest({"x"}), 10s);
  watch.AwaitInitialMetadata();
  served.server->Drain();
  archive.Answer("x", 50);
  EXPECT_EQ(CodeAndReason(watch.Finish()), "UNAVAILABLE SHUTTING_DOWN");
}

TEST(GetStatusOfAnArchivedJob, ThatIsUnderWayWhenTheServiceDrainsIsAnswered) {
  HeldArchive archive;
  Served served({.archive = &archive});
  auto got = std::async(std::launch::async, [&] { return served.Get("x"); });
  archive.AwaitQuestion("x");
  served.server->Drain();
  auto stopped = std::async(std::launch::async, [&] { served.server->Stop(1h); });
  archive.Answer("x", 50);
  EXPECT_EQ(got.get().job.state(), pb::JOB_STATE_COMPLETED);
  stopped.get();
}

}  // namespace
