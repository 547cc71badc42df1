#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fakes {

// One HTTP exchange with a real ComfyUI (tests/data/recordings/README.md).
struct Exchange {
  size_t index = 0;   // from 1, as in the file's name
  std::string label;  // "queue-after-delete"
  std::string method;
  std::string path;  // with query
  std::vector<std::pair<std::string, std::string>> request_headers;
  std::string request_body;
  int64_t requested_ms = 0;  // unix ms by the clock that also made the timestamps in the answers
  int status = 0;            // 0: no answer came
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  // decompressed if the file was; still as Content-Encoding says

  // POST /prompt, and a job came of it.
  bool IsAcceptedPrompt() const { return method == "POST" && path == "/prompt" && status == 200; }
  // "" when there is none; names are compared without case.
  std::string Header(std::string_view name) const;
};

struct Recording {
  std::string version;   // "v0.3.64"
  std::string scenario;  // "06-queue-order"
  std::vector<Exchange> exchanges;

  const Exchange* Find(std::string_view label) const;  // the first so called, or nullptr
};

// Reads `root`/`version`/`scenario`/http. Throws std::runtime_error when it cannot be read.
Recording LoadRecording(const std::filesystem::path& root, const std::string& version, const std::string& scenario);

}  // namespace fakes
