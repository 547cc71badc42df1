#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/process.h"
#include "fakes/blocking_client.h"

// The real programs, as processes.
namespace e2e {

using Arguments = std::vector<std::string>;

// fake_comfyui with its demo worker, at 50 times a demo's speed. Killed at the end.
class Comfy {
 public:
  explicit Comfy(std::string port = "0", const std::string& speed = "50", const std::string& version = "");

  const std::string& url() const { return url_; }
  std::string port() const { return url_.substr(url_.rfind(':') + 1); }
  jobstatus::Process& process() { return process_; }

 private:
  std::string address_file_;
  jobstatus::Process process_;
  std::string url_;
};

// A directory of its own, removed at the end.
class StateDir {
 public:
  StateDir();
  ~StateDir();
  StateDir(const StateDir&) = delete;
  StateDir& operator=(const StateDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// jobstatus-server before these backends, asking them as often as it can. Killed at the end. Keeps its state in
// `state_dir`, or in a directory that goes with it. `runner` is the command that starts it; none: it starts by itself.
class Service {
 public:
  explicit Service(const Arguments& backends, const Arguments& more = {}, const std::string& listen = "127.0.0.1:0",
                   const std::string& state_dir = "", const Arguments& runner = {});

  const std::string& address() const { return address_; }
  jobstatus::Process& process() { return process_; }

  // jobstatus, talking to this service.
  Arguments Command(Arguments arguments) const;

 private:
  StateDir own_state_;
  std::string address_file_;
  jobstatus::Process process_;
  std::string address_;
};

struct Ended {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// A metrics port for a Service: what to start it with, and where it is.
class MetricsPort {
 public:
  explicit MetricsPort(std::string listen = "127.0.0.1:0");

  Arguments Options(Arguments more = {}) const;
  std::string Url(const std::string& path);  // once the service takes calls
  fakes::Reply Get(const std::string& path, const std::string& token = "");

 private:
  std::string listen_;
  std::string address_file_;
  std::string port_;
};

// Whether there is a program of this name on PATH.
bool IsOnPath(const std::string& program);

// Runs a program to its end; the first argument names it.
Ended RunToEnd(const Arguments& command);

// Submits a workflow of two nodes over HTTP. It fails with `raise` if that is not empty, and takes `steps` steps.
struct Workflow {
  std::string prompt_id;  // empty: ComfyUI makes one
  std::string raise;
  int steps = 1;
  std::string client_id;  // empty: none
};
std::string Submit(const std::string& url, const Workflow& workflow = {});

// What a person in ComfyUI's browser window does.
void Interrupt(const std::string& url);
void DeletePending(const std::string& url, const std::string& prompt_id);

// A name for a file that nobody else uses.
std::string FreshFile(const std::string& name);

}  // namespace e2e
