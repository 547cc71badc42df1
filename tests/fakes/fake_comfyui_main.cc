// A ComfyUI for demonstrations: the real HTTP interface, jobs that take time and compute nothing.

#include <pthread.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "fakes/address_file.h"
#include "fakes/demo_worker.h"
#include "fakes/fake_comfy.h"

namespace {

// Blocked in this thread and, as they inherit it, in all later ones; then `sigwait` gets them.
sigset_t BlockEndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

}  // namespace

int main(int argc, char** argv) {
  fakes::FakeComfyOptions options;
  options.port = 8188;
  std::string address_file;
  double speed = 1;

  CLI::App app{"A fake ComfyUI: its HTTP interface for jobs, with jobs that only take time"};
  app.add_option("--port", options.port, "Port on 127.0.0.1 to listen on; 0 takes a free one")->capture_default_str();
  app.add_option("--address-file", address_file, "File to write http://127.0.0.1:PORT to once listening");
  app.add_option("--version", options.version, "ComfyUI version to behave like")
      ->check(CLI::IsMember({"2023-12", "v0.3.44", "v0.3.64", "v0.33.0"}))
      ->capture_default_str();
  app.add_option("--speed", speed, "How many times faster than usual jobs run")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const sigset_t signals = BlockEndSignals();
  try {
    fakes::FakeComfy comfy(options);
    const fakes::DemoWorker worker(&comfy, speed);
    if (!address_file.empty()) fakes::WriteAddress(address_file, comfy.url());
    std::printf("fake ComfyUI %s at %s\n", options.version.c_str(), comfy.url().c_str());
    std::fflush(stdout);
    int signal = 0;
    sigwait(&signals, &signal);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fake_comfyui: %s\n", error.what());
    return 1;
  }
  return 0;
}
