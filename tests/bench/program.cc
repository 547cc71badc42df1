#include "bench/program.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

#include "bench/scratch.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

cpu_set_t Cpus() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  sched_getaffinity(0, sizeof cpus, &cpus);
  return cpus;
}

// Of two or more; as it was before CallFromOtherCpus.
std::optional<int> FirstCpu() {
  static const cpu_set_t cpus = Cpus();
  if (CPU_COUNT(&cpus) < 2) return std::nullopt;
  int first = 0;
  while (!CPU_ISSET(static_cast<std::size_t>(first), &cpus)) ++first;
  return first;
}

std::vector<std::string> Environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("JOBSTATUS_")) variables.emplace_back(*variable);
  }
  return variables;
}

}  // namespace

std::vector<std::string> OnFirstCpu(std::vector<std::string> command) {
  if (const auto first = FirstCpu())
    command.insert(command.begin(), {"/usr/bin/taskset", "--cpu-list", std::to_string(*first)});
  return command;
}

void CallFromOtherCpus() {
  const auto first = FirstCpu();
  if (!first) return;
  cpu_set_t cpus = Cpus();
  CPU_CLR(static_cast<std::size_t>(*first), &cpus);
  sched_setaffinity(0, sizeof cpus, &cpus);
}

Program::Program(std::vector<std::string> command) {
  const Scratch scratch;
  const std::string address_file = scratch.path() / "address";
  command.insert(command.end(), {"--address-file", address_file});
  Start(command);
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < give_up) {
    std::ifstream in(address_file);
    if (std::getline(in, address_)) return;
    if (waitpid(pid_, nullptr, WNOHANG) != 0) {
      pid_ = 0;
      break;
    }
    std::this_thread::sleep_for(500us);
  }
  if (pid_ > 0) kill(pid_, SIGKILL);
  throw std::runtime_error(command.front() + " does not start");
}

Program::~Program() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Program::End() {
  kill(pid_, SIGTERM);
  waitpid(std::exchange(pid_, 0), nullptr, 0);
}

std::size_t Program::resident_kb() const {
  return StatusNumber("VmRSS:");
}

std::size_t Program::threads() const {
  return StatusNumber("Threads:");
}

std::size_t Program::StatusNumber(std::string_view field) const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stoul(line.substr(line.find_first_of("0123456789")));
  }
  throw std::runtime_error("process " + std::to_string(pid_) + " is gone");
}

Micros Program::cpu() const {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &time) != 0)
    throw std::runtime_error("process " + std::to_string(pid_) + " is gone");
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void Program::Start(std::vector<std::string>& command) {
  const std::vector<char*> arguments = Pointers(command);
  std::vector<std::string> variables = Environment();
  const std::vector<char*> environment = Pointers(variables);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ > 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() == parent) execve(arguments[0], arguments.data(), environment.data());
  _exit(127);
}

}  // namespace bench
