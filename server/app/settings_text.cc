#include "app/settings_text.h"

#include <CLI/CLI.hpp>

namespace app {
namespace {

// As a TOML string.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string Value(const std::vector<std::string>& values) {
  if (values.size() == 1) return Quoted(values.front());
  std::string list;
  for (const std::string& value : values) list += (list.empty() ? "[" : ", ") + Quoted(value);
  return list + "]";
}

}  // namespace

std::vector<std::string> SettingsText(const CLI::App& cli, const Config& config, bool all) {
  std::vector<std::string> lines;
  for (const CLI::Option* const option : cli.get_options()) {
    if (!option->get_configurable() || option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    std::vector<std::string> values = option->results();
    const bool is_default = values.empty();
    if (is_default && !all) continue;
    if (is_default && option->get_default_str().empty()) continue;
    if (is_default) values = {option->get_default_str()};
    if (name == "backend") {  // what was given may hold a password
      values.clear();
      for (const BackendOptions& backend : config.backends)
        values.push_back(backend.name + "=" + backend.http.address.url());
    }
    lines.push_back(name + " = " + Value(values));
  }
  return lines;
}

}  // namespace app
