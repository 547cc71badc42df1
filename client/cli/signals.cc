#include "cli/signals.h"

#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>
#include <initializer_list>

namespace jobstatus::cli {

Signals::Signals() {
  sigemptyset(&taken_);
  for (const int signal : {SIGINT, SIGTERM, SIGTSTP, SIGWINCH}) sigaddset(&taken_, signal);
  pthread_sigmask(SIG_BLOCK, &taken_, &before_);
  fd_ = signalfd(-1, &taken_, SFD_NONBLOCK | SFD_CLOEXEC);
}

Signals::~Signals() {
  close(fd_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Signals::Release() const {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}
void Signals::Hold() const {
  pthread_sigmask(SIG_BLOCK, &taken_, nullptr);
}

int Signals::Take() const {
  signalfd_siginfo info{};
  if (read(fd_, &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) return 0;
  return static_cast<int>(info.ssi_signo);
}

WakeUp::WakeUp() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
WakeUp::~WakeUp() {
  close(fd_);
}

void WakeUp::Give() const {
  eventfd_write(fd_, 1);
}

}  // namespace jobstatus::cli
