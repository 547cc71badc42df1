#include "fakes/comfy_version.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

namespace fakes {
namespace {

constexpr std::string_view k202312Stats =
    R"({"system": {"os": "posix", "python_version": "3.11.2 (main, Apr 28 2025, 14:11:48) [GCC 12.2.0]", "embedd)"
    R"(ed_python": false}, "devices": [{"name": "cpu", "type": "cpu", "index": null, "vram_total": 25276502016, )"
    R"("vram_free": 24324775936, "torch_vram_total": 25276502016, "torch_vram_free": 24324775936}]})";

constexpr std::string_view k0344Stats =
    R"({"system": {"os": "posix", "ram_total": 25276502016, "ram_free": 24429215744, "comfyui_version": "0.3.44")"
    R"(, "python_version": "3.11.2 (main, Apr 28 2025, 14:11:48) [GCC 12.2.0]", "pytorch_version": "1.13.0a0", ")"
    R"(embedded_python": false, "argv": ["main.py", "--cpu", "--listen", "127.0.0.1", "--port", "18189", "--base)"
    R"(-directory", "/opt/ComfyUI", "--database-url", "sqlite:////opt/ComfyUI/user/comfyui-18189.db", "--disable)"
    R"(-api-nodes"]}, "devices": [{"name": "cpu", "type": "cpu", "index": null, "vram_total": 25276502016, "vram)"
    R"(_free": 24429215744, "torch_vram_total": 25276502016, "torch_vram_free": 24429215744}]})";

// Not recorded: made up.
constexpr std::string_view k0357Stats =
    R"({"system": {"os": "posix", "comfyui_version": "0.3.57", "python_version": "3.11.2", "embedded_python": fal)"
    R"(se}, "devices": []})";

constexpr std::string_view k0364Stats =
    R"({"system": {"os": "posix", "ram_total": 25276502016, "ram_free": 21832347648, "comfyui_version": "0.3.64")"
    R"(, "required_frontend_version": "1.27.10", "installed_templates_version": "0.1.95", "required_templates_ve)"
    R"(rsion": "0.1.95", "python_version": "3.11.2 (main, Apr 28 2025, 14:11:48) [GCC 12.2.0]", "pytorch_version)"
    R"(": "1.13.0a0", "embedded_python": false, "argv": ["main.py", "--cpu", "--listen", "127.0.0.1", "--port", )"
    R"("18188", "--base-directory", "/opt/ComfyUI", "--database-url", "sqlite:////opt/ComfyUI/user/comfyui-18188)"
    R"(.db", "--disable-api-nodes"]}, "devices": [{"name": "cpu", "type": "cpu", "index": null, "vram_total": 25)"
    R"(276502016, "vram_free": 21832347648, "torch_vram_total": 25276502016, "torch_vram_free": 21832347648}]})";

constexpr std::string_view k0330Stats =
    R"({"system": {"os": "linux", "ram_total": 25276502016, "ram_free": 24338386944, "comfyui_version": "0.33.0")"
    R"(, "required_frontend_version": "1.49.6", "installed_templates_version": "0.11.44", "required_templates_ve)"
    R"(rsion": "0.11.44", "comfy_package_versions": [{"name": "comfyui-frontend-package", "installed": "1.49.6",)"
    R"( "required": "1.49.6"}, {"name": "comfyui-workflow-templates", "installed": "0.11.44", "required": "0.11.)"
    R"(44"}, {"name": "comfyui-embedded-docs", "installed": "0.5.10", "required": "0.5.10"}, {"name": "comfy-kit)"
    R"(chen", "installed": "0.2.31", "required": "0.2.31"}, {"name": "comfy-aimdo", "installed": "0.4.13", "requ)"
    R"(ired": "0.4.13"}], "python_version": "3.13.5 (main, Aug 10 2026, 12:06:59) [GCC 14.2.0]", "pytorch_versio)"
    R"(n": "2.6.0+debian", "embedded_python": false, "deploy_environment": "local-git", "argv": ["main.py", "--c)"
    R"(pu", "--listen", "127.0.0.1", "--port", "18191", "--base-directory", "/srv/base13", "--database-url", "sq)"
    R"(lite:////srv/base13/user/comfyui-v0330-18191.db", "--disable-api-nodes", "--disable-dynamic-vram"]}, "dev)"
    R"(ices": [{"name": "cpu", "type": "cpu", "index": null, "vram_total": 25276502016, "vram_free": 24338386944)"
    R"(, "torch_vram_total": 25276502016, "torch_vram_free": 24338386944}]})";

constexpr std::string_view k0364Features = R"({"supports_preview_metadata": true, "max_upload_size": 104857600})";

constexpr std::string_view k0330Features =
    R"({"supports_preview_metadata": true, "supports_model_type_tags": true, "max_upload_size": 104857600, "exte)"
    R"(nsion": {"manager": {"supports_v4": true}}, "node_replacements": true, "assets": false})";

