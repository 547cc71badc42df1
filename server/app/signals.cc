#include "app/signals.h"

#include <signal.h>

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

int WaitForSignal(const std::function<void()>& hang_up) {
  const sigset_t signals = Signals();
  int number = 0;
  while (sigwait(&signals, &number) == 0 && number == SIGHUP) hang_up();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  return number;
}

}  // namespace app
