#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "rpc/clock.h"
#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;

constexpr int kJobs = 30;

std::string Job(unsigned long number) {
  return "job " + std::to_string(number % kJobs);
}

// Whatever a backend may tell, in any order.
void ObserveSomething(Served& served, const std::string& backend, std::mt19937& random) {
  switch (random() % 8) {
    case 0:
      return served.Observe(backend, Completed(Job(random())));
    case 1:
      return served.Observe(backend, Vanished(Job(random())));
    case 2:
      return served.Observe(backend, Unreachable());
    case 3:
      return served.Observe(backend, jobs::LookupMissed{Job(random()), rpc::SteadyNow() + 1h});
    case 4:
      return served.Observe(backend, jobs::LookupFailed{Job(random()), {.detail = "refused"}, rpc::SteadyNow()});
    default:
      return served.Observe(backend, Queue({Job(random())}, {Job(random()), Job(random()), Job(random())}));
  }
}

pb::WatchStatusRequest AnyRequest(std::mt19937& random) {
  pb::WatchStatusRequest request;
  for (auto ids = random() % 4; ids > 0; --ids) request.add_job_ids(Job(random()));
  if (random() % 3 == 0) request.set_backend(random() % 2 ? "gpu" : "gpu2");
  if (random() % 3 == 0) request.mutable_wait_for_job()->set_seconds(3600);
  if (random() % 3 == 0) request.mutable_min_interval()->set_nanos(1'000'000);
  if (random() % 3 == 0) request.set_after_revision(Served::kFirstRevision + random() % 1000);
  return request;
}

void CallSomething(Served& served, std::mt19937& random) {
  if (random() % 4 == 0) {
    served.Get(Job(random()));
    return;
  }
  const auto deadline = std::chrono::milliseconds(random() % 3 == 0 ? random() % 20 : 30'000);
  WatchCall watch(*served.stub, AnyRequest(random), deadline);
  if (random() % 3 == 0) watch.Cancel();
  for (auto reads = random() % 30; reads > 0 && watch.Read(); --reads) {
  }
}

// Callers that come, leave, are late and are let down, while jobs live and die; then the end. Nothing hangs, and all
// places are free.
TEST(Storm, OfCallersAndNewsLeavesNothingBehind) {
  Served served({.backends = {"gpu", "gpu2"},
                 .limits = {.max_finished_jobs = 10, .remember_unknown = 1ms},
                 .server = {.max_watches = 8, .watch_times = {.heartbeat_interval = 1ms, .write_stall_limit = 20ms}}});
  {
    std::vector<std::jthread> threads;
    for (const char* backend : {"gpu", "gpu2"}) {
      threads.emplace_back([&served, backend](const std::stop_token& stop) {
        std::mt19937 random(static_cast<unsigned>(backend[3]));
        while (!stop.stop_requested()) ObserveSomething(served, backend, random);
      });
    }
    {
      std::vector<std::jthread> callers;
      for (unsigned seed = 0; seed < 6; ++seed) {
        callers.emplace_back([&served, random = std::mt19937(seed)]() mutable {
          for (int call = 0; call < 150; ++call) CallSomething(served, random);
        });
      }
    }
  }
  served.Observe("gpu", Completed("last"));
  std::vector<std::unique_ptr<WatchCall>> watches;
  for (int i = 0; i < 8; ++i) watches.push_back(served.WatchOnceAdmitted(WatchRequest({})));
}

TEST(Storm, IsEndedByDrainAndStop) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    Served served({.backends = {"gpu", "gpu2"}, .server = {.watch_times = {.heartbeat_interval = 1ms}}});
    std::jthread publisher([&](const std::stop_token& stop) {
      std::mt19937 random(seed);
      while (!stop.stop_requested()) ObserveSomething(served, random() % 2 ? "gpu" : "gpu2", random);
    });
    std::vector<std::unique_ptr<WatchCall>> watches;
    std::mt19937 random(seed);
    for (int i = 0; i < 20; ++i) watches.push_back(std::make_unique<WatchCall>(*served.stub, AnyRequest(random)));
    watches[random() % 20]->Read();
    served.server->Stop(1h);
    for (const auto& watch : watches) watch->Finish();
  }
}

}  // namespace
