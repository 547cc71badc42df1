#include "e2e/programs.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "fakes/blocking_client.h"

namespace e2e {
namespace {

using namespace std::chrono_literals;

// The one line of a file that is complete once it is there. Then the file is gone.
std::string AwaitLine(const std::string& file) {
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < give_up) {
    std::ifstream in(file);
    if (std::string line; std::getline(in, line)) {
      std::filesystem::remove(file);
      return line;
    }
    std::this_thread::sleep_for(2ms);
  }
  throw std::runtime_error("a program did not start: " + file + " is not written");
}

Arguments ServiceCommand(const Arguments& backends, const Arguments& more, const std::string& listen,
                         const std::string& file, const std::string& state_dir, const Arguments& runner) {
  Arguments command = runner;
  const Arguments program = {JOBSTATUS_SERVER, "--listen", listen, "--address-file", file, "--state-dir", state_dir};
  command.insert(command.end(), program.begin(), program.end());
  for (const std::string& backend : backends) command.insert(command.end(), {"--backend", backend});
  const Arguments quick = {"--poll-interval",  "10ms", "--idle-interval",  "10ms", "--safety-interval", "10ms",
                           "--upstream-share", "1",    "--answer-timeout", "1s"};
  for (std::size_t i = 0; i < quick.size(); i += 2) {
    if (std::ranges::find(more, quick[i]) == more.end()) command.insert(command.end(), {quick[i], quick[i + 1]});
  }
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

Arguments ComfyCommand(std::string port, const std::string& file, const std::string& speed,
                       const std::string& version) {
  Arguments command = {FAKE_COMFYUI, "--port", std::move(port), "--address-file", file, "--speed", speed};
  if (!version.empty()) command.insert(command.end(), {"--version", version});
  return command;
}

fakes::Reply Post(const std::string& url, const std::string& path, const std::string& body) {
  const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  fakes::BlockingClient client("127.0.0.1", port);
  const auto reply = client.Ask("POST", path, body, {{"Content-Type", "application/json"}});
  if (!reply || reply->status != 200)
    throw std::runtime_error("POST " + path + ": " + (reply ? reply->body : "no answer"));
  return *reply;
}

}  // namespace

Comfy::Comfy(std::string port, const std::string& speed, const std::string& version)
    : address_file_(FreshFile("comfy")),
      process_(ComfyCommand(std::move(port), address_file_, speed, version)),
      url_(AwaitLine(address_file_)) {}

StateDir::StateDir() : path_(FreshFile("state")) {}

StateDir::~StateDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Service::Service(const Arguments& backends, const Arguments& more, const std::string& listen,
                 const std::string& state_dir, const Arguments& runner)
    : address_file_(FreshFile("service")),
      process_(ServiceCommand(backends, more, listen, address_file_, state_dir.empty() ? own_state_.path() : state_dir,
                              runner)),
      address_(AwaitLine(address_file_)) {}

Arguments Service::Command(Arguments arguments) const {
  arguments.insert(arguments.begin(), {JOBSTATUS_COMMAND, "--server", address_});
  return arguments;
}

MetricsPort::MetricsPort(std::string listen) : listen_(std::move(listen)), address_file_(FreshFile("metrics")) {}

Arguments MetricsPort::Options(Arguments more) const {
  more.insert(more.end(), {"--metrics-listen", listen_, "--metrics-address-file", address_file_});
  return more;
}

std::string MetricsPort::Url(const std::string& path) {
  if (port_.empty()) {
    const std::string address = AwaitLine(address_file_);
    port_ = address.substr(address.rfind(':') + 1);
  }
  return "http://127.0.0.1:" + port_ + path;
}

fakes::Reply MetricsPort::Get(const std::string& path, const std::string& token) {
  Url(path);
  fakes::BlockingClient client("127.0.0.1", static_cast<std::uint16_t>(std::stoi(port_)));
  fakes::BlockingClient::Headers headers;
  if (!token.empty()) headers.emplace_back("Authorization", "Bearer " + token);
  return client.Ask("GET", path, "", headers).value();
}

bool IsOnPath(const std::string& program) {
  return RunToEnd({"sh", "-c", "command -v \"$1\"", "sh", program}).exit_code == 0;
}

Ended RunToEnd(const Arguments& command) {
  jobstatus::Process process(command);
  const int exit_code = process.Wait();
  return {exit_code, process.output(), process.error()};
}

std::string Submit(const std::string& url, const Workflow& workflow) {
  std::string body =
      R"({"prompt": {"3": {"class_type": "KSampler", "inputs": {"steps": )" + std::to_string(workflow.steps);
  if (!workflow.raise.empty()) body += R"(, "raise": ")" + workflow.raise + "\"";
  body += R"(}}, "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "cat", "images": ["3", 0]}}})";
  if (!workflow.client_id.empty()) body += R"(, "client_id": ")" + workflow.client_id + "\"";
  if (!workflow.prompt_id.empty()) body += R"(, "prompt_id": ")" + workflow.prompt_id + "\"";
  const std::string answer = Post(url, "/prompt", body + "}").body;
  const std::string key = R"("prompt_id": ")";
  const std::size_t begin = answer.find(key) + key.size();
  return answer.substr(begin, answer.find('"', begin) - begin);
}

void Interrupt(const std::string& url) {
  Post(url, "/interrupt", "{}");
}

void DeletePending(const std::string& url, const std::string& prompt_id) {
  Post(url, "/queue", R"({"delete": [")" + prompt_id + R"("]})");
}

std::string FreshFile(const std::string& name) {
  static std::atomic<int> count = 0;
  const std::string file =
      testing::TempDir() + "e2e." + std::to_string(getpid()) + "." + std::to_string(++count) + "." + name;
  std::filesystem::remove_all(file);  // of a test that was killed, and had the same process id
  return file;
}

}  // namespace e2e
