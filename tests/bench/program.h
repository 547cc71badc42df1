#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bench/figures.h"

namespace bench {

// So that a server and those who call it do not share one: where there are two processors or more, a server that is
// made with OnFirstCpu has one for itself, once CallFromOtherCpus was called.
std::vector<std::string> OnFirstCpu(std::vector<std::string> command);
void CallFromOtherCpus();

// A server of ours as a process of its own, with its output where ours goes. Killed at the end, also at the end of ours
// whatever that is. Settings in JOBSTATUS_… variables do not reach it.
class Program {
 public:
  // Adds --address-file to the command, and waits until the program has written its address there. Throws
  // std::runtime_error if it does not.
  explicit Program(std::vector<std::string> command);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Ends it as a person would, by SIGTERM, and returns when it has ended.
  void End();

  const std::string& address() const { return address_; }
  std::size_t resident_kb() const;  // memory it has now
  std::size_t threads() const;
  Micros cpu() const;  // time of processors that it has taken since its start

 private:
  void Start(std::vector<std::string>& command);
  std::size_t StatusNumber(std::string_view field) const;

  pid_t pid_ = 0;
  std::string address_;
};

}  // namespace bench
