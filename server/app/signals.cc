#include "app/signals.h"

#include <signal.h>

#include <cerrno>
#include <chrono>

namespace app {
namespace {

sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  return signals;
}

}  // namespace

void BlockSignals() {
  signal(SIGPIPE, SIG_IGN);
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

int WaitForSignal(jobs::Duration interval, const std::function<void()>& hang_up, const std::function<void()>& look) {
  using std::chrono::nanoseconds, std::chrono::seconds;
  const sigset_t signals = Signals();
  const auto whole = std::chrono::floor<seconds>(interval);
  const timespec wait{.tv_sec = whole.count(), .tv_nsec = nanoseconds(interval - whole).count()};
  int number = 0;
  while (number != SIGINT && number != SIGTERM) {
    number = sigtimedwait(&signals, nullptr, &wait);
    if (number == SIGHUP) hang_up();
    if (number == SIGHUP || (number < 0 && errno == EAGAIN)) look();
  }
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  return number;
}

}  // namespace app
