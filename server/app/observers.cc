#include "app/observers.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <map>
#include <thread>
#include <vector>

#include "comfy/curl_loop.h"
#include "comfy/observer.h"

namespace app {

namespace asio = boost::asio;

struct Observers::Parts {
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
  comfy::CurlLoop curl{io};
  std::vector<std::unique_ptr<comfy::Observer>> observers;
  std::vector<std::string> names;  // of their backends
  std::thread thread;              // runs io; what is not constant above is used by it alone once it runs
};

namespace {

// What the archive remembers of each backend.
std::map<std::string, comfy::Remembered> ByBackend(const archive::Remembered& remembered) {
  std::map<std::string, comfy::Remembered> jobs;
  for (const jobs::JobStatus& status : remembered.unfinished) {
    const bool running = status.state == jobs::JobState::kProcessing;
    jobs[status.backend].unfinished.push_back({status.job_id, status.number, running});
  }
  for (const auto& [backend, last] : remembered.last_in_history) {
    for (const jobs::JobStatus& status : last) jobs[backend].finished.push_back({status.job_id, status.number});
  }
  return jobs;
}

}  // namespace

Observers::Observers(const Config& config, const archive::Remembered* remembered, jobs::ObservationSink& sink,
                     board::Board& board)
    : parts_(std::make_unique<Parts>()) {
  std::map<std::string, comfy::Remembered> jobs;
  if (remembered != nullptr) jobs = ByBackend(*remembered);
  for (const BackendOptions& backend : config.backends) {
    comfy::ObserverOptions options = config.observer;
    options.listener.client_id = backend.client_id;
    parts_->observers.push_back(
        std::make_unique<comfy::Observer>(parts_->io, parts_->curl, backend.name, backend.http, options, sink));
    parts_->names.push_back(backend.name);
    parts_->observers.back()->Resume(jobs[backend.name]);
    board.Connect(backend.name, *parts_->observers.back());
  }
}

Observers::~Observers() {
  Stop();
  parts_->work.reset();
  if (parts_->thread.joinable()) parts_->thread.join();
}

std::vector<std::pair<std::string, comfy::Traffic::Counts>> Observers::traffic() const {
  std::vector<std::pair<std::string, comfy::Traffic::Counts>> traffic;
  for (std::size_t i = 0; i < parts_->names.size(); ++i)
    traffic.emplace_back(parts_->names[i], parts_->observers[i]->traffic());
  return traffic;
}

void Observers::Start() {
  for (const auto& observer : parts_->observers) observer->Start();
  parts_->thread = std::thread([this] { parts_->io.run(); });
}

void Observers::Stop() {
  std::promise<void> stopped;
  const auto stop = [&] {
    for (const auto& observer : parts_->observers) observer->Stop();
    stopped.set_value();
  };
  if (!parts_->thread.joinable()) return stop();
  asio::post(parts_->io, stop);
  stopped.get_future().wait();
}

}  // namespace app
