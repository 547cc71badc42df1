#include "app/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>

#include "app/client_id.h"
#include "app/duration.h"
#include "app/loopback.h"
#include "app/settings_text.h"
#include "app/state_dir.h"

namespace app {
namespace {

constexpr std::string_view kVersion = "jobstatus-server 0.1.0";

constexpr const char* kDescription =
    "Watches ComfyUI servers and tells programs how their jobs are doing, over gRPC.\n"
    "\n"
    "  jobstatus-server --backend gpu1=http://gpu1:8188 --backend gpu2=http://gpu2:8188\n"
    "  jobstatus watch                       # in another terminal: every job, live\n";

constexpr const char* kFooter =
    "Durations are written 500ms, 10s, 2m, 1h or 7d. Each option can be set by the environment variable named beside "
    "it.\n"
    "SIGHUP reads the tokens again. SIGINT and SIGTERM end all streams with UNAVAILABLE, so that callers come back "
    "elsewhere; a second signal kills.";

constexpr jobs::Duration kMaxConnectionAge = std::chrono::days(7);  // in milliseconds it is to fit gRPC's int, twice

// A setting that cannot be used; the text names it and says what to do.
using BadSetting = CLI::ValidationError;

// Binds an option that is a duration.
void AddDuration(CLI::App& cli, const std::string& name, const char* env, jobs::Duration& target,
                 const std::string& text) {
  cli.add_option_function<std::string>(
         name,
         [&target, name](const std::string& value) {
           const auto duration = ParseDuration(value);
           if (!duration) throw BadSetting(name, "\"" + value + "\" is no duration; write 500ms, 10s, 2m, 1h or 7d");
           target = *duration;
         },
         text)
      ->envname(env)
      ->type_name("DURATION")
      ->default_str(Format(target));
}

void AddConnectionAge(CLI::App& cli, rpc::ConnectionAge& age) {
  cli.add_option_function<std::string>(
         "--max-connection-age",
         [&age](const std::string& value) {
           const auto limit = value == "none" ? jobs::Duration(0) : ParseDuration(value).value_or(jobs::Duration(-1));
           if (limit < jobs::Duration(0) || (limit == jobs::Duration(0) && value != "none") ||
               limit > kMaxConnectionAge)
             throw BadSetting("--max-connection-age", "must be \"none\", or longer than 0 and at most 7d");
           age.limit = limit;
         },
         "Age at which a connection takes no new calls and its streams end, so that callers come back on a new one, "
         "maybe "
         "elsewhere")
      ->envname("JOBSTATUS_MAX_CONNECTION_AGE")
      ->type_name("DURATION|none")
      ->default_str("none");
  AddDuration(cli, "--max-connection-age-grace", "JOBSTATUS_MAX_CONNECTION_AGE_GRACE", age.grace,
              "How long calls may go on after that, before they are cut");
}

std::pair<std::string, std::string> SplitNamed(const std::string& option, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    throw BadSetting(option, "must have the form NAME=VALUE");  // what was given may hold a password
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::string ReadSecret(const std::string& option, const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) throw BadSetting(option, "cannot read the file " + file + ", or it is empty");
  std::string secret = text.str();
  secret.erase(secret.find_last_not_of(" \t\r\n") + 1);
  if (secret.empty()) throw BadSetting(option, "the file " + file + " is empty");
  return secret;
}

std::vector<std::string> ReadHeaders(const std::string& option, const std::string& file) {
  std::istringstream lines(ReadSecret(option, file));
  std::vector<std::string> headers;
  for (std::string line; std::getline(lines, line);) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (line.empty()) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0)
      throw BadSetting(option, "a line of " + file + " is not \"Name: value\"");
    if (line.starts_with("Origin:")) throw BadSetting(option, file + ": ComfyUI refuses requests with an Origin");
    headers.push_back(line);
  }
  return headers;
}

struct BackendSettings {
  std::vector<std::string> urls;
  std::vector<std::string> token_files;
  std::vector<std::string> header_files;
  std::vector<std::string> ca_files;
  std::vector<std::string> client_ids;
  comfy::HttpOptions defaults;
};

bool IsPlainName(const std::string& name) {
  return name.size() <= 64 &&
         std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; });
}

// What can stand in a URL and a log line as it is. ComfyUI takes any, but nobody needs others.
bool IsClientId(const std::string& id) {
  return id.starts_with(comfy::kClientIdPrefix) && id.size() > comfy::kClientIdPrefix.size() && IsPlainName(id);
}

