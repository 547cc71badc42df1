#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "comfy/body.h"
#include "fakes/recording.h"

// The recorded answers of real ComfyUI servers in tests/data/recordings.
namespace test_data {

std::filesystem::path Recordings();

struct Scenario {
  std::string version;
  std::string name;
};

// Every scenario with recorded HTTP exchanges, oldest version first.
std::vector<Scenario> Scenarios();

struct Exchange : fakes::Exchange {
  std::string folder;  // <version>/<scenario>
};

// Every recorded exchange of every scenario.
const std::vector<Exchange>& AllExchanges();

// The file tests/data/recordings/<name>.
std::string Read(std::string_view name);

comfy::Body AsBody(std::string_view bytes);

}  // namespace test_data
