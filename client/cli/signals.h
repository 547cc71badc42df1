// Signals as something to wait for.
#pragma once

#include <csignal>

namespace jobstatus::cli {

// Takes SIGINT, SIGTERM, SIGTSTP and SIGWINCH from the whole process: they are read from `fd` instead. Make it before
// any other thread starts, since threads inherit what is blocked.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Lets signals to this thread do what they do by themselves, and takes them back.
  void Release() const;
  void Hold() const;

  // Readable when a signal came.
  int fd() const { return fd_; }

  // The signal that came; 0: none.
  int Take() const;

 private:
  sigset_t taken_;
  sigset_t before_;
  int fd_;
};

// A wake-up that one thread gives and another waits for with poll.
class WakeUp {
 public:
  WakeUp();
  ~WakeUp();
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  int fd() const { return fd_; }
  void Give() const;

 private:
  int fd_;
};

}  // namespace jobstatus::cli