constexpr std::string_view kSecurityPolicy =
    R"(default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inlin)"
    R"(e'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self' data:; frame-src 'self'; object-src ')"
    R"(self';)";

constexpr std::string_view kAiohttp38 = "Python/3.11 aiohttp/3.8.4";

constexpr std::array kVersions = {
    ComfyVersion{.name = "2023-12",
                 .answers_options = false,
                 .api_prefix = false,
                 .history_status = false,
                 .progress_ids = false,
                 .timestamps = false,
                 .display_nodes = false,
                 .executed_of_cached = false,
                 .progress_state = false,
                 .progress_state_to_all = false,
                 .prompt_ids = false,
                 .history_offset = false,
                 .targeted_interrupt = false,
                 .hides_keys_in_history = false,
                 .hides_keys_in_queue = false,
                 .create_time = false,
                 .jobs = false,
                 .uuid_prompt_ids = false,
                 .missing_node_type = false,
                 .aiohttp_311 = false,
                 .server = kAiohttp38,
                 .security_policy = "",
                 .features = "",
                 .system_stats = k202312Stats},
    ComfyVersion{.name = "v0.3.44",
                 .answers_options = true,
                 .api_prefix = true,
                 .history_status = true,
                 .progress_ids = true,
                 .timestamps = true,
                 .display_nodes = true,
                 .executed_of_cached = true,
                 .progress_state = false,
                 .progress_state_to_all = false,
                 .prompt_ids = false,
                 .history_offset = false,
                 .targeted_interrupt = false,
                 .hides_keys_in_history = false,
                 .hides_keys_in_queue = false,
                 .create_time = false,
                 .jobs = false,
                 .uuid_prompt_ids = false,
                 .missing_node_type = false,
                 .aiohttp_311 = false,
                 .server = kAiohttp38,
                 .security_policy = "",
                 .features = "",
                 .system_stats = k0344Stats},
    ComfyVersion{.name = "v0.3.57",
                 .answers_options = true,
                 .api_prefix = true,
                 .history_status = true,
                 .progress_ids = true,
                 .timestamps = true,
                 .display_nodes = true,
                 .executed_of_cached = true,
                 .progress_state = true,
                 .progress_state_to_all = true,
                 .prompt_ids = true,
                 .history_offset = false,
                 .targeted_interrupt = true,
                 .hides_keys_in_history = true,
                 .hides_keys_in_queue = false,
                 .create_time = false,
                 .jobs = false,
                 .uuid_prompt_ids = false,
                 .missing_node_type = false,
                 .aiohttp_311 = false,
                 .server = kAiohttp38,
                 .security_policy = "",
                 .features = k0364Features,
                 .system_stats = k0357Stats},
    ComfyVersion{.name = "v0.3.64",
                 .answers_options = true,
                 .api_prefix = true,
                 .history_status = true,
                 .progress_ids = true,
                 .timestamps = true,
                 .display_nodes = true,
                 .executed_of_cached = true,
                 .progress_state = true,
                 .progress_state_to_all = false,
                 .prompt_ids = true,
                 .history_offset = true,
                 .targeted_interrupt = true,
                 .hides_keys_in_history = true,
                 .hides_keys_in_queue = false,
                 .create_time = false,
                 .jobs = false,
                 .uuid_prompt_ids = false,
                 .missing_node_type = false,
                 .aiohttp_311 = false,
                 .server = kAiohttp38,
                 .security_policy = "",
                 .features = k0364Features,
                 .system_stats = k0364Stats},
    ComfyVersion{.name = "v0.33.0",
                 .answers_options = true,
                 .api_prefix = true,
                 .history_status = true,
                 .progress_ids = true,
                 .timestamps = true,
                 .display_nodes = true,
                 .executed_of_cached = true,
                 .progress_state = true,
                 .progress_state_to_all = false,
                 .prompt_ids = true,
                 .history_offset = true,
                 .targeted_interrupt = true,
                 .hides_keys_in_history = true,
                 .hides_keys_in_queue = true,
                 .create_time = true,
                 .jobs = true,
                 .uuid_prompt_ids = true,
                 .missing_node_type = true,
                 .aiohttp_311 = true,
                 .server = "Python/3.13 aiohttp/3.11.16",
                 .security_policy = kSecurityPolicy,
                 .features = k0330Features,
                 .system_stats = k0330Stats},
};

}  // namespace

const ComfyVersion& VersionNamed(std::string_view name) {
  const auto found = std::find_if(kVersions.begin(), kVersions.end(), [name](const auto& v) { return v.name == name; });
  if (found == kVersions.end()) throw std::invalid_argument("no such ComfyUI version: " + std::string(name));
  return *found;
}

}  // namespace fakes
