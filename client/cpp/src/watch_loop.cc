#include "watch_loop.h"

#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>

#include "watch_call.h"
#include "watch_flow.h"

namespace jobstatus {

using comfyui::jobstatus::v1::WatchStatusResponse;
using std::chrono::steady_clock;

namespace {

Backoff::Random MakeRandom() {
  return [engine = std::minstd_rand(std::random_device{}())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(engine);
  };
}

// False: stopped.
bool WaitFor(std::chrono::milliseconds wait, const std::stop_token& stop) {
  std::mutex mutex;  // protects nothing: a condition variable wants one
  std::unique_lock lock(mutex);
  std::condition_variable_any never;
  never.wait_for(lock, stop, wait, [] { return false; });
  return !stop.stop_requested();
}

void Tell(const WatchStatusResponse& message, bool reattached, const WatchEvents& events) {
  if (reattached && events.on_reattached) events.on_reattached();
  if (message.has_status()) {
    if (events.on_status) events.on_status(message.status());
  } else if (events.on_heartbeat) {
    events.on_heartbeat(message.revision());
  }
}

// One attempt, from attaching to the end of the stream.
Decision Listen(Stub& stub, const std::string& token, WatchFlow& flow, const WatchEvents& events,
                const std::stop_token& stop) {
  WatchCall call(stub, token, flow.Attach(steady_clock::now()));
  const std::stop_callback cancel(stop, [&call] { call.Cancel(); });
  for (;;) {
    WatchCall::Event event = call.Next(flow.ListenUntil());
    if (auto* message = std::get_if<WatchStatusResponse>(&event)) {
      Tell(*message, flow.OnMessage(*message), events);
      flow.Listen(steady_clock::now());  // the time the events took is not the service's silence
      if (stop.stop_requested()) return flow.OnEnd(Error{.code = Code::kCancelled}, steady_clock::now());
    } else if (auto* end = std::get_if<StreamEnd>(&event)) {
      return flow.OnEnd(std::move(end->error), steady_clock::now());
    } else if (steady_clock::now() >= flow.ListenUntil()) {
      return flow.OnSilence(steady_clock::now());
    }
  }
}

}  // namespace

Result<void> RunWatch(Stub& stub, const ClientOptions& options, WatchRequest request, const WatchEvents& events,
                      std::stop_token stop) {
  WatchFlow flow(std::move(request), options.silence_limit, Backoff(options.backoff, MakeRandom()),
                 steady_clock::now());
  for (;;) {
    Decision decision = Listen(stub, options.token, flow, events, stop);
    if (auto* finished = std::get_if<Finished>(&decision)) {
      if (!finished->result && stop.stop_requested()) return flow.Cancelled().result;
      return std::move(finished->result);
    }
    if (stop.stop_requested()) return flow.Cancelled().result;
    const auto& again = std::get<Reattach>(decision);
    if (events.on_retry && again.attempt > 0) events.on_retry(again.why, again.wait, again.attempt);
    if (!WaitFor(again.wait, stop)) return flow.Cancelled().result;
    if (auto finished = flow.AfterWait(steady_clock::now())) return std::move(finished->result);
  }
}

}  // namespace jobstatus
