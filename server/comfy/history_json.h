#pragma once

#include "comfy/address.h"
#include "comfy/json.h"
#include "jobs/history.h"

namespace comfy {

// Reads one entry of /history, an object. The error is of the document, not of the entry: odd values are passed over.
simdjson::error_code ReadHistoryEntry(json::value& entry_value, const Address& comfyui, jobs::HistoryEntry& entry);

// Reads the one thing wanted of extra_data, in the history and in the queue alike. It may be anything but an object,
// too (before 0.3.69).
simdjson::error_code ReadCreateTime(json::value& extra_data, std::optional<jobs::Time>& create_time);

}  // namespace comfy
