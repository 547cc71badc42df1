#include "board/subscribers.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

namespace board {
namespace {

class Taken final : public Watcher {
 public:
  explicit Taken(std::uint64_t revision) : revision_(revision) {}
  void OnChange(bool) override {}
  std::uint64_t taken_revision() const override { return revision_; }

 private:
  const std::uint64_t revision_;
};

jobs::JobStatus Changed(const std::string& backend = "gpu") {
  jobs::JobStatus status;
  status.job_id = "a";
  status.backend = backend;
  return status;
}

std::set<Watcher*> ToldOfAll(Subscribers& subscribers, const jobs::JobStatus& status) {
  Notices notices;
  subscribers.Notice(status, 0, true, notices);
  subscribers.NoticeOfAll(notices);
  std::set<Watcher*> told;
  for (const auto& [watcher, of_state] : notices.of_all) told.insert(watcher.get());
  EXPECT_EQ(told.size(), notices.of_all.size()) << "each once";
  return told;
}

TEST(Subscribers, OfAllAreToldWhoeverElseHasLeft) {
  Subscribers subscribers;
  std::vector<std::shared_ptr<Watcher>> watchers;
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 1000; ++i) {
    watchers.push_back(std::make_shared<Taken>(0));
    ids.push_back(subscribers.Add({}, watchers.back()));
  }
  std::set<Watcher*> left;
  for (const auto& watcher : watchers) left.insert(watcher.get());
  for (std::size_t i = 0; i < watchers.size(); ++i) {
    const std::size_t leaving = (i * 7919) % watchers.size();  // in no order
    subscribers.Remove(ids[leaving]);
    left.erase(watchers[leaving].get());
    ASSERT_EQ(subscribers.size(), left.size());
    if (i % 100 == 0) {
      ASSERT_EQ(ToldOfAll(subscribers, Changed()), left);
    }
  }
  EXPECT_TRUE(ToldOfAll(subscribers, Changed()).empty());
}

TEST(Subscribers, ThatHaveLeftAreLetGoOfAtOnceAndMayLeaveTwice) {
  Subscribers subscribers;
  auto stays = std::make_shared<Taken>(0);
  auto leaves = std::make_shared<Taken>(0);
  subscribers.Add({}, stays);
  const std::uint64_t id = subscribers.Add({}, leaves);
  subscribers.Add({}, stays);
  subscribers.Remove(id);
  EXPECT_EQ(leaves.use_count(), 1);
  subscribers.Remove(id);
  EXPECT_EQ(subscribers.size(), 2u);
}

TEST(Subscribers, OfOneBackendAreToldOfNoOther) {
  Subscribers subscribers;
  const auto of_gpu = std::make_shared<Taken>(0);
  const auto of_any = std::make_shared<Taken>(0);
  subscribers.Add({.backend = "gpu"}, of_gpu);
  subscribers.Add({}, of_any);
  EXPECT_EQ(ToldOfAll(subscribers, Changed("cpu")), std::set<Watcher*>{of_any.get()});
  EXPECT_EQ(ToldOfAll(subscribers, Changed("gpu")), (std::set<Watcher*>{of_any.get(), of_gpu.get()}));
}

TEST(Subscribers, CountWhatWasReplacedBeforeAWatcherHadTakenIt) {
  Subscribers subscribers;
  subscribers.Add({}, std::make_shared<Taken>(5));
  subscribers.Add({}, std::make_shared<Taken>(10));
  Notices notices;
  subscribers.Notice(Changed(), 7, false, notices);
  subscribers.NoticeOfAll(notices);
  EXPECT_EQ(subscribers.conflated(), 1u);
}

}  // namespace
}  // namespace board
