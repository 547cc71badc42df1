#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "board/board.h"
#include "comfy/curl_loop.h"
#include "comfy/observer.h"

// A backend that is really observed, for tests: an Observer on its own event loop, in front of a real Board.
class Observed final : private jobs::ObservationSink {
 public:
  static constexpr const char* kBackend = "gpu";
  static constexpr const char* kClientId = "jobstatus-test";

  // As fast as can be, so that no test waits for a poll.
  static comfy::ObserverOptions Quick();

  // `remembered`: of an earlier life; on the board, and stale.
  explicit Observed(const std::string& url, comfy::ObserverOptions options = Quick(), comfy::HttpOptions http = {},
                    const comfy::Remembered& remembered = {});
  ~Observed() override;

  board::Board board;

  // Waits for something to become true, looking again after every observation. False after 20 s.
  bool Await(const std::function<bool()>& reached);

  // The status once it is no longer stale. Null after 20 s.
  board::Snapshot AwaitFresh(const std::string& job_id);

  // The status once it is in that state. Null after 20 s.
  board::Snapshot AwaitState(const std::string& job_id, jobs::JobState state);

  // Waits until so many observations of this kind have been made in all. False after 20 s.
  template <class Observation>
  bool AwaitCount(int count) {
    return Await([&] { return Count(jobs::Observation(Observation()).index()) >= count; });
  }

  // Waits until so many further observations of this kind have been made. False after 20 s.
  template <class Observation>
  bool AwaitNext(int count = 1) {
    const std::size_t kind = jobs::Observation(Observation()).index();
    const int before = Count(kind);
    return Await([&] { return Count(kind) >= before + count; });
  }

  // Looks for a job; `patience` beyond the first look.
  board::LookupResult LookUp(const std::string& job_id, jobs::Duration patience = jobs::Duration(0));

  // Returns when the observer has taken in every call made so far.
  void Settle();

  // Every status that was published of a job, in order.
  std::vector<jobs::JobStatus> Told(const std::string& job_id) const;

  // Called on the observer's thread with each status when it is published.
  void SetOnStatus(std::function<void(const jobs::JobStatus&)> on_status);

  void Stop();

  comfy::Traffic::Counts traffic() const { return observer_->traffic(); }

 private:
  void Observe(std::string_view backend, jobs::Observation observation, jobs::Time now) override;
  int Count(std::size_t kind) const;

  mutable std::mutex mutex_;  // guards the four below
  std::condition_variable observed_;
  std::map<std::size_t, int> counts_;
  std::map<std::string, std::vector<jobs::JobStatus>> told_;
  std::function<void(const jobs::JobStatus&)> on_status_;
  std::uint64_t seen_revision_ = 0;  // of the observer's thread alone

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ = boost::asio::make_work_guard(io_);
  comfy::CurlLoop curl_{io_};
  std::optional<comfy::Observer> observer_;
  std::thread thread_;  // runs io_
};

std::vector<jobs::JobState> States(const std::vector<jobs::JobStatus>& statuses);
