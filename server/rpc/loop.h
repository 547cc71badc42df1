#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "jobs/time.h"

namespace rpc {

// One thread, and all that happens on it: what a completion queue of gRPC tells, what other threads post, and what is
// due at a time. What only it touches needs no lock.
//
// gRPC's callbacks would do without it, but wake a thread for each message that was written, and keep more of each
// call: half as much processor again and 2.5 kB a stream (`./dev bench`, gRPC 1.51).
class Loop {
 public:
  // An operation given to the queue: its tag.
  class Tag {
   public:
    virtual void OnEvent(bool ok) = 0;

   protected:
    ~Tag() = default;
  };

  // A tag that calls a method of who has it.
  template <class Owner, void (Owner::*kWhat)(bool ok)>
  class TagOf final : public Tag {
   public:
    explicit TagOf(Owner& owner) : owner_(owner) {}
    void OnEvent(bool ok) override { (owner_.*kWhat)(ok); }

   private:
    Owner& owner_;
  };

  // Something posted.
  class Posted {
   public:
    virtual ~Posted() = default;
    virtual void OnPosted() = 0;
  };

  // Somebody who wants to be called when a time has come. Must be forgotten before it ends.
  class Timed {
   public:
    virtual ~Timed() = default;
    virtual void OnTick(jobs::Steady now) = 0;

   private:
    friend Loop;
    jobs::Steady due_ = jobs::Steady::max();  // max: it does not want to be
  };

  // Where other threads put things. Outlives the loop for those who may come later still: then it takes nothing.
  class Inbox {
   public:
    // By any thread.
    void Post(std::shared_ptr<Posted> what);
    void Post(std::function<void()> what);

   private:
    friend Loop;
    Inbox(grpc::CompletionQueue& queue, Tag& woken) : queue_(queue), woken_(woken) {}
    void Put(std::shared_ptr<Posted> what, bool last);
    std::vector<std::shared_ptr<Posted>> Take();

    grpc::CompletionQueue& queue_;  // not touched once it takes nothing
    Tag& woken_;
    grpc::Alarm alarm_;  // set by who finds it empty, until the loop takes
    std::mutex mutex_;   // guards the two below
    std::vector<std::shared_ptr<Posted>> posted_;
    bool closed_ = false;
  };

  explicit Loop(std::unique_ptr<grpc::ServerCompletionQueue> queue);
  ~Loop();  // stops it

  void Start();

  // Once the server of the queue has shut down: ends the thread when all operations have been told.
  void Stop();

  // By any thread.
  const std::shared_ptr<Inbox>& inbox() const { return inbox_; }
  bool IsThisThread() const { return std::this_thread::get_id() == id_; }

  // By the loop's thread only, or before Start.
  grpc::ServerCompletionQueue& queue() { return *queue_; }
  // Each has one call to come, the earliest asked for. A time of max() asks for none.
  void CallAt(jobs::Steady when, Timed& who);
  void Forget(Timed& who);

 private:
  void OnWoken(bool);
  void Run();
  void CallPosted();
  void CallDue();

  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  TagOf<Loop, &Loop::OnWoken> woken_{*this};
  const std::shared_ptr<Inbox> inbox_;
  std::deque<std::shared_ptr<Posted>> posted_;  // and taken
  std::set<std::pair<jobs::Steady, Timed*>> due_;
  std::thread::id id_;  // of the thread; set before anything happens on it
  std::thread thread_;  // runs Run
};

}  // namespace rpc
