#include "client/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string_view>

namespace jobstatus {
namespace {

constexpr int kLongMs = 30'000;

std::vector<std::string> Environment(const std::vector<std::string>& added) {
  constexpr std::array<std::string_view, 8> kOurs = {
      "JOBSTATUS_SERVER=", "JOBSTATUS_TOKEN=", "NO_COLOR=",      "TERM=", "LANG=",
      "LC_ALL=",           "LC_CTYPE=",        "GRPC_VERBOSITY="};
  std::vector<std::string> variables = added;  // of two values the first counts
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    bool ours = false;
    for (const std::string_view name : kOurs) ours = ours || text.starts_with(name);
    if (!ours) variables.emplace_back(text);
  }
  variables.insert(variables.end(), {"TERM=xterm", "LANG=C.UTF-8"});
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

void CloseIfOpen(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, Stdout to, const std::vector<std::string>& environment) {
  std::vector<std::string> command = {JOBSTATUS_BINARY};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = Environment(environment);
  if (to == Stdout::kPipe) {
    StartWithPipes(Pointers(command).data(), Pointers(variables).data());
  } else {
    StartOnTerminal(Pointers(command).data(), Pointers(variables).data());
  }
}

Process::~Process() {
  CloseIfOpen(output_fd_);
  CloseIfOpen(error_fd_);
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

void Process::StartWithPipes(char* const* arguments, char* const* environment) {
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  ASSERT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(err.data(), O_CLOEXEC), 0);
  // What is written is read when a test asks for it. Until then there must be room, or the program would wait for us.
  for (const int end : {out[1], err[1]}) ASSERT_GE(fcntl(end, F_SETPIPE_SZ, 1 << 20), 1 << 20);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  ASSERT_EQ(posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments, environment), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(err[1]);
  output_fd_ = out[0];
  error_fd_ = err[0];
}

void Process::StartOnTerminal(char* const* arguments, char* const* environment) {
  winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  pid_ = forkpty(&output_fd_, nullptr, nullptr, &size);
  if (pid_ == 0) {
    execve(arguments[0], arguments, environment);
    _exit(127);
  }
  ASSERT_GT(pid_, 0);
  fcntl(output_fd_, F_SETFD, FD_CLOEXEC);
}

bool Process::AwaitOutput(const std::string& text) {
  return Await(text, output_);
}
bool Process::AwaitError(const std::string& text) {
  return Await(text, error_);
}

bool Process::Await(const std::string& text, const std::string& in) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(kLongMs);
  while (in.find(text) == std::string::npos) {
    if (!ReadSome() || std::chrono::steady_clock::now() > give_up) return false;
  }
  return true;
}

int Process::Wait() {
  while (ReadSome()) {
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

bool Process::ReadSome() {
  if (output_fd_ < 0 && error_fd_ < 0) return false;
  std::array<pollfd, 2> polled = {
      {{.fd = output_fd_, .events = POLLIN, .revents = 0}, {.fd = error_fd_, .events = POLLIN, .revents = 0}}};
  if (poll(polled.data(), polled.size(), kLongMs) <= 0) {
    ADD_FAILURE() << "nothing came; so far:\n" << output_ << "\n" << error_;
    return false;
  }
  const auto read_one = [](const pollfd& one, int& fd, std::string& into) {
    if (one.revents == 0) return;
    std::array<char, 4096> buffer;
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count > 0) {
      into.append(buffer.data(), static_cast<std::size_t>(count));
    } else {
      CloseIfOpen(fd);  // a terminal's end is an error, EIO
    }
  };
  read_one(polled[0], output_fd_, output_);
  read_one(polled[1], error_fd_, error_);
  return true;
}

void Process::Signal(int signal) const {
  kill(pid_, signal);
}

void Process::Type(const std::string& keys) const {
  EXPECT_EQ(write(output_fd_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
}

void Process::Resize(unsigned short columns, unsigned short rows) const {
  const winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  EXPECT_EQ(ioctl(output_fd_, TIOCSWINSZ, &size), 0);
}

void Process::CloseOutput() {
  CloseIfOpen(output_fd_);
}

}  // namespace jobstatus
