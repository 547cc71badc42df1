#pragma once

#include <string>
#include <string_view>

namespace fakes {

// What differs between the recorded versions, as far as a status client can see it.
struct ComfyVersion {
  std::string_view name;
  bool answers_options;              // OPTIONS is 200 for any path, else 405
  bool api_prefix;                   // every route also under /api (2024-06)
  bool history_status;               // history entries have status and meta (2024-01, 2024-08)
  bool progress_ids;                 // ws progress says prompt_id and node (2024-01)
  bool timestamps;                   // ws events have timestamps; execution_success exists (2024-07)
  bool display_nodes;                // ws executing and executed say display_node (2024-08)
  bool executed_of_cached;           // ws executed is sent for cached output nodes, too (2024-08)
  bool progress_state;               // ws progress_state exists (0.3.45)
  bool progress_state_to_all;        // ... and goes to everybody (0.3.45 to 0.3.57)
  bool prompt_ids;                   // POST /prompt takes prompt_id (0.3.45)
  bool history_offset;               // GET /history?offset= (0.3.60)
  bool targeted_interrupt;           // POST /interrupt {"prompt_id"} (0.3.57)
  bool hides_keys_in_history;        // api keys are cut from /history (0.3.45) …
  bool hides_keys_in_queue;          // … and from /queue (0.3.68)
  bool create_time;                  // extra_data.create_time (0.3.69)
  bool jobs;                         // /api/jobs (0.6.0), with cancelled (0.9.0) and cancel endpoints (0.26)
  bool uuid_prompt_ids;              // only UUIDs as prompt_id (0.25)
  bool missing_node_type;            // error type of a node without class (0.12)
  bool aiohttp_311;                  // 404 without body, no Content-Type on empty answers; else aiohttp 3.8
  std::string_view server;           // header Server
  std::string_view security_policy;  // header Content-Security-Policy, "" for none
  std::string_view features;         // GET /features and ws feature_flags, "" for 404 and silence (0.3.45)
  std::string_view system_stats;     // GET /system_stats, from recording 01-idle
};

// The recorded versions, and v0.3.57: as v0.3.64 but for the history offset and who gets progress_state. Throws
// std::invalid_argument for any other.
const ComfyVersion& VersionNamed(std::string_view name);

}  // namespace fakes