std::vector<BackendOptions> ReadBackends(const BackendSettings& settings, const std::string& listen) {
  std::vector<BackendOptions> backends;
  for (const std::string& text : settings.urls) {
    // A bare URL is the backend "default": most people have one.
    const bool bare = text.starts_with("http://") || text.starts_with("https://");
    const auto [name, url] = bare ? std::pair(std::string("default"), text) : SplitNamed("--backend", text);
    if (!IsPlainName(name)) {
      throw BadSetting("--backend", "the name before \"=\" must be at most 64 letters, digits, \"-\", \"_\" and \".\"");
    }
    auto address = comfy::Address::Parse(url);
    if (!address) throw BadSetting("--backend", name + ": " + address.error());
    if (std::ranges::any_of(backends, [&](const auto& other) { return other.name == name; })) {
      throw BadSetting("--backend", "the name \"" + name + "\" is given twice");
    }
    backends.push_back({name, settings.defaults, DefaultClientId(HostName(), listen, name, address->url())});
    backends.back().http.address = std::move(*address);
  }
  const auto each = [&](const std::string& option, const std::vector<std::string>& texts, auto set) {
    for (const std::string& text : texts) {
      const auto [name, value] = SplitNamed(option, text);
      const auto backend = std::ranges::find(backends, name, &BackendOptions::name);
      if (backend == backends.end()) throw BadSetting(option, "no --backend has the name \"" + name + "\"");
      set(*backend, value);
    }
  };
  each("--backend-token-file", settings.token_files,
       [](auto& backend, const auto& file) { backend.http.bearer_token = ReadSecret("--backend-token-file", file); });
  each("--backend-header-file", settings.header_files,
       [](auto& backend, const auto& file) { backend.http.headers = ReadHeaders("--backend-header-file", file); });
  each("--backend-ca-file", settings.ca_files, [](auto& backend, const auto& file) {
    ReadSecret("--backend-ca-file", file);  // readable, and not empty
    backend.http.ca_file = file;
  });
  each("--client-id", settings.client_ids, [](auto& backend, const auto& id) {
    if (!IsClientId(id)) {
      throw BadSetting("--client-id", "must begin with \"" + std::string(comfy::kClientIdPrefix) +
                                          "\" and have at most 64 letters, digits, \"-\", \"_\" and \".\"");
    }
    backend.client_id = id;
  });
  return backends;
}

std::filesystem::path ChosenStateDir(const std::string& given) {
  const std::filesystem::path directory = given.empty() ? DefaultStateDir() : std::filesystem::path(given);
  if (directory.empty())
    throw BadSetting("--state-dir", "there is no HOME to keep it in; name a directory, or \"none\" to keep nothing");
  return directory;
}

