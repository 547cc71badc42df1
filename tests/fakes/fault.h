#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "fakes/http_message.h"

namespace fakes {

// A wrong answer, for FakeComfy::Inject. A value.
class Fault {
 public:
  static Fault Status(int status, std::string body = "", std::string content_type = "text/plain; charset=utf-8");
  // 200 with these bytes, called JSON.
  static Fault Body(std::string body);
  // Never answers; ClearFaults and the server's end close the connection.
  static Fault Hang();
  static Fault Drip(size_t bytes_per_step, std::chrono::milliseconds interval, std::string body);
  static Fault CloseBeforeAnswer();
  // Announces the whole of `body`, sends half of it and closes.
  static Fault CloseMidBody(std::string body = "{\"queue_running\": [], \"queue_pending\": []}");
  static Fault Redirect(std::string location, int status = 302);
  // A 200 with a body of `bytes` blanks.
  static Fault TooBig(uint64_t bytes);

  const Answer& answer() const { return answer_; }

 private:
  Answer answer_;
};

}  // namespace fakes
