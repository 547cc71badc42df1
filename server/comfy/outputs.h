#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "comfy/address.h"
#include "jobs/job.h"

// What ComfyUI's entries in a history's `outputs` are to a caller.
namespace comfy {

// The fields of a file entry, as ComfyUI's nodes write them.
struct FileEntry {
  std::string filename;
  std::string subfolder;
  std::string folder_type;  // `type`
  std::string format;       // of some video nodes, such as "video/h264-mp4"
};

jobs::Output FileOutput(const Address& comfyui, std::string node_id, std::string ui_key, FileEntry entry);
jobs::Output TextOutput(std::string node_id, std::string ui_key, std::string text);

// Address of the file at ComfyUI's /view.
std::string ViewUrl(const Address& comfyui, const FileEntry& entry);

}  // namespace comfy
