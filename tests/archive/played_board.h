#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "archive/archive.h"

// An archive in a directory of its own, and what it writes from: statuses that the test hands in.
namespace archive_test {

inline const jobs::Time kNow{std::chrono::seconds(1'800'000'000)};

inline jobs::JobStatus Status(const std::string& id, jobs::JobState state, std::uint64_t revision = 0,
                              const std::string& backend = "gpu") {
  jobs::JobStatus status{.job_id = id, .backend = backend, .state = state, .revision = revision, .observe_time = kNow};
  if (state == jobs::JobState::kQueued) status.queue = {.position = 1, .size = 2};
  if (state == jobs::JobState::kFailed || state == jobs::JobState::kLost) status.error = {.message = "boom"};
  return status;
}

class PlayedBoard final : public jobs::UnwrittenSource {
 public:
  jobs::UnwrittenBatch TakeUnwritten(std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    jobs::UnwrittenBatch batch{.revision = revision_};
    while (!unwritten_.empty() && batch.statuses.size() < limit) {
      batch.statuses.push_back(std::move(unwritten_.front()));
      unwritten_.pop_front();
    }
    taken_ += batch.statuses.size();
    return batch;
  }
  void OnWritten(const jobs::Written& written) override {
    const std::lock_guard lock(mutex_);
    written_ = taken_;
    last_ = written;
    changed_.notify_all();
  }

  std::vector<jobs::Snapshot> TakeProgress() override {
    const std::lock_guard lock(mutex_);
    return std::exchange(progress_, {});
  }

  void Move(const jobs::JobStatus& status) {
    const std::lock_guard lock(mutex_);
    progress_.push_back(std::make_shared<const jobs::JobStatus>(status));
  }
  void Hand(const jobs::JobStatus& status, bool replaces = false) {
    const std::lock_guard lock(mutex_);
    ++handed_;
    revision_ = std::max(revision_, status.revision);
    unwritten_.push_back({std::make_shared<const jobs::JobStatus>(status), replaces});
  }
  // What became of the last batch, once everything handed in was taken and that was answered.
  jobs::Written Await() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return written_ == handed_; }));
    return last_;
  }
  void SetRevision(std::uint64_t revision) {
    const std::lock_guard lock(mutex_);
    revision_ = revision;
  }

 private:
  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::deque<jobs::Unwritten> unwritten_;
  std::vector<jobs::Snapshot> progress_;
  std::uint64_t revision_ = 0;
  std::size_t handed_ = 0;
  std::size_t taken_ = 0;
  std::size_t written_ = 0;
  jobs::Written last_;
};

class WithArchive : public testing::Test {
 protected:
  WithArchive() {
    std::string name = testing::TempDir() + "archive.XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    scratch = name;
    directory = scratch / "state";
  }
  ~WithArchive() override {
    archive.reset();
    std::filesystem::remove_all(scratch);
  }

  // Why it cannot be opened; empty: it is.
  std::string Open(const std::vector<jobs::BackendName>& backends = {{"gpu", "http://gpu"}}) {
    archive.reset();
    auto opened = archive::Archive::Open({.directory = directory,
                                          .retention = retention,
                                          .now = [this] { return now.load(); },
                                          .on_trouble =
                                              [this](const std::string& what, bool is_over) {
                                                const std::lock_guard lock(mutex);
                                                troubles.push_back((is_over ? "over: " : "") + what);
                                              }},
                                         backends);
    if (!opened) return opened.error();
    archive = *std::move(opened);
    board = std::make_unique<PlayedBoard>();
    board->SetRevision(archive->remembered().revision);
    return "";
  }
  void Start() { archive->Start(*board); }
  jobs::Written Write(const std::vector<jobs::JobStatus>& statuses, bool replaces = false) {
    for (const jobs::JobStatus& status : statuses) board->Hand(status, replaces);
    archive->Wake();
    return board->Await();
  }

  using Answer = std::expected<std::vector<jobs::Snapshot>, jobs::ArchiveError>;
  Answer FindAll(const std::string& id) {
    std::promise<Answer> answer;
    archive->Find(id, [&](Answer found) { answer.set_value(std::move(found)); });
    return answer.get_future().get();
  }
  Answer ListAll(const jobs::ArchiveQuery& query) {
    std::promise<Answer> answer;
    archive->List(query, [&](Answer found) { answer.set_value(std::move(found)); });
    return answer.get_future().get();
  }
  std::vector<std::string> Ids(const Answer& answer) {
    std::vector<std::string> ids;
    for (const jobs::Snapshot& status : answer.value()) ids.push_back(status->job_id);
    return ids;
  }
  std::filesystem::path database() const { return directory / "archive.db"; }

  std::filesystem::path scratch;
  std::filesystem::path directory;
  archive::Retention retention;
  std::atomic<jobs::Time> now = kNow;
  std::mutex mutex;  // guards troubles
  std::vector<std::string> troubles;
  std::unique_ptr<PlayedBoard> board;  // outlives the archive, which is reset first
  std::unique_ptr<archive::Archive> archive;
};

}  // namespace archive_test