void AddOptions(CLI::App& cli, Config& config, BackendSettings& backends, std::string& state_dir,
                bool& insecure_listen) {
  cli.add_option("--backend", backends.urls,
                 "A ComfyUI server to watch, as NAME=URL; repeat for more. http://user:password@host:8188/base/path is "
                 "understood")
      ->envname("JOBSTATUS_BACKENDS")
      ->delimiter(',')
      ->type_name("NAME=URL")
      ->default_str("default=http://127.0.0.1:8188");
  cli.add_option("--backend-token-file", backends.token_files, "File with a bearer token for a backend")
      ->type_name("NAME=FILE");
  cli.add_option("--backend-header-file", backends.header_files,
                 "File with further request headers for a backend, one a line")
      ->type_name("NAME=FILE");
  cli.add_option("--backend-ca-file", backends.ca_files,
                 "PEM file with the authorities to trust for a backend (default: the system's)")
      ->type_name("NAME=FILE");
  AddDuration(cli, "--connect-timeout", "JOBSTATUS_CONNECT_TIMEOUT", backends.defaults.connect_timeout,
              "How long connecting to a backend may take");
  AddDuration(cli, "--answer-timeout", "JOBSTATUS_ANSWER_TIMEOUT", backends.defaults.answer_timeout,
              "How long a backend's answer may take; a busy ComfyUI stalls for 20 s");
  cli.add_option("--max-body-bytes", backends.defaults.max_body_bytes, "Longest answer of a backend that is read")
      ->envname("JOBSTATUS_MAX_BODY_BYTES")
      ->check(CLI::Range(std::size_t{1024}, std::size_t{1} << 34))
      ->capture_default_str();

  AddDuration(cli, "--poll-interval", "JOBSTATUS_POLL_INTERVAL", config.observer.poll_interval,
              "How often a backend that has jobs is asked if its live events are not heard");
  AddDuration(cli, "--idle-interval", "JOBSTATUS_IDLE_INTERVAL", config.observer.idle_interval,
              "How often one without jobs is asked if its live events are not heard (39 bytes)");
  cli.add_option("--upstream-share", config.observer.pacing.share,
                 "Largest share of a backend's time to take, from 0.001 to 1")
      ->envname("JOBSTATUS_UPSTREAM_SHARE")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str();
  AddDuration(cli, "--safety-interval", "JOBSTATUS_SAFETY_INTERVAL", config.observer.safety_interval,
              "How often a backend is asked while its live events are heard");
  cli.add_option("--live-progress", config.observer.listener.enabled,
                 "Listen to live events: changes at once, and how far jobs are")
      ->envname("JOBSTATUS_LIVE_PROGRESS")
      ->type_name("BOOL")
      ->default_str("true");
  cli.add_option("--client-id", backends.client_ids,
                 "Client id to listen under at a backend; it begins with jobstatus- (default: made from this host, "
                 "--listen and the backend)")
      ->type_name("NAME=ID");
  cli.add_flag("--attach", config.observer.listener.attach,
               "Also hear running jobs under the client ids they were submitted with. This takes the events away from "
               "who submitted them")
      ->envname("JOBSTATUS_ATTACH");
  cli.add_option("--max-attached", config.observer.listener.max_attached,
                 "How many such client ids at once, per backend")
      ->envname("JOBSTATUS_MAX_ATTACHED")
      ->check(CLI::Range(std::size_t{1}, std::size_t{64}))
      ->capture_default_str();
  AddDuration(cli, "--lookup-patience", "JOBSTATUS_LOOKUP_PATIENCE", config.observer.lookup_patience,
              "How long a look-up of an unknown job waits for a backend that does not answer");

  cli.add_option("--state-dir", state_dir,
                 "Directory for what survives a restart: how jobs ended, and which are followed; one for each server. "
                 "\"none\" for nothing")
      ->envname("JOBSTATUS_STATE_DIR")
      ->type_name("DIR|none")
      ->default_str(DefaultStateDir().string());
  AddDuration(cli, "--keep-finished", "JOBSTATUS_KEEP_FINISHED", config.retention.keep,
              "How long finished jobs are remembered");
  cli.add_option("--max-finished-jobs", config.retention.max_jobs,
                 "How many finished jobs are remembered; of more, the oldest are forgotten")
      ->envname("JOBSTATUS_MAX_FINISHED_JOBS")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1'000'000'000}))
      ->capture_default_str();
  cli.add_option("--max-finished-in-memory", config.limits.max_finished_jobs,
                 "How many of them are in memory, about 2 kB each; with --state-dir=none that is all")
      ->envname("JOBSTATUS_MAX_FINISHED_IN_MEMORY")
      ->check(CLI::Range(std::size_t{0}, std::size_t{10'000'000}))
      ->capture_default_str();
  cli.add_option("--max-backend-memory", config.limits.max_backend_memory,
                 "How many bytes those of one backend may take in memory; of more, the oldest leave it")
      ->envname("JOBSTATUS_MAX_BACKEND_MEMORY")
      ->check(CLI::Range(std::size_t{16} << 20, std::size_t{1} << 40))
      ->capture_default_str();
  AddDuration(cli, "--remember-unknown", "JOBSTATUS_REMEMBER_UNKNOWN", config.limits.remember_unknown,
              "How long a job that no backend knows is not looked up again");

  cli.add_option("--listen", config.server.listen,
                 "Where to take calls, as HOST:PORT or unix:PATH; port 0 takes a free one")
      ->envname("JOBSTATUS_LISTEN")
      ->type_name("ADDRESS")
      ->capture_default_str();
  // An empty variable in a script must not turn off what it was to turn on.
  const CLI::Validator names_a_file([](const std::string& file) { return file.empty() ? "names no file" : ""; }, "");
  cli.add_option("--tls-cert", config.server.tls.cert,
                 "PEM file with the server's certificate; calls are encrypted then")
      ->envname("JOBSTATUS_TLS_CERT")
      ->check(names_a_file)
      ->type_name("FILE");
  cli.add_option("--tls-key", config.server.tls.key, "PEM file with its key")
      ->envname("JOBSTATUS_TLS_KEY")
      ->check(names_a_file)
      ->type_name("FILE");
  cli.add_option("--tls-client-ca", config.server.tls.client_ca,
                 "PEM file with authorities; only callers with a certificate of theirs may call")
      ->envname("JOBSTATUS_TLS_CLIENT_CA")
      ->check(names_a_file)
      ->type_name("FILE");
  cli.add_option(
         "--token-file", config.token_file,
         "File with tokens, one a line; only callers that send one of them may call. Read again when it changes")
      ->envname("JOBSTATUS_TOKEN_FILE")
      ->check(names_a_file)
      ->type_name("FILE");
  cli.add_flag("--insecure-listen", insecure_listen,
               "Take calls from other machines in plain text; for a network where everybody may listen and call")
      ->envname("JOBSTATUS_INSECURE_LISTEN");
  cli.add_option("--reflection", config.server.reflection,
                 "Tell whoever asks what can be called (grpcurl and the like need no .proto then)")
      ->envname("JOBSTATUS_REFLECTION")
      ->type_name("BOOL")
      ->default_str("true");
  cli.add_option("--address-file", config.address_file,
                 "File to write the address listened on to, once calls are taken; removed when no more are")
      ->envname("JOBSTATUS_ADDRESS_FILE")
      ->type_name("FILE");
  cli.add_option("--metrics-listen", config.metrics_listen,
                 "Where to serve metrics for Prometheus, and a page that shows the jobs, as HOST:PORT, such as "
                 "127.0.0.1:9464; port 0 takes a free one (default: nowhere)")
      ->envname("JOBSTATUS_METRICS_LISTEN")
      ->type_name("HOST:PORT");
  cli.add_flag("--insecure-page", config.insecure_page,
               "Show that page to other machines, too, in plain text; else they get the metrics alone")
      ->envname("JOBSTATUS_INSECURE_PAGE");
  cli.add_option("--metrics-address-file", config.metrics_address_file,
                 "File to write the address to where metrics are served; removed when no more are")
      ->envname("JOBSTATUS_METRICS_ADDRESS_FILE")
      ->type_name("FILE");
  cli.add_option("--max-watches", config.server.max_watches, "How many streams there may be at once")
      ->envname("JOBSTATUS_MAX_WATCHES")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  cli.add_option("--max-ids-per-watch", config.server.max_ids_per_watch, "How many jobs one stream may name")
      ->envname("JOBSTATUS_MAX_IDS_PER_WATCH")
      ->check(CLI::Range(std::size_t{1}, std::size_t{3000}))
      ->capture_default_str();
  cli.add_option("--max-watches-per-peer", config.server.max_watches_per_peer,
                 "How many streams callers of one address may have at once; all behind one proxy are one")
      ->envname("JOBSTATUS_MAX_WATCHES_PER_PEER")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  cli.add_option("--max-lookups-per-second", config.limits.max_lookups_per_second,
                 "How many look-ups of unknown jobs a second callers of one address may cause")
      ->envname("JOBSTATUS_MAX_LOOKUPS_PER_SECOND")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  cli.add_option("--max-request-bytes", config.server.max_request_bytes, "Longest request of a caller")
      ->envname("JOBSTATUS_MAX_REQUEST_BYTES")
      ->check(CLI::Range(std::size_t{1024}, std::size_t{64} << 20))
      ->capture_default_str();
  cli.add_option("--max-calls-per-connection", config.server.max_calls_per_connection,
                 "How many calls one connection may have under way; more than --max-watches-per-peer, since a call too "
                 "many waits without being told why")
      ->envname("JOBSTATUS_MAX_CALLS_PER_CONNECTION")
      ->check(CLI::Range(std::size_t{2}, std::size_t{2'000'000}))
      ->capture_default_str();
  AddConnectionAge(cli, config.server.watch_times.connection_age);
  AddDuration(cli, "--heartbeat-interval", "JOBSTATUS_HEARTBEAT_INTERVAL", config.server.watch_times.heartbeat_interval,
              "Silence after which a stream says that it is alive");
  AddDuration(cli, "--write-stall-limit", "JOBSTATUS_WRITE_STALL_LIMIT", config.server.watch_times.write_stall_limit,
              "How long a reader may take nothing before its stream is ended");
  AddDuration(cli, "--drain-grace", "JOBSTATUS_DRAIN_GRACE", config.drain_grace,
              "How long calls may take to end when the service ends");
  cli.add_option("--log-level", config.log_level, "What to say on stderr")
      ->envname("JOBSTATUS_LOG_LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  cli.add_option("--log-format", config.log_format,
                 "How to say it: as text, as json with one object a line, or auto: as text on a terminal")
      ->envname("JOBSTATUS_LOG_FORMAT")
      ->check(CLI::IsMember({"auto", "text", "json"}))
      ->capture_default_str();
}

