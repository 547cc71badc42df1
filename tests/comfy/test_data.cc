#include "comfy/test_data.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <stdexcept>

namespace test_data {
namespace {

std::vector<Exchange> ReadAll() {
  std::vector<Exchange> exchanges;
  for (const Scenario& scenario : Scenarios()) {
    for (fakes::Exchange& exchange : fakes::LoadRecording(Recordings(), scenario.version, scenario.name).exchanges) {
      exchanges.push_back({std::move(exchange), scenario.version + "/" + scenario.name});
    }
  }
  return exchanges;
}

}  // namespace

std::filesystem::path Recordings() {
  return std::filesystem::path(TEST_DATA_DIR) / "recordings";
}

std::vector<Scenario> Scenarios() {
  std::vector<Scenario> scenarios;
  for (const auto& version : std::filesystem::directory_iterator(Recordings())) {
    if (!version.is_directory()) continue;
    for (const auto& scenario : std::filesystem::directory_iterator(version.path())) {
      if (!std::filesystem::exists(scenario.path() / "http")) continue;
      scenarios.push_back({version.path().filename(), scenario.path().filename()});
    }
  }
  std::ranges::sort(scenarios, {}, [](const Scenario& s) { return std::pair(s.version, s.name); });
  return scenarios;
}

const std::vector<Exchange>& AllExchanges() {
  static const std::vector<Exchange> exchanges = ReadAll();
  return exchanges;
}

std::string Read(std::string_view name) {
  std::ifstream in(Recordings() / name, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + std::string(name));
  return {std::istreambuf_iterator<char>(in), {}};
}

comfy::Body AsBody(std::string_view bytes) {
  comfy::Body body;
  body.Clear();
  if (!body.Append(bytes, std::numeric_limits<std::size_t>::max())) throw std::runtime_error("body too big");
  return body;
}

}  // namespace test_data
