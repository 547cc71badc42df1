#include "rpc/loop.h"

#include <grpc/support/time.h>

#include <algorithm>
#include <chrono>
#include <iterator>

#include "rpc/clock.h"

namespace rpc {
namespace {

constexpr int kTurn = 64;

class PostedCall final : public Loop::Posted {
 public:
  explicit PostedCall(std::function<void()> call) : call_(std::move(call)) {}
  void OnPosted() override { call_(); }

 private:
  const std::function<void()> call_;
};

// gRPC's monotonic clock is that of the standard library, CLOCK_MONOTONIC.
gpr_timespec ForGrpc(jobs::Steady when) {
  if (when == jobs::Steady::max()) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  const auto whole = std::chrono::floor<std::chrono::seconds>(when);
  const std::chrono::nanoseconds rest = when - whole;
  return {.tv_sec = whole.time_since_epoch().count(),
          .tv_nsec = static_cast<std::int32_t>(rest.count()),
          .clock_type = GPR_CLOCK_MONOTONIC};
}

}  // namespace

void Loop::Inbox::Post(std::shared_ptr<Posted> what) {
  Put(std::move(what), false);
}

void Loop::Inbox::Post(std::function<void()> what) {
  Put(std::make_shared<PostedCall>(std::move(what)), false);
}

void Loop::Inbox::Put(std::shared_ptr<Posted> what, bool last) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = last;
    posted_.push_back(std::move(what));
    if (posted_.size() > 1) return;
  }
  // Without the lock, which the thread it wakes wants. It is set by nobody else before that has taken what is here.
  alarm_.Set(&queue_, gpr_inf_past(GPR_CLOCK_MONOTONIC), &woken_);
}

std::vector<std::shared_ptr<Loop::Posted>> Loop::Inbox::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(posted_, {});
}

Loop::Loop(std::unique_ptr<grpc::ServerCompletionQueue> queue)
    : queue_(std::move(queue)), inbox_(new Inbox(*queue_, woken_)) {}

Loop::~Loop() {
  Stop();
}

void Loop::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Loop::Stop() {
  if (!thread_.joinable()) return;
  // By the loop itself, as the last that is posted: nobody can wake a queue that was shut down.
  inbox_->Put(std::make_shared<PostedCall>([this] { queue_->Shutdown(); }), true);
  thread_.join();
}

void Loop::OnWoken(bool) {
  std::ranges::move(inbox_->Take(), std::back_inserter(posted_));
}

// In turns: news for thousands of streams are thousands of things posted, and who calls meanwhile is not to wait for
// all of them.
void Loop::Run() {
  id_ = std::this_thread::get_id();
  for (int events = 0;;) {
    void* tag = nullptr;
    bool ok = false;
    const jobs::Steady due = due_.empty() ? jobs::Steady::max() : due_.begin()->first;
    // That a time is past does not keep the queue from looking for what has come.
    const auto next = queue_->AsyncNext(&tag, &ok, posted_.empty() ? ForGrpc(due) : gpr_inf_past(GPR_CLOCK_MONOTONIC));
    if (next == grpc::CompletionQueue::SHUTDOWN) return;
    if (next == grpc::CompletionQueue::GOT_EVENT) {
      static_cast<Tag*>(tag)->OnEvent(ok);
      if (++events < kTurn) continue;
    }
    events = 0;
    CallPosted();
    CallDue();
  }
}

void Loop::CallPosted() {
  for (int i = 0; i < kTurn && !posted_.empty(); ++i) {
    const std::shared_ptr<Posted> next = std::move(posted_.front());
    posted_.pop_front();
    next->OnPosted();
  }
}

void Loop::CallDue() {
  if (due_.empty()) return;
  const jobs::Steady now = SteadyNow();
  for (int i = 0; i < kTurn && !due_.empty() && due_.begin()->first <= now; ++i) {
    Timed& who = *due_.begin()->second;
    Forget(who);
    who.OnTick(now);
  }
}

void Loop::CallAt(jobs::Steady when, Timed& who) {
  if (who.due_ <= when) return;
  Forget(who);
  who.due_ = when;
  due_.emplace(when, &who);
}

void Loop::Forget(Timed& who) {
  if (who.due_ == jobs::Steady::max()) return;
  due_.erase({who.due_, &who});
  who.due_ = jobs::Steady::max();
}

}  // namespace rpc
