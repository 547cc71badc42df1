#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace fakes {

// A server on a free loopback port that answers as a recorded ComfyUI did. It stands at one exchange of the scenario;
// GET of a path gets the newest recorded answer of that path at or before it (the first one when all are later). Where
// a scenario never asked /queue, /prompt, /system_stats or /features, 01-idle of the version answers; any other path is
// that version's 404. Bodies come unchanged; Content-Encoding is kept. All functions may be called from any thread.
class RecordedComfy {
 public:
  // `root` is tests/data/recordings. Throws std::runtime_error when the scenario cannot be read.
  RecordedComfy(const std::filesystem::path& root, const std::string& version, const std::string& scenario);
  ~RecordedComfy();
  RecordedComfy(const RecordedComfy&) = delete;
  RecordedComfy& operator=(const RecordedComfy&) = delete;

  std::string url() const;
  size_t step() const;        // index of the exchange it stands at, from 1
  size_t step_count() const;  // of the last exchange
  // To the next exchange; false, and no change, at the end.
  bool Step();
  void StepTo(size_t index);
  // To the first exchange with this label. Throws std::out_of_range when there is none.
  void StepTo(std::string_view label);

  size_t request_count(std::string_view path_prefix = "") const;
  // Blocks until at least `n` such requests have been answered; false after 20 s.
  bool WaitForRequests(std::string_view path_prefix, size_t n) const;

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace fakes
