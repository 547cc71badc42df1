#include "fakes/recording.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>

#include "fakes/python_json.h"
#include "fakes/python_number.h"
#include "fakes/recording_file.h"

namespace fakes {
namespace {

namespace fs = std::filesystem;

std::string TextOf(const Json& meta, std::string_view key) {
  const Json* value = meta.Find(key);
  return value && value->is_string() ? value->text : "";
}

bool SameIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// Long paths were recorded as "/history/kkkk…kkk...(9009 chars)"; they are all of one letter.
std::string Unabridged(const std::string& path) {
  const size_t mark = path.rfind("...(");
  if (mark == std::string::npos || mark == 0 || !path.ends_with(" chars)")) return path;
  const size_t length = std::stoul(path.substr(mark + 4));
  return path.substr(0, mark) + std::string(length - mark, path[mark - 1]);
}

Exchange ReadExchange(const fs::path& meta_path) {
  const auto meta = ParseJson(ReadRecordingFile(meta_path));
  if (!meta) throw std::runtime_error("no JSON: " + meta_path.string());
  const std::string name = meta_path.filename().string();
  Exchange exchange;
  std::from_chars(name.data(), name.data() + 3, exchange.index);
  exchange.label = name.substr(4, name.size() - 4 - std::string_view(".meta.json").size());
  exchange.method = TextOf(*meta, "method");
  exchange.path = Unabridged(TextOf(*meta, "path"));
  exchange.request_body = TextOf(*meta, "request_body");
  if (const Json* time = meta->Find("t_request_unix")) {
    exchange.requested_ms = static_cast<int64_t>(FloatOf(*time).value_or(0) * 1000);
  }
  if (const Json* headers = meta->Find("request_headers")) {
    for (const auto& [header, value] : headers->members) exchange.request_headers.emplace_back(header, value.text);
  }
  if (const Json* status = meta->Find("status"); status && !status->is_null())
    exchange.status = std::stoi(status->text);
  if (const Json* headers = meta->Find("response_headers")) {
    for (const Json& pair : headers->items) exchange.headers.emplace_back(pair.items[0].text, pair.items[1].text);
  }
  const std::string body_file = TextOf(*meta, "body_file");
  if (!body_file.empty()) exchange.body = ReadRecordingFile(meta_path.parent_path() / body_file);
  return exchange;
}

}  // namespace

std::string Exchange::Header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [name](const auto& header) { return SameIgnoringCase(header.first, name); });
  return found == headers.end() ? "" : found->second;
}

const Exchange* Recording::Find(std::string_view label) const {
  const auto found =
      std::find_if(exchanges.begin(), exchanges.end(), [label](const Exchange& e) { return e.label == label; });
  return found == exchanges.end() ? nullptr : &*found;
}

Recording LoadRecording(const fs::path& root, const std::string& version, const std::string& scenario) {
  Recording recording{version, scenario, {}};
  const fs::path folder = root / version / scenario / "http";
  if (!fs::is_directory(folder)) throw std::runtime_error("no such recording: " + folder.string());
  for (const auto& file : fs::directory_iterator(folder)) {
    if (file.path().filename().string().ends_with(".meta.json")) {
      recording.exchanges.push_back(ReadExchange(file.path()));
    }
  }
  std::sort(recording.exchanges.begin(), recording.exchanges.end(),
            [](const Exchange& a, const Exchange& b) { return a.index < b.index; });
  return recording;
}

}  // namespace fakes
