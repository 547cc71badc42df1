#include "fakes/recorded_run.h"

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "fakes/python_json.h"
#include "fakes/recorded_queue.h"
#include "fakes/recording.h"

namespace fakes {
namespace {

namespace fs = std::filesystem;

FakeComfyOptions Muted(FakeComfyOptions options) {
  options.mute = true;
  return options;
}

size_t IndexOf(const std::vector<RecordedSocket>& sockets, const RecordedRunName& name) {
  const auto found =
      std::find_if(sockets.begin(), sockets.end(), [&name](const auto& socket) { return socket.name == name.socket; });
  if (found == sockets.end()) throw std::runtime_error("no such socket: " + name.scenario + "/" + name.socket);
  return static_cast<size_t>(found - sockets.begin());
}

bool IsUnplayed(const std::string& scenario, const std::string& socket) {
  const auto& all = UnplayedRecordings();
  return std::any_of(all.begin(), all.end(), [&](const Unplayed& unplayed) {
    return unplayed.scenario == scenario && socket.starts_with(unplayed.socket);
  });
}

}  // namespace

struct RecordedRun::Core {
  Core(const fs::path& root, const RecordedRunName& name, FakeComfyOptions options)
      : recording(LoadRecording(root, name.version, name.scenario)),
        sockets(LoadSockets(root, name.version, name.scenario)),
        played(IndexOf(sockets, name)),
        moments(MomentsOf(sockets)),
        queue(recording, sockets, moments, Muted(std::move(options))) {}

  std::string Listener() {
    const std::vector<OpenSocket> open = queue.comfy().sockets();
    if (open.empty()) throw std::logic_error("nobody is connected to be told a recording");
    return open.back().client_id;
  }

  bool IsForPlayed(const Moment& moment) const {
    return std::find(moment.sockets.begin(), moment.sockets.end(), played) != moment.sockets.end();
  }

  void Send(const Moment& moment, const std::string& listener) {
    sent = moment.frame->payload();
    if (moment.frame->op == "binary") return queue.comfy().SendBinary(sent, listener);
    if (moment.data().Find("sid")) {
      Json data = moment.data();
      data.Set("sid", Json::String(listener));
      Json message = moment.frame->json;
      message.Set("data", std::move(data));
      sent = ToText(message);
    }
    queue.comfy().SendFrame(sent, listener);
  }

  const Recording recording;
  const std::vector<RecordedSocket> sockets;
  const size_t played;  // of `sockets`
  const std::vector<Moment> moments;
  RecordedQueue queue;
  size_t next = 0;  // of `moments`
  std::string sent;
};

RecordedRun::RecordedRun(const fs::path& root, const RecordedRunName& name, FakeComfyOptions options)
    : core_(std::make_unique<Core>(root, name, std::move(options))) {}

RecordedRun::~RecordedRun() = default;

FakeComfy& RecordedRun::comfy() {
  return core_->queue.comfy();
}

const std::string& RecordedRun::sent() const {
  return core_->sent;
}

const Moment* RecordedRun::Step() {
  const std::string listener = core_->Listener();
  core_->queue.Rename(core_->sockets[core_->played].client_id, listener);
  while (core_->next < core_->moments.size()) {
    const Moment& moment = core_->moments[core_->next++];
    core_->queue.CatchUp(moment);  // also with what only others were told
    const bool is_message = moment.kind == Moment::Kind::kMessage || moment.kind == Moment::Kind::kGreeting;
    if (!is_message || !core_->IsForPlayed(moment)) continue;
    core_->Send(moment, listener);
    return &moment;
  }
  return nullptr;
}

const Moment* RecordedRun::StepTo(std::string_view type) {
  while (const Moment* told = Step()) {
    if (told->type() == type) return told;
  }
  return nullptr;
}

const std::vector<Unplayed>& UnplayedRecordings() {
  static const std::vector<Unplayed> kAll = {
      {"01-idle", "", "handshakes; nothing happens"},
      {"21-big", "", "only its beginning was kept, and not what was posted"},
      {"22-restart", "monitor-after-restart", "the server was started anew: FakeComfy::Restart"},
      {"22-restart", "monitor-sigterm", "is told nothing"},
      {"23-duplicate-client-id", "first", "loses its seat before anything happens"},
      {"24-ws-frames", "client-sends", "what clients should not send"},
      {"24-ws-frames", "handshake", "handshakes; nothing happens"},
      {"24-ws-frames", "deflate", "plain's messages again, compressed"},
      {"24-ws-frames", "feature-flags-second-message", "is told nothing"},
      {"26-races", "", "thousands of jobs, and not what was posted"},
      {"29-slow-consumer", "new-socket", "is greeted past what is queued: FakeComfy::HoldEvents"},
      {"29-slow-consumer", "stuck", "as new-socket; or is told nothing"},
      {"53-frozen", "", "the server is frozen: FakeComfy::Freeze"},
  };
  return kAll;
}

std::vector<RecordedRunName> RecordedRuns(const fs::path& root) {
  std::vector<RecordedRunName> runs;
  for (const auto& file : fs::recursive_directory_iterator(root)) {
    const std::string name = file.path().filename().string();
    const size_t end = name.find(".jsonl");
    if (end == std::string::npos) continue;
    const fs::path scenario = file.path().parent_path().parent_path();
    const std::string version = scenario.parent_path().filename().string();
    if (IsUnplayed(scenario.filename().string(), name.substr(0, end))) continue;
    runs.push_back({version, scenario.filename().string(), name.substr(0, end)});
  }
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) {
    return std::tie(a.version, a.scenario, a.socket) < std::tie(b.version, b.scenario, b.socket);
  });
  return runs;
}

}  // namespace fakes