void AddConfigFile(CLI::App& cli, bool& check_only) {
  const char* const from_environment = std::getenv("JOBSTATUS_CONFIG");
  cli.set_config("--config", from_environment == nullptr ? "" : from_environment,
                 "File with settings, each a line NAME = VALUE (TOML), where NAME is that of an option without its "
                 "dashes; options given here win over it, and it wins over the environment (Env:JOBSTATUS_CONFIG)",
                 from_environment != nullptr)
      ->type_name("FILE");
  cli.allow_config_extras(CLI::config_extras_mode::error);
  cli.add_flag("--check-config", check_only, "Say what is wrong with the settings, or what they are, and end")
      ->configurable(false);
}

// Whether it looks like the name of an option, and not like a password that went astray.
bool LooksLikeAName(const std::string& text) {
  return std::ranges::all_of(text, [](unsigned char c) { return std::isalpha(c) || c == '-' || c == '_' || c == '.'; });
}

std::string WhatIsNoOption(const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  if (!name.starts_with('-') || !LooksLikeAName(name)) return "there is an argument that belongs to no option";
  return "there is no option " + name;
}

// CLI11 says "INI was not able to parse NAME", or "NAME: This option is not allowed …".
std::string WhatIsWrongInTheFile(const std::string& words) {
  constexpr std::string_view kUnknown = "INI was not able to parse ";
  const std::string name =
      words.starts_with(kUnknown) ? words.substr(kUnknown.size()) : words.substr(0, words.find(':'));
  if (!LooksLikeAName(name)) return "--config: a line is not NAME = VALUE, under the name of an option";
  return "--config: there is no setting \"" + name + "\"; jobstatus-server --help names them";
}

