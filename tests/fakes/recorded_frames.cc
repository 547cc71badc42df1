#include "fakes/recorded_frames.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "fakes/python_number.h"
#include "fakes/recording_file.h"

namespace fakes {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    if (!lines.back().empty() && lines.back().back() == '\r') lines.back().pop_back();
    at = end + 1;
  }
  return lines;
}

int64_t IntAt(const Json& record, std::string_view key) {
  const Json* value = record.Find(key);
  return value ? IntOf(value->text).value_or(0) : 0;
}

std::string BytesOfHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

std::string KeptOf(const fs::path& folder, const Json& record) {
  if (const Json* file = record.Find("file"); file && file->is_string()) return ReadRecordingFile(folder / file->text);
  if (const Json* head = record.Find("head_hex")) return BytesOfHex(head->text);
  const Json* text = record.Find("text");
  return text ? text->text : "";
}

RecordedFrame ReadFrame(const fs::path& folder, const std::string& line) {
  const auto record = ParseJson(line);
  if (!record) throw std::runtime_error("no JSON in " + folder.string() + ": " + line);
  RecordedFrame frame;
  frame.time_us = std::llround(FloatOf(*record->Find("t")).value() * 1e6);
  frame.from_server = record->Find("dir")->text != "out";
  frame.op = record->Find("op")->text;
  frame.close_code = static_cast<int>(IntAt(*record, "code"));
  frame.kept = KeptOf(folder, *record);
  // Of a text the kept one counts: paths in it were rewritten.
  frame.length = frame.op == "binary" ? static_cast<size_t>(IntAt(*record, "len")) : frame.kept.size();
  if (frame.op == "text") frame.json = ParseJson(frame.kept).value_or(Json());
  return frame;
}

void ReadHandshake(const fs::path& path, RecordedSocket* socket) {
  auto* headers = &socket->request_headers;
  for (const std::string& line : LinesOf(ReadRecordingFile(path))) {
    const size_t colon = line.find(": ");
    if (line == "<<< response") {
      headers = &socket->headers;
    } else if (line.starts_with("GET ")) {
      socket->target = line.substr(4, line.rfind(' ') - 4);
    } else if (line.starts_with("HTTP/")) {
      socket->status = std::stoi(line.substr(line.find(' ') + 1));
    } else if (colon != std::string::npos && !line.starts_with("body: ")) {
      headers->emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
  }
}

const std::string& TypeOf(const Json& event) {
  static const std::string kNone;
  const Json* type = event.Find("type");
  return type ? type->text : kNone;
}

// Sent to a socket as it opens: the status with the sid, and to the owner of the running job an `executing` that does
// not say of which.
bool IsGreeting(const Json& event) {
  const Json* data = event.Find("data");
  return data && (data->Find("sid") || (TypeOf(event) == "executing" && !data->Find("prompt_id")));
}

// Merges the frames of all sockets.
class Merger {
 public:
  explicit Merger(const std::vector<RecordedSocket>& sockets) : sockets_(sockets), heads_(sockets.size()) {}

  std::vector<Moment> Merge() {
    while (const auto next = Next()) Take(*next);
    return std::move(moments_);
  }

 private:
  struct Head {
    size_t index = 0;
    bool opened = false;
    bool ended = false;
  };

  const RecordedFrame* HeadOf(size_t socket) const {
    const auto& frames = sockets_[socket].frames;
    const Head& head = heads_[socket];
    return head.ended || head.index == frames.size() ? nullptr : &frames[head.index];
  }

  // Is the next message that this open socket gets another one than `frame`?
  bool WaitsForAnother(size_t socket, const RecordedFrame& frame) const {
    const auto& frames = sockets_[socket].frames;
    if (!heads_[socket].opened || heads_[socket].ended) return false;
    for (size_t i = heads_[socket].index; i < frames.size(); ++i) {
      if (frames[i].from_server && frames[i].op == "text") return frames[i].kept != frame.kept;
    }
    return false;
  }

  std::optional<size_t> Next() const {
    std::optional<size_t> next;
    for (size_t i = 0; i < sockets_.size(); ++i) {
      const RecordedFrame* frame = HeadOf(i);
      if (frame && (!next || frame->time_us < HeadOf(*next)->time_us)) next = i;
    }
    if (!next || !heads_[*next].opened) return next;
    const RecordedFrame& first = *HeadOf(*next);
    if (!first.from_server || TypeOf(first.json) != "status" || IsGreeting(first.json)) return next;
    // A status is for all: what somebody gets before it was sent before it.
    for (size_t i = 0; i < sockets_.size(); ++i) {
      const RecordedFrame* frame = HeadOf(i);
      if (frame && frame->from_server && WaitsForAnother(i, first) && TypeOf(frame->json) != "status") return i;
    }
    return next;
  }

  void Take(size_t socket) {
    const RecordedFrame& frame = *HeadOf(socket);
    Head& head = heads_[socket];
    if (!head.opened && sockets_[socket].status != 101) {
      head.ended = true;
      return;
    }
    if (!head.opened) {
      head.opened = true;
      moments_.push_back({Moment::Kind::kOpen, frame.time_us, {socket}});
      return;
    }
    ++head.index;
    if (frame.op == "eof" || frame.op == "close") {
      head.ended = true;
      const bool by_frame = frame.op == "close" && !frame.from_server;
      moments_.push_back({by_frame ? Moment::Kind::kClose : Moment::Kind::kCut, frame.time_us, {socket}});
      if (by_frame) moments_.back().frame = &frame;
    } else if (frame.op == "text" || frame.op == "binary") {
      TakeMessage(socket, frame);
    }
  }

  void TakeMessage(size_t socket, const RecordedFrame& frame) {
    Moment moment{Moment::Kind::kMessage, frame.time_us, {socket}, &frame};
    if (!frame.from_server) {
      moment.kind = Moment::Kind::kSpeech;
    } else if (IsGreeting(frame.json)) {
      moment.kind = Moment::Kind::kGreeting;
    } else {
      for (size_t i = 0; i < sockets_.size(); ++i) {
        const RecordedFrame* other = HeadOf(i);
        if (i == socket || !other || !heads_[i].opened || !other->from_server || other->op != frame.op) continue;
        if (other->kept != frame.kept || other->length != frame.length) continue;
        moment.sockets.push_back(i);
        ++heads_[i].index;
      }
    }
    moments_.push_back(std::move(moment));
  }

  const std::vector<RecordedSocket>& sockets_;
  std::vector<Head> heads_;
  std::vector<Moment> moments_;
};

}  // namespace

