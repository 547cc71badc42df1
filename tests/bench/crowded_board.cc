#include "bench/crowded_board.h"

#include <fmt/format.h>
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "jobs/run_event.h"
#include "jobs/status_size.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> RandomIds(std::mt19937_64& random, std::size_t count) {
  std::vector<std::string> ids;
  ids.reserve(count);
  while (ids.size() < count) ids.push_back(RandomId(random));
  return ids;
}

std::vector<std::string> Names(std::size_t jobs) {
  std::vector<std::string> names;
  for (std::size_t first = 0; first < jobs; first += CrowdedBoard::kJobsOfServer)
    names.push_back(fmt::format("gpu{}", names.size()));
  return names;
}

std::vector<jobs::BackendName> Configured(const std::vector<std::string>& names) {
  std::vector<jobs::BackendName> backends;
  for (const std::string& name : names) backends.push_back({name, "http://" + name + ":8188"});
  return backends;
}

board::Limits RoomFor(std::size_t finished) {
  return {.keep_finished = std::chrono::days(10'000), .max_finished_jobs = finished};
}

// One that samples, as most do.
jobs::Workflow Sampling() {
  return *jobs::Workflow::Build(
      {{.id = "3", .class_type = "KSampler", .literals = {{"steps", "20"}}, .links = {}},
       {.id = "9", .class_type = "SaveImage", .literals = {}, .links = {{"images", "3", "0"}}}},
      {"9"});
}

jobs::HistoryEntry WithOneImage(jobs::Time ended) {
  jobs::HistoryEntry entry;
  entry.create_time = ended - 90s;
  entry.start_time = ended - 60s;
  entry.end_time = ended;
  entry.status_str = "success";
  entry.end = jobs::HistoryEntry::End::kSuccess;
  entry.cached_nodes = 1;
  entry.outputs.push_back({.node_id = "9",
                           .ui_key = "images",
                           .media_type = jobs::MediaType::kImage,
                           .filename = "ComfyUI_00001_.png",
                           .folder_type = "output",
                           .content_type = "image/png",
                           .url = "http://gpu0:8188/view?filename=ComfyUI_00001_.png&type=output"});
  return entry;
}

}  // namespace

std::string RandomId(std::mt19937_64& random) {
  const std::uint64_t high = random();
  const std::uint64_t low = random();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xfff,
                     0x8000 | (low >> 50), low & 0xffff'ffff'ffff);
}

CrowdedBoard::CrowdedBoard(Jobs jobs, std::size_t count, std::uint64_t seed)
    : random_(seed),
      ids_(RandomIds(random_, count)),
      names_(Names(count)),
      workflow_(std::make_shared<const jobs::Workflow>(Sampling())),
      entry_(WithOneImage(now_)),
      bytes_(HeapBytes()),
      board_(Configured(names_), RoomFor(jobs == Jobs::kFinished ? count : 0), 0) {
  if (jobs == Jobs::kUnfinished) {
    for (std::size_t server = 0; server < servers(); ++server) Observe({Look(server)});
  } else {
    for (std::size_t job = 0; job < count; ++job)
      board_.Observe(names_[job / kJobsOfServer], jobs::HistoryObserved{ids_[job], entry_}, Now());
  }
  bytes_ = HeapBytes() - bytes_;
  for (const std::string& id : ids_) status_bytes_ += jobs::SizeInMemory(*board_.Find(id, "").snapshot);
}

std::size_t CrowdedBoard::JobsOf(std::size_t server) const {
  return std::min(kJobsOfServer, ids_.size() - server * kJobsOfServer);
}

// `rotated`: as many of those that wait have gone from the front of the queue to its end.
jobs::QueueListing CrowdedBoard::Listing(std::size_t server, std::size_t rotated) const {
  jobs::QueueListing listing;
  const std::size_t first = server * kJobsOfServer;
  const std::size_t waiting = JobsOf(server) - 1;
  const auto item = [&](std::size_t job) {
    return jobs::QueueItem{.job_id = ids_[first + job],
                           .number = {.value = static_cast<double>(job), .counted = true},
                           .create_time = entry_.create_time,
                           .workflow = workflow_};
  };
  listing.running.push_back(item(0));
  listing.pending.reserve(waiting);
  for (std::size_t i = 0; i < waiting; ++i) listing.pending.push_back(item(1 + (i + rotated) % waiting));
  return listing;
}

CrowdedBoard::Seen CrowdedBoard::Step(std::size_t server) {
  jobs::RunEvent event{.job_id = ids_[server * kJobsOfServer],
                       .heard_at = now_,
                       .what = jobs::RunEvent::Step{.node = "3", .value = ++step_, .max = 1e9}};
  return {server, jobs::RunEventsHeard{{std::move(event)}}};
}

CrowdedBoard::Seen CrowdedBoard::Look(std::size_t server) {
  return {server, jobs::QueueObserved{Listing(server, rotated_)}};
}

CrowdedBoard::Seen CrowdedBoard::LookMoved(std::size_t server) {
  ++rotated_;
  return Look(server);
}

CrowdedBoard::Seen CrowdedBoard::End(std::size_t server) {
  return {server, jobs::HistoryObserved{RandomId(random_), entry_}};
}

Micros CrowdedBoard::Observe(std::vector<Seen> all) {
  const Micros before = ThreadCpu();
  for (auto& [server, observation] : all) board_.Observe(names_[server], std::move(observation), Now());
  return (ThreadCpu() - before) / static_cast<double>(all.size());
}

Micros ThreadCpu() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::size_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace bench
