#include "rpc/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;
using Serving = Health::Serving;

constexpr const char* kService = "comfyui.jobstatus.v1.JobStatusService";

jobs::BackendAnswered Answered() {
  return {"0.3.64"};
}

TEST(HealthService, ServesAndSoDoesTheServiceAlsoWithoutAnyBackend) {
  Served served;
  Health health(served.server->address());
  served.Observe(Unreachable());
  EXPECT_EQ(health.Check(""), Serving::kServing);
  EXPECT_EQ(health.Check(kService), Serving::kServing);
}

TEST(HealthService, SaysOfEachBackendWhetherItAnswers) {
  Served served({.backends = {"gpu1", "gpu2"}});
  Health health(served.server->address());
  EXPECT_EQ(health.Check("gpu1"), Serving::kNotServing) << "it has not answered yet";
  served.Observe("gpu1", Answered());
  EXPECT_EQ(health.Check("gpu1"), Serving::kServing);
  EXPECT_EQ(health.Check("gpu2"), Serving::kNotServing);
  served.Observe("gpu1", Unreachable());
  EXPECT_EQ(health.Check("gpu1"), Serving::kNotServing);
}

TEST(HealthService, DoesNotKnowOtherNames) {
  Served served;
  Health health(served.server->address());
  EXPECT_EQ(health.Check("gpu9"), Serving::kUnknown);
  const auto watch = health.StartWatch("gpu9");
  EXPECT_EQ(watch->Read(), Serving::kUnknown);
}

TEST(HealthService, ListsAllNames) {
  Served served({.backends = {"gpu1", "gpu2"}});
  Health health(served.server->address());
  served.Observe("gpu2", Answered());
  std::set<std::string> serving;
  std::set<std::string> not_serving;
  const auto list = health.List();
  for (const auto& [name, response] : list.statuses()) {
    using Response = grpc::health::v1::HealthCheckResponse;
    (response.status() == Response::SERVING ? serving : not_serving).insert(name);
  }
  EXPECT_THAT(serving, testing::ElementsAre("", kService, "gpu2"));
  EXPECT_THAT(not_serving, testing::ElementsAre("gpu1"));
}

TEST(HealthService, TakesABackendThatIsCalledLikeTheServiceForTheService) {
  Served served({.backends = {kService}});
  Health health(served.server->address());
  served.Observe(kService, Unreachable());
  EXPECT_EQ(health.Check(kService), Serving::kServing);
}

TEST(HealthWatch, TellsHowABackendIsAndThenEachChange) {
  Served served;
  Health health(served.server->address());
  const auto watch = health.StartWatch("gpu");
  EXPECT_EQ(watch->Read(), Serving::kNotServing);
  served.Observe(Answered());
  EXPECT_EQ(watch->Read(), Serving::kServing);
  served.Observe(Answered());
  served.Observe(Unreachable());
  EXPECT_EQ(watch->Read(), Serving::kNotServing);
}

TEST(HealthWatch, ToldNothingOfOtherBackendsHearsTheNextOfItsOwn) {
  Served served({.backends = {"gpu1", "gpu2"}});
  Health health(served.server->address());
  const auto watch = health.StartWatch("gpu1");
  EXPECT_EQ(watch->Read(), Serving::kNotServing);
  served.Observe("gpu2", Answered());
  served.Observe("gpu2", Unreachable());
  served.Observe("gpu1", Answered());
  EXPECT_EQ(watch->Read(), Serving::kServing);
}

TEST(HealthWatch, IsToldOfTheDrainAndThenEnds) {
  Served served;
  served.Observe(Answered());
  Health health(served.server->address());
  for (const char* const name : {"", kService, "gpu"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(health.Check(name), Serving::kServing);
  }
  const auto whole = health.StartWatch("");
  const auto backend = health.StartWatch("gpu");
  const auto unknown = health.StartWatch("gpu9");
  EXPECT_EQ(whole->Read(), Serving::kServing);
  EXPECT_EQ(backend->Read(), Serving::kServing);
  EXPECT_EQ(unknown->Read(), Serving::kUnknown);
  served.server->Drain();
  EXPECT_EQ(whole->Read(), Serving::kNotServing);
  EXPECT_EQ(backend->Read(), Serving::kNotServing);
  for (const auto& watch : {&whole, &backend, &unknown}) {
    const grpc::Status status = (*watch)->Finish();
    EXPECT_EQ(CodeAndReason(status), "UNAVAILABLE SHUTTING_DOWN");
    EXPECT_GT(DetailsOf(status).retry_after_seconds.value_or(0), 0);
  }
}

TEST(HealthWatch, BegunBehindTheDrainIsToldOfItAndEnds) {
  Served served;
  Health health(served.server->address());
  served.server->Drain();
  const auto watch = health.StartWatch("");
  EXPECT_EQ(watch->Read(), Serving::kNotServing);
  EXPECT_EQ(CodeAndReason(watch->Finish()), "UNAVAILABLE SHUTTING_DOWN");
}

TEST(HealthWatch, DoesNotHoldUpTheEndOfTheServer) {
  Served served;
  Health health(served.server->address());
  const auto watch = health.StartWatch("");
  EXPECT_EQ(watch->Read(), Serving::kServing);
  served.server->Stop(1h);  // returns when nothing is left, so that an hour's grace would be noticed
  EXPECT_EQ(CodeAndReason(watch->Finish()), "UNAVAILABLE SHUTTING_DOWN");
}

TEST(HealthWatch, IsRefusedWhereThereAreTooManyWhileChecksAreAnswered) {
  Served served({.server = {.max_health_watches = 2}});
  Health health(served.server->address());
  const auto one = health.StartWatch("");
  EXPECT_EQ(one->Read(), Serving::kServing);
  auto other = health.StartWatch("gpu9");
  EXPECT_EQ(other->Read(), Serving::kUnknown);
  const grpc::Status refused = health.StartWatch("")->Finish();
  EXPECT_EQ(CodeAndReason(refused), "RESOURCE_EXHAUSTED TOO_MANY_WATCHES");
  EXPECT_EQ(health.Check(""), Serving::kServing);
}

TEST(HealthWatch, OfANameThatIsTooLongToBeOneIsRefused) {
  Served served;
  Health health(served.server->address());
  EXPECT_EQ(CodeAndReason(health.StartWatch(std::string(100'000, 'x'))->Finish()), "INVALID_ARGUMENT INVALID_ARGUMENT");
}

TEST(HealthWatch, ManyComeAndGoWhileABackendDoesAndTheServerEnds) {
  Served served;
  std::atomic<bool> ended = false;
  std::thread backend([&] {
    while (!ended) {
      served.Observe(Answered());
      served.Observe(Unreachable());
    }
  });
  std::vector<std::thread> callers;
  std::atomic<int> told = 0;
  std::promise<void> enough;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      Health health(served.server->address());
      for (;;) {
        const auto watch = health.StartWatch("gpu");
        const Serving first = watch->Read();
        if (first == Serving::kNoAnswer || watch->Read() == Serving::kNoAnswer) return;  // the server has ended
        if (++told == 400) enough.set_value();
      }
    });
  }
  EXPECT_EQ(enough.get_future().wait_for(60s), std::future_status::ready);
  served.server->Stop(1h);
  for (std::thread& caller : callers) caller.join();
  ended = true;
  backend.join();
}

}  // namespace