std::vector<RecordedSocket> LoadSockets(const fs::path& root, const std::string& version, const std::string& scenario) {
  const fs::path folder = root / version / scenario / "ws";
  if (!fs::is_directory(folder)) throw std::runtime_error("no such recording: " + folder.string());
  std::vector<RecordedSocket> sockets;
  for (const auto& file : fs::directory_iterator(folder)) {
    const std::string name = file.path().filename().string();
    const size_t end = name.find(".jsonl");
    if (end == std::string::npos) continue;
    RecordedSocket socket;
    socket.name = name.substr(0, end);
    const std::string handshake = socket.name.substr(0, socket.name.find(".head")) + ".handshake.txt";
    if (fs::exists(folder / handshake)) ReadHandshake(folder / handshake, &socket);
    for (const std::string& line : LinesOf(ReadRecordingFile(file.path()))) {
      socket.frames.push_back(ReadFrame(folder, line));
    }
    for (const RecordedFrame& frame : socket.frames) {
      const Json* data = frame.json.Find("data");
      const Json* sid = data ? data->Find("sid") : nullptr;
      if (sid) socket.client_id = sid->text;
      if (sid) break;
    }
    sockets.push_back(std::move(socket));
  }
  std::sort(sockets.begin(), sockets.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return sockets;
}

std::string Moment::type() const {
  return frame ? TypeOf(frame->json) : "";
}

const Json& Moment::data() const {
  static const Json kNone;
  const Json* data = frame ? frame->json.Find("data") : nullptr;
  return data ? *data : kNone;
}

std::string Moment::prompt_id() const {
  const Json* id = data().Find("prompt_id");
  return id ? id->text : "";
}

bool Moment::is_block() const {
  const Json* exception_type = data().Find("exception_type");
  return exception_type && exception_type->text == "ExecutionBlocked";
}

bool Moment::is_end() const {
  const std::string event = type();
  return event == "execution_success" || event == "execution_interrupted" ||
         (event == "execution_error" && !is_block());
}

std::vector<Moment> MomentsOf(const std::vector<RecordedSocket>& sockets) {
  return Merger(sockets).Merge();
}

}  // namespace fakes
