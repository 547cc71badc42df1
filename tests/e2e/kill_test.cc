// What the service has told is true for ever, however often it is killed.

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <map>
#include <random>

#include "e2e/programs.h"
#include "e2e/storm.h"
#include "fakes/fake_comfy.h"
#include "rpc/watch_call.h"

namespace e2e {
namespace {

using namespace std::chrono_literals;

#ifdef __SANITIZE_ADDRESS__
constexpr int kKills = 60;
#else
constexpr int kKills = 300;
#endif
constexpr unsigned kSeed = 4711;
constexpr const char* kClientId = "jobstatus-storm";

bool IsTerminal(pb::JobState state) {
  return state != pb::JOB_STATE_QUEUED && state != pb::JOB_STATE_PROCESSING;
}

// Everything one caller was told, over all lives of the service.
class Ledger {
 public:
  void Enter(const pb::WatchStatusResponse& message) {
    if (!message.has_status()) {  // a heartbeat: up to there everything was told
      EXPECT_GE(message.revision(), revision_);
      revision_ = message.revision();
      return;
    }
    const pb::JobStatus& status = message.status();
    EXPECT_GT(status.revision(), revision_) << "revisions go back, or are used again: " << status.ShortDebugString();
    EXPECT_EQ(status.revision(), message.revision());
    revision_ = message.revision();
    ++statuses;
    pb::JobStatus& newest = newest_[status.job_id()];
    const bool final = IsTerminal(newest.state()) && newest.state() != pb::JOB_STATE_LOST;
    EXPECT_FALSE(!newest.job_id().empty() && final)
        << "a verdict was told twice, or has changed: " << newest.ShortDebugString() << " then "
        << status.ShortDebugString();
    newest = status;
    if (IsTerminal(status.state())) ++verdicts;
  }

  std::uint64_t revision() const { return revision_; }
  const std::map<std::string, pb::JobStatus>& newest() const { return newest_; }

  std::vector<std::string> Ended() const {
    std::vector<std::string> ids;
    for (const auto& [id, status] : newest_) {
      if (IsTerminal(status.state())) ids.push_back(id);
    }
    return ids;
  }

  int statuses = 0;
  int verdicts = 0;

 private:
  std::uint64_t revision_ = 0;
  std::map<std::string, pb::JobStatus> newest_;
};

class Killed : public testing::Test {
 protected:
  Killed() { StartService(); }

  void StartService() {
    service.emplace(Arguments{"gpu=" + comfy.url()}, Arguments{"--client-id", std::string("gpu=") + kClientId},
                    "127.0.0.1:0", state.path());
    stub = pb::JobStatusService::NewStub(grpc::CreateChannel(service->address(), grpc::InsecureChannelCredentials()));
  }

  pb::JobStatus Get(const std::string& id) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 20s);
    pb::GetStatusRequest request;
    request.set_job_id(id);
    pb::GetStatusResponse response;
    const grpc::Status status = stub->GetStatus(&context, request, &response);
    EXPECT_TRUE(status.ok()) << id << ": " << status.error_message();
    return response.status();
  }

  // A verdict that was told is told again, word for word; and whoever waits for it is told it or has been.
  void ExpectRemembered(const pb::JobStatus& told) {
    EXPECT_EQ(Get(told.job_id()).ShortDebugString(), told.ShortDebugString());
    ++read_again;
  }
  void ExpectResumed(const pb::JobStatus& told) {
    WatchCall all_told(*stub, WatchRequest({told.job_id()}, told.revision()));
    EXPECT_EQ(all_told.ReadStatus(), std::nullopt);
    EXPECT_TRUE(all_told.Finish().ok());
    WatchCall not_told(*stub, WatchRequest({told.job_id()}, told.revision() - 1));
    EXPECT_EQ(not_told.ReadStatus().value_or(pb::JobStatus()).ShortDebugString(), told.ShortDebugString());
    EXPECT_TRUE(not_told.Finish().ok());
    ++resumed;
  }

  std::vector<std::string> ListEnded() {
    pb::ListStatusesRequest request;
    for (const auto ended :
         {pb::JOB_STATE_COMPLETED, pb::JOB_STATE_FAILED, pb::JOB_STATE_CANCELLED, pb::JOB_STATE_LOST})
      request.add_states(ended);
    request.set_page_size(100);
    std::vector<std::string> ids;
    do {
      grpc::ClientContext context;
      pb::ListStatusesResponse page;
      EXPECT_TRUE(stub->ListStatuses(&context, request, &page).ok());
      for (const pb::JobStatus& status : page.statuses()) ids.push_back(status.job_id());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return ids;
  }

  fakes::FakeComfy comfy{{.version = "v0.3.64"}};
  StateDir state;
  std::optional<Service> service;
  std::unique_ptr<pb::JobStatusService::Stub> stub;
  int read_again = 0;
  int resumed = 0;
};

TEST_F(Killed, InAStormOfChangesItForgetsNoVerdictUsesNoRevisionAgainAndSkipsNothing) {
  std::mt19937 random(kSeed);
  Storm storm(comfy, kClientId, kSeed);
  Ledger ledger;
  const auto begin = std::chrono::steady_clock::now();
  int kills = 0;
  for (; kills < kKills && !HasFailure(); ++kills) {
    WatchCall all(*stub, WatchRequest({}, ledger.revision()));
    const std::vector<std::string> ended = ledger.Ended();
    for (int i = 0; i < 5 && !ended.empty(); ++i) ExpectRemembered(ledger.newest().at(ended[random() % ended.size()]));
    if (!ended.empty()) ExpectResumed(ledger.newest().at(ended[random() % ended.size()]));

    int messages_left = 1 + static_cast<int>(random() % 60);
    while (const auto message = all.Read()) {
      ledger.Enter(*message);
      if (message->has_status()) storm.Told(message->status().job_id(), message->status().state());
      if (--messages_left != 0) continue;
      // At any point of what the service does next, not only behind a message.
      const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 3000);
      while (std::chrono::steady_clock::now() < until) {
      }
      service->process().Signal(SIGKILL);
    }
    EXPECT_LE(messages_left, 0) << "the watch ended by itself";
    StartService();
  }

  storm.End();
  WatchCall all(*stub, WatchRequest({}, ledger.revision()));
  const auto unfinished = [&] { return ledger.newest().size() - ledger.Ended().size(); };
  // Of jobs that nobody was told of before the last kill the rest is told here, too; they end as nobody waits for them.
  while (unfinished() > 0 && !HasFailure()) {
    const auto message = all.Read();
    ASSERT_TRUE(message) << unfinished() << " jobs were told of and never ended";
    ledger.Enter(*message);
    if (!message->has_status()) continue;
    storm.Told(message->status().job_id(), message->status().state());
    storm.End();
  }
  for (const auto& [id, told] : ledger.newest()) {
    EXPECT_TRUE(storm.EndsOf(id).contains(told.state())) << "was not so: " << told.ShortDebugString();
    ExpectRemembered(told);
  }
  EXPECT_THAT(ListEnded(), testing::UnorderedElementsAreArray(ledger.Ended()));

  const auto took = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin);
  std::cout << "killed " << kills << " times in " << took.count() << " s: " << ledger.statuses << " statuses of "
            << ledger.newest().size() << " jobs told, " << ledger.verdicts << " of them verdicts; " << read_again
            << " verdicts read again, " << resumed << " watches resumed behind them; up to revision "
            << ledger.revision() << "\n";
}

}  // namespace
}  // namespace e2e
