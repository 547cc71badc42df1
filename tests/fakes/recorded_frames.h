#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "fakes/python_json.h"

namespace fakes {

// One line of ws/<socket>.jsonl (tests/data/recordings/README.md).
struct RecordedFrame {
  int64_t time_us = 0;      // unix time
  bool from_server = true;  // else from the client
  std::string op;           // "text", "cont", "binary", "ping", "pong", "close"; "eof": the end of the connection
  std::string kept;         // the payload, or the beginning of one that was too big
  size_t length = 0;        // of the payload
  Json json = {};           // of a text, if it is JSON
  int close_code = 0;       // 0: none

  // What was not kept is zeros.
  std::string payload() const { return kept + std::string(length - kept.size(), '\0'); }
};

// One WebSocket to a real ComfyUI.
struct RecordedSocket {
  std::string name;                                                  // "submitter"
  std::string target;                                                // "/ws?clientId=submitter"
  std::vector<std::pair<std::string, std::string>> request_headers;  // of the handshake
  int status = 0;                                                    // 101
  std::vector<std::pair<std::string, std::string>> headers;
  std::string client_id;  // as the server's first message says it; "" without one
  std::vector<RecordedFrame> frames;
};

// Reads `root`/`version`/`scenario`/ws, in the order of the sockets' names. Throws std::runtime_error when it cannot be
// read.
std::vector<RecordedSocket> LoadSockets(const std::filesystem::path& root, const std::string& version,
                                        const std::string& scenario);

// Something that happened at one or more of the sockets.
struct Moment {
  enum class Kind {
    kOpen,      // of one socket
    kGreeting,  // a message to a new socket that did not come through the server's queue
    kMessage,   // from the server
    kSpeech,    // a message from a client
    kClose,     // by the client, with a close frame ...
    kCut,       // ... and without, by either side
  };

  Kind kind;
  int64_t time_us = 0;
  std::vector<size_t> sockets;
  const RecordedFrame* frame = nullptr;  // nullptr of kOpen and kCut

  std::string type() const;       // of the event: "status"; "" for none
  const Json& data() const;       // of the event; null for none
  std::string prompt_id() const;  // "" for none
  bool is_block() const;          // execution_error that ends nothing
  bool is_end() const;            // of a job: execution_success, _error or _interrupted
};

// What happened, in the order in which the server must have sent it: it has one queue for all sockets. They must
// outlive the result.
std::vector<Moment> MomentsOf(const std::vector<RecordedSocket>& sockets);

}  // namespace fakes
