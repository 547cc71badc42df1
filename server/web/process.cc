#include "web/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace web {
namespace {

std::string FirstLine(const char* file, const std::string& begin = "") {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(begin)) return line.substr(begin.size());
  }
  return {};
}

}  // namespace

// proc(5): the fields of /proc/self/stat are numbered from 1, and the second, the name in brackets, may hold spaces.
ProcessReading ReadProcess() {
  ProcessReading process;
  const std::string stat = FirstLine("/proc/self/stat");
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  std::istringstream fields(stat.substr(std::min(stat.rfind(')') + 1, stat.size())));
  std::string value;
  for (int field = 3; fields >> value; ++field) {
    if (field == 14 || field == 15) process.cpu_seconds += std::stod(value) / ticks;
    if (field == 20) process.threads = std::stoull(value);
    if (field == 22) process.start_seconds = std::stod(value) / ticks;  // since the machine started
    if (field == 23) process.virtual_bytes = std::stoull(value);
    if (field == 24) process.resident_bytes = std::stoull(value) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  const std::string booted = FirstLine("/proc/stat", "btime ");
  process.start_seconds = booted.empty() ? 0 : process.start_seconds + std::stod(booted);
  std::error_code error;
  std::filesystem::directory_iterator fds("/proc/self/fd", error);
  for (; !error && fds != std::filesystem::directory_iterator(); fds.increment(error)) ++process.open_fds;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) process.max_fds = limit.rlim_cur;
  return process;
}

}  // namespace web
