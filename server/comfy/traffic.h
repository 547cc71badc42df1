#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "jobs/backend_error.h"
#include "jobs/histogram.h"

namespace comfy {

// What has gone between us and one ComfyUI server, in numbers that only grow. Counted on the event loop's thread, read
// by any.
class Traffic {
 public:
  void Answered(std::uint64_t bytes, jobs::Duration to_first_byte, jobs::Duration whole) {
    Add(requests_);
    received_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    first_byte_.Add(to_first_byte);
    whole_answer_.Add(whole);
  }
  void NotAnswered(jobs::BackendError::Kind kind) {
    Add(requests_);
    Unusable(kind);
  }
  // It was answered, but with nothing that can be used.
  void Unusable(jobs::BackendError::Kind kind) { Add(errors_[static_cast<std::size_t>(kind)]); }
  void Charged(jobs::Duration cost) { charged_.fetch_add(cost.count(), std::memory_order_relaxed); }
  void SocketOpened() { Add(sockets_opened_); }
  void SocketWasSilent() { Add(silent_sockets_); }
  void MessageHeard() { Add(messages_); }

  static constexpr std::size_t kErrorKinds = static_cast<std::size_t>(jobs::BackendError::Kind::kStopping) + 1;
  struct Counts {
    std::uint64_t requests = 0;                       // questions asked over HTTP, answered or not
    std::uint64_t received_bytes = 0;                 // of the bodies of the answers, as they came over the wire
    std::array<std::uint64_t, kErrorKinds> errors{};  // by jobs::BackendError::Kind
    jobs::Histogram::Counts first_byte;               // from the question sent to the first byte of the answer
    jobs::Histogram::Counts whole_answer;             // from the question asked, connecting included, to the last byte
    jobs::Duration charged{0};                        // of the server's time, as its budget was charged for the answers
    std::uint64_t sockets_opened = 0;                 // how often the service's own WebSocket was taken in
    std::uint64_t silent_sockets = 0;  // how often it was open and told nothing, though there was something to tell
    std::uint64_t messages = 0;        // that it told
  };
  Counts Read() const {
    Counts counts{.requests = requests_,
                  .received_bytes = received_bytes_,
                  .errors = {},
                  .first_byte = first_byte_.Read(),
                  .whole_answer = whole_answer_.Read(),
                  .charged = jobs::Duration(charged_),
                  .sockets_opened = sockets_opened_,
                  .silent_sockets = silent_sockets_,
                  .messages = messages_};
    for (std::size_t kind = 0; kind < kErrorKinds; ++kind) counts.errors[kind] = errors_[kind];
    return counts;
  }

 private:
  using Count = std::atomic<std::uint64_t>;
  static void Add(Count& count) { count.fetch_add(1, std::memory_order_relaxed); }

  Count requests_{0}, received_bytes_{0}, sockets_opened_{0}, silent_sockets_{0}, messages_{0};
  std::array<Count, kErrorKinds> errors_{};
  std::atomic<jobs::Duration::rep> charged_{0};
  jobs::Histogram first_byte_{jobs::kLatencies}, whole_answer_{jobs::kLatencies};
};

}  // namespace comfy
