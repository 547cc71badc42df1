#include "comfy/outputs.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace comfy {
namespace {

using jobs::MediaType;

struct FileType {
  std::string_view extension;
  MediaType media_type;
  std::string_view content_type;
};

// The files ComfyUI's own nodes and the widespread custom ones write.
constexpr std::array kFileTypes = {
    FileType{"png", MediaType::kImage, "image/png"},
    FileType{"jpg", MediaType::kImage, "image/jpeg"},
    FileType{"jpeg", MediaType::kImage, "image/jpeg"},
    FileType{"webp", MediaType::kImage, "image/webp"},
    FileType{"gif", MediaType::kImage, "image/gif"},
    FileType{"apng", MediaType::kImage, "image/apng"},
    FileType{"avif", MediaType::kImage, "image/avif"},
    FileType{"bmp", MediaType::kImage, "image/bmp"},
    FileType{"tif", MediaType::kImage, "image/tiff"},
    FileType{"tiff", MediaType::kImage, "image/tiff"},
    FileType{"svg", MediaType::kImage, "image/svg+xml"},
    FileType{"exr", MediaType::kImage, "image/x-exr"},
    FileType{"mp4", MediaType::kVideo, "video/mp4"},
    FileType{"webm", MediaType::kVideo, "video/webm"},
    FileType{"mkv", MediaType::kVideo, "video/x-matroska"},
    FileType{"mov", MediaType::kVideo, "video/quicktime"},
    FileType{"avi", MediaType::kVideo, "video/x-msvideo"},
    FileType{"wav", MediaType::kAudio, "audio/wav"},
    FileType{"mp3", MediaType::kAudio, "audio/mpeg"},
    FileType{"flac", MediaType::kAudio, "audio/flac"},
    FileType{"ogg", MediaType::kAudio, "audio/ogg"},
    FileType{"opus", MediaType::kAudio, "audio/opus"},
    FileType{"m4a", MediaType::kAudio, "audio/mp4"},
    FileType{"txt", MediaType::kText, "text/plain"},
    FileType{"json", MediaType::kText, "application/json"},
    FileType{"csv", MediaType::kText, "text/csv"},
    FileType{"md", MediaType::kText, "text/markdown"},
    FileType{"srt", MediaType::kText, "application/x-subrip"},
    FileType{"glb", MediaType::kModel3d, "model/gltf-binary"},
    FileType{"gltf", MediaType::kModel3d, "model/gltf+json"},
    FileType{"obj", MediaType::kModel3d, "model/obj"},
    FileType{"stl", MediaType::kModel3d, "model/stl"},
    FileType{"fbx", MediaType::kModel3d, "application/octet-stream"},
    FileType{"ply", MediaType::kModel3d, "application/octet-stream"},
    FileType{"usdz", MediaType::kModel3d, "model/vnd.usdz+zip"},
};

const FileType* TypeOfName(std::string_view filename) {
  const std::size_t dot = filename.rfind('.');
  if (dot == std::string_view::npos) return nullptr;
  std::string extension(filename.substr(dot + 1));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto found = std::find_if(kFileTypes.begin(), kFileTypes.end(),
                                  [&](const FileType& type) { return type.extension == extension; });
  return found == kFileTypes.end() ? nullptr : &*found;
}

// For a name that tells nothing: the list a file stands in says what the node meant it to be.
MediaType TypeOfKey(std::string_view ui_key) {
  if (ui_key == "images" || ui_key == "gifs") return MediaType::kImage;
  if (ui_key == "video" || ui_key == "videos") return MediaType::kVideo;
  if (ui_key == "audio") return MediaType::kAudio;
  if (ui_key == "text") return MediaType::kText;
  if (ui_key == "3d") return MediaType::kModel3d;
  return MediaType::kFile;
}

}  // namespace

jobs::Output FileOutput(const Address& comfyui, std::string node_id, std::string ui_key, FileEntry entry) {
  jobs::Output output;
  output.url = ViewUrl(comfyui, entry);
  if (const FileType* type = TypeOfName(entry.filename)) {
    output.media_type = type->media_type;
    output.content_type = type->content_type;
  } else if (entry.format.starts_with("video/") || entry.format.starts_with("image/")) {
    // Video nodes append the codec: "video/h264-mp4" is no registered type, so only its kind is taken.
    output.media_type = entry.format.starts_with("video/") ? MediaType::kVideo : MediaType::kImage;
  } else {
    output.media_type = TypeOfKey(ui_key);
  }
  output.node_id = std::move(node_id);
  output.ui_key = std::move(ui_key);
  output.filename = std::move(entry.filename);
  output.subfolder = std::move(entry.subfolder);
  output.folder_type = std::move(entry.folder_type);
  return output;
}

jobs::Output TextOutput(std::string node_id, std::string ui_key, std::string text) {
  jobs::Output output;
  output.node_id = std::move(node_id);
  output.ui_key = std::move(ui_key);
  output.media_type = MediaType::kText;
  output.content_type = "text/plain";
  output.text = std::move(text);
  return output;
}

std::string ViewUrl(const Address& comfyui, const FileEntry& entry) {
  std::string path;
  path.reserve(128);  // enough for nearly every one
  AppendPercentEncoded(path += "/view?filename=", entry.filename);
  if (!entry.subfolder.empty()) AppendPercentEncoded(path += "&subfolder=", entry.subfolder);
  if (!entry.folder_type.empty()) AppendPercentEncoded(path += "&type=", entry.folder_type);
  return comfyui.Resolve(path);
}

}  // namespace comfy