// gRPC takes a port that is too big modulo 65536.
bool HasPort(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return false;
  const std::string port = listen.substr(colon + 1);
  const bool digits = !port.empty() && port.find_first_not_of("0123456789") == std::string::npos;
  return digits && port.size() <= 5 && std::stoi(port) <= 65535;
}

void CheckPorts(const Config& config) {
  const std::string& metrics = config.metrics_listen;
  if (!metrics.empty() && (!HasPort(metrics) || metrics.starts_with(':') || metrics.starts_with("unix:")))
    throw BadSetting("--metrics-listen", "must be HOST:PORT with a port up to 65535, such as 127.0.0.1:9464");
  if (metrics.empty() && !config.metrics_address_file.empty())
    throw BadSetting("--metrics-address-file", "needs --metrics-listen, too");
  if (metrics.empty() && config.insecure_page) throw BadSetting("--insecure-page", "needs --metrics-listen, too");
  const std::string& listen = config.server.listen;
  if (listen.starts_with("unix:") || HasPort(listen)) return;
  throw BadSetting("--listen", "must be HOST:PORT with a port up to 65535, or unix:PATH");
}

void Check(const Config& config) {
  CheckPorts(config);
  const auto positive = [](const char* option, jobs::Duration duration) {
    if (duration <= jobs::Duration(0)) throw BadSetting(option, "must be longer than 0");
  };
  positive("--keep-finished", config.retention.keep);
  positive("--poll-interval", config.observer.poll_interval);
  positive("--idle-interval", config.observer.idle_interval);
  positive("--safety-interval", config.observer.safety_interval);
  positive("--lookup-patience", config.observer.lookup_patience);
  positive("--heartbeat-interval", config.server.watch_times.heartbeat_interval);
  positive("--write-stall-limit", config.server.watch_times.write_stall_limit);
  if (config.server.watch_times.connection_age.grace > kMaxConnectionAge)
    throw BadSetting("--max-connection-age-grace", "must be at most 7d");
  // Else one connection could hang without a word, its watches being fewer than it may have.
  const std::size_t most_watches = std::min(config.server.max_watches, config.server.max_watches_per_peer);
  if (config.server.max_calls_per_connection <= most_watches) {
    throw BadSetting("--max-calls-per-connection",
                     "must be more than the " + std::to_string(most_watches) +
                         " watches that one caller may have (--max-watches, --max-watches-per-peer)");
  }
  for (const BackendOptions& backend : config.backends) {
    positive("--connect-timeout", backend.http.connect_timeout);
    positive("--answer-timeout", backend.http.answer_timeout);
  }
}

