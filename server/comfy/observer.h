#pragma once

#include <utility>  // Boost 1.74's awaitable.hpp uses std::exchange without including it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <expected>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "comfy/api.h"
#include "comfy/backoff.h"
#include "comfy/listener.h"
#include "comfy/traffic.h"
#include "comfy/witnesses.h"
#include "jobs/job_source.h"
#include "jobs/observation.h"

namespace comfy {

struct ObserverOptions {
  jobs::Duration poll_interval = std::chrono::milliseconds(500);  // while the server has jobs
  jobs::Duration idle_interval = std::chrono::seconds(1);    // while it has none; then only /prompt is asked, 39 bytes
  jobs::Duration safety_interval = std::chrono::seconds(2);  // either, while every change is heard of anyway
  jobs::Duration least_interval = std::chrono::milliseconds(2);  // between two turns, whatever is heard
  jobs::Duration lookup_patience =
      std::chrono::seconds(10);  // longest a look-up may wait for an answer beyond its `until`
  jobs::Duration backoff_first = std::chrono::milliseconds(500);
  jobs::Duration backoff_longest = std::chrono::seconds(15);
  jobs::Duration jobs_api_retry = std::chrono::seconds(60);  // how long /api/jobs is left alone after it answered badly
  Pacer::Options pacing;
  ListenerOptions listener;
};

// What an earlier life of the service knew of the jobs of a ComfyUI server. A number has to be given as it was seen,
// `counted` included.
struct Remembered {
  struct Unfinished {
    std::string job_id;
    jobs::QueueNumber number;
    bool running = false;  // it was seen to run
  };
  struct Finished {
    std::string job_id;
    jobs::QueueNumber number;
  };
  std::vector<Unfinished> unfinished;  // all of them
  // Some whose verdict was read in the history, newest first: witnesses (witnesses.h). Those over three are left out.
  std::vector<Finished> finished;
};

// Watches one ComfyUI server: decides when to ask what, and turns the answers into observations. One question is under
// way at a time.
//
// It rests on two facts (ComfyUI's execution.py: each step of a job is one critical section of one lock):
//   a job that is in neither the queue nor, asked after it, the history, is gone;
//   a job that the history has under the number it was queued with has ended.
//
// Lives on the event loop's thread, LookFor and StopLookingFor apart. Must outlive the loop's run.
class Observer final : public jobs::JobSource {
 public:
  Observer(boost::asio::io_context& io, CurlLoop& loop, std::string name, HttpOptions http, ObserverOptions options,
           jobs::ObservationSink& sink);

  // Takes up the watch where the service left it: the jobs that were unfinished are looked for in the very first turn
  // and, if they are not in the queue, in the history. One that is in neither was not watched to the end, so that it is
  // lost, never cancelled. Before Start.
  void Resume(const Remembered& remembered);

  void Start();

  // Ends the question under way and asks no other. On the loop's thread.
  void Stop();

  void LookFor(const std::string& job_id, jobs::Steady until) override;
  void StopLookingFor(const std::string& job_id) override;

  // On any thread.
  Traffic::Counts traffic() const { return traffic_.Read(); }

 private:
  using Error = jobs::BackendError;
  template <class T>
  using Answer = Api::Answer<T>;

  // A job that was in the queue when last seen.
  struct Active {
    jobs::QueueNumber number;  // tells this run from another of the same id
    bool running = false;
    Continuity::Mark seen;
    bool workflow_read = false;  // and who submitted it
    jobs::Submitter submitter = jobs::Submitter::kUnknown;
    std::string client_id;                     // it was submitted with; empty where that is nobody else's
    std::optional<jobs::Steady> ask_again_at;  // its history could not be read; the rest of the backend is well
    jobs::Duration ask_again_after{0};
  };

  // A job that somebody asked for and that has not been found.
  struct Sought {
    jobs::Steady since;    // somebody waits without an answer of any kind
    jobs::Steady until;    // not given up before
    jobs::Steady next_at;  // look again
    jobs::Steady joined;   // the last of those who wait came; what was asked before is no answer to them
  };

  // The runs a queue listing has of each prompt_id; views into the listing.
  using Listed = std::map<std::string_view, std::vector<jobs::QueueNumber>>;

  boost::asio::awaitable<void> Run();
  boost::asio::awaitable<void> SleepUntilNextTurn();
  jobs::Steady NextTurn() const;

  // One turn of asking: all that is due now. The error is one of the whole backend.
  Answer<void> Turn();
  Answer<void> Introduce();
  Answer<void> FullTurn();
  Answer<void> LightTurn(bool queue_is_too_dear);

  Answer<void> SettleOver();
  Answer<void> SettleRenumbered(const Listed& listed);
  Answer<void> SettleLeft(const std::vector<std::string>& left);
  Answer<jobs::SeenNowhere> Absence(const Active& active);
  Answer<void> AskWitnesses(const Continuity::Mark& since);
  Answer<void> SettleSought(const std::vector<std::string>& due, std::optional<jobs::Steady> queue_asked_at);
  void TellVerdict(const std::string& job_id, jobs::HistoryEntry entry);
  bool Follow(QueueAnswer& queue);
  bool WorkflowWanted(const std::string& job_id, jobs::QueueNumber number) const;
  void TellListener(jobs::Steady asked_at, bool changed, bool running_seen);
  void LookSoon(bool is_back);
  std::vector<std::string> DueSought() const;
  bool Busy() const { return !active_.empty() || queue_remaining_ > 0; }

  void Failed(const Error& error);
  void HistoryUnreadable(const std::string& job_id, Active& active);
  void AddSought(const std::string& job_id, jobs::Steady until);
  void LookupsFailed(const Error& error, jobs::Steady as_of);
  void LookupFailed(const std::string& job_id, const Error& error, jobs::Steady as_of);
  void OutOfPatience();
  void ArmPatience();
  void Tell(jobs::Observation observation);
  void Pass(jobs::Observation observation);

  const std::string name_;
  const ObserverOptions options_;
  jobs::ObservationSink& sink_;
  boost::asio::io_context& io_;
  Traffic traffic_;
  Api api_;
  Witnesses witnesses_;
  Listener listener_;
  Backoff backoff_;
  std::minstd_rand random_{std::random_device{}()};

  boost::asio::steady_timer turn_timer_;      // wakes Run
  boost::asio::steady_timer patience_timer_;  // gives up look-ups, even while a question hangs
  bool stopped_ = false;
  bool woken_ = false;
  jobs::Steady last_turn_{};
  jobs::Duration light_cost_{0};  // of the last turn that was made though the budget was overdrawn

  bool introduced_ = false;  // its version was asked for, since it last came (back) up
  Continuity::Mark introduced_at_;
  std::string version_;
  int queue_remaining_ = 0;

  std::optional<Error> failing_;  // the last question had no answer
  jobs::Steady retry_at_{};

  std::map<std::string, Active, std::less<>> active_;
  std::map<std::string, Sought, std::less<>> sought_;
};

}  // namespace comfy
