#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "fakes/python_json.h"

namespace fakes {

// One WebSocket message.
struct Frame {
  bool is_text = true;
  std::string bytes;
};

using SharedFrame = std::shared_ptr<const Frame>;  // one copy for all receivers

inline SharedFrame TextFrame(std::string text) {
  return std::make_shared<const Frame>(Frame{true, std::move(text)});
}
inline SharedFrame BinaryFrame(std::string bytes) {
  return std::make_shared<const Frame>(Frame{false, std::move(bytes)});
}

// Whom a message is for: server.py's `sid`.
class Audience {
 public:
  static Audience Everyone() { return Audience(Kind::kEveryone, ""); }
  static Audience Nobody() { return Audience(Kind::kNobody, ""); }
  // Whoever sits at that id when the message is sent.
  static Audience Client(std::string client_id) { return Audience(Kind::kClient, std::move(client_id)); }

  bool is_everyone() const { return kind_ == Kind::kEveryone; }
  bool includes(const std::string& client_id) const {
    return kind_ == Kind::kEveryone || (kind_ == Kind::kClient && client_id == client_id_);
  }

 private:
  enum class Kind { kEveryone, kNobody, kClient };

  Audience(Kind kind, std::string client_id) : kind_(kind), client_id_(std::move(client_id)) {}

  Kind kind_;
  std::string client_id_;
};

// One element of PromptServer.messages (server.py): what a worker or a handler wants sent.
struct SocketEvent {
  Audience audience;
  SharedFrame frame;
  std::optional<bool> takes_preview_metadata = std::nullopt;  // of a preview: only for clients that do, or do not
  std::string type = "";                                      // "progress"; "" for what is no event of ComfyUI's
  Json data = {};

  static SocketEvent Of(Audience audience, std::string type, Json data) {
    SharedFrame frame = TextFrame(ToText(Json::Object({{"type", Json::String(type)}, {"data", data}})));
    return {std::move(audience), std::move(frame), std::nullopt, std::move(type), std::move(data)};
  }
};

}  // namespace fakes
