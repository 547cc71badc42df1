#include "app/signals.h"

#include <signal.h>

#include <cerrno>

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

int WaitForSignal(const std::function<void()>& hang_up, const std::function<void()>& each_second) {
  const sigset_t signals = Signals();
  const timespec second{.tv_sec = 1, .tv_nsec = 0};
  int number = 0;
  while (number != SIGINT && number != SIGTERM) {
    number = sigtimedwait(&signals, nullptr, &second);
    if (number == SIGHUP) hang_up();
    if (number < 0 && errno == EAGAIN) each_second();
  }
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  return number;
}

}  // namespace app