std::string FlagOf(std::string rpc::TlsFiles::*file) {
  if (file == &rpc::TlsFiles::key) return "--tls-key";
  return file == &rpc::TlsFiles::client_ca ? "--tls-client-ca" : "--tls-cert";
}

void CheckSecurity(const Config& config, bool insecure_listen) {
  const rpc::TlsFiles& tls = config.server.tls;
  if (tls.cert.empty() != tls.key.empty())
    throw BadSetting(tls.cert.empty() ? "--tls-key" : "--tls-cert", "needs both --tls-cert and --tls-key");
  if (!tls.client_ca.empty() && tls.cert.empty())
    throw BadSetting("--tls-client-ca", "needs --tls-cert and --tls-key, too");
  if (!tls.cert.empty()) {
    const auto checked = rpc::Check(tls);
    if (!checked) throw BadSetting(FlagOf(checked.error().which), checked.error().text);
  } else if (!insecure_listen && !IsLoopback(config.server.listen)) {
    throw BadSetting("--listen", "it is not certain that only this machine reaches " + config.server.listen +
                                     ", and others could read every call: give --tls-cert and --tls-key, or "
                                     "--insecure-listen where that does no harm");
  }
}

}  // namespace

std::expected<std::shared_ptr<const rpc::Tokens>, std::string> ReadTokens(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) return std::unexpected("cannot read the file " + file + ", or it is empty");
  auto tokens = rpc::Tokens::Parse(text.str());
  if (!tokens) return std::unexpected(file + ", " + tokens.error());
  return std::make_shared<const rpc::Tokens>(*std::move(tokens));
}

std::expected<Config, Exit> ReadConfig(int argc, char** argv) {
  Config config;
  BackendSettings backends;
  std::string state_dir;
  bool check_only = false;
  bool insecure_listen = false;
  CLI::App cli(kDescription, "jobstatus-server");
  cli.footer(kFooter);
  cli.set_version_flag("--version", std::string(kVersion))->configurable(false);
  AddConfigFile(cli, check_only);
  AddOptions(cli, config, backends, state_dir, insecure_listen);
  try {
    cli.parse(argc, argv);
    if (backends.urls.empty()) backends.urls.push_back("default=http://127.0.0.1:8188");
    config.backends = ReadBackends(backends, config.server.listen);
    if (state_dir != "none") config.state_dir = ChosenStateDir(state_dir);
    config.limits.keep_finished = config.retention.keep;
    config.limits.max_finished_jobs = std::min(config.limits.max_finished_jobs, config.retention.max_jobs);
    Check(config);
    CheckSecurity(config, insecure_listen);
    if (!config.token_file.empty()) {
      auto tokens = ReadTokens(config.token_file);
      if (!tokens) throw BadSetting("--token-file", tokens.error());
      config.server.tokens = *std::move(tokens);
    }
  } catch (const CLI::FileError&) {
    return std::unexpected(Exit{2, "--config: cannot read " + cli.get_config_ptr()->as<std::string>() + "\n"});
  } catch (const CLI::ConfigError& error) {
    return std::unexpected(Exit{2, WhatIsWrongInTheFile(error.what()) + "\n"});
  } catch (const CLI::ExtrasError&) {
    return std::unexpected(Exit{2, WhatIsNoOption(cli.remaining().front()) + "; jobstatus-server --help names them\n"});
  } catch (const CLI::Error& error) {
    std::ostringstream out;
    std::ostringstream err;
    const int exit_code = cli.exit(error, out, err) == 0 ? 0 : 2;
    return std::unexpected(Exit{exit_code, out.str() + err.str()});
  }
  config.settings = SettingsText(cli, config, false);
  if (!check_only) return config;
  std::string text = "# These settings are good.\n";
  for (const std::string& line : SettingsText(cli, config, true)) text += line + "\n";
  return std::unexpected(Exit{0, text});
}

}  // namespace app
