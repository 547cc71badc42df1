#include "fakes/job_outputs.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "fakes/python_number.h"

namespace fakes {
namespace {

constexpr size_t kTextPreviewMaxLength = 1024;  // code points

bool HasExtension(std::string_view filename, std::initializer_list<std::string_view> extensions) {
  std::string lower(filename);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(extensions.begin(), extensions.end(), [&](auto extension) { return lower.ends_with(extension); });
}

bool Is3d(std::string_view filename) {
  return HasExtension(filename, {".obj", ".fbx", ".gltf", ".glb", ".usdz"});
}
bool IsText(std::string_view filename) {
  return HasExtension(filename, {".txt", ".md", ".json"});
}

// item.get(key, "") that must be text.
std::string TextAt(const Json& item, std::string_view key) {
  const Json* value = item.Find(key);
  if (!value) return "";
  if (!value->is_string()) throw PythonError("AttributeError: no text");
  return value->text;
}

// The file entry an item stands for; nullopt when it stands for none.
std::optional<Json> FileEntry(const Json& item) {
  if (item.is_object()) return item;
  if (!item.is_string() || !Is3d(item.text)) return std::nullopt;
  return Json::Object({{"filename", item},
                       {"type", Json::String("output")},
                       {"subfolder", Json::String("")},
                       {"mediaType", Json::String("3d")}});
}

bool IsPreviewable(std::string_view media_type, const Json& item) {
  for (const std::string_view type : {"images", "video", "audio", "3d", "text"}) {
    if (media_type == type) return true;
  }
  if (const Json* format = item.Find("format"); format && !format->is_null()) {
    const std::string text = TextAt(item, "format");
    if (text.starts_with("video/") || text.starts_with("audio/")) return true;
  }
  const std::string filename = TextAt(item, "filename");
  return Is3d(filename) || IsText(filename);
}

Json TextPreview(const Json& item, const std::string& node_id, const std::string& media_type) {
  const std::string text = StrOf(item);
  size_t end = 0;
  for (size_t points = 0; end < text.size() && points < kTextPreviewMaxLength; ++points) {
    ++end;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
  }
  Json preview = Json::Object({{"content", Json::String(text.substr(0, end))}});
  if (end < text.size()) preview.Set("truncated", Json::Bool(true));
  preview.Set("nodeId", Json::String(node_id));
  preview.Set("mediaType", Json::String(media_type));
  return preview;
}

// The best seen so far of each rank: a saved visual file, another visual one, a text file, bare text.
struct Previews {
  std::optional<Json> by_rank[4];

  void Offer(size_t rank, Json preview) {
    if (!by_rank[rank]) by_rank[rank] = std::move(preview);
  }
  void OfferFile(const Json& item, const std::string& node_id, const std::string& media_type) {
    Json preview = item;
    preview.Set("nodeId", Json::String(node_id));
    if (!item.Find("mediaType")) preview.Set("mediaType", Json::String(media_type));
    const Json* type = item.Find("type");
    const bool textual =
        media_type == "text" ||
        IsText(item.Find("filename") && item.Find("filename")->is_string() ? item.Find("filename")->text : "");
    Offer(textual ? 2 : type && type->text == "output" ? 0 : 1, std::move(preview));
  }
};

// Calls `visit` for each item of each list of outputs; the flag "animated" is none.
template <typename Visit>
void EachItem(const Json& outputs, const Visit& visit) {
  for (const auto& [node_id, node_outputs] : outputs.members) {
    for (const auto& [media_type, items] : node_outputs.members) {
      if (media_type == "animated") continue;
      for (const Json& item : items.items) visit(node_id, media_type, item);
    }
  }
}

}  // namespace

OutputsSummary SummarizeOutputs(const Json& outputs) {
  OutputsSummary summary;
  Previews previews;
  EachItem(outputs, [&](const std::string& node_id, const std::string& media_type, const Json& item) {
    const auto file = FileEntry(item);
    if (!file) {
      if (media_type == "text") previews.Offer(3, TextPreview(item, node_id, media_type));
      return;
    }
    ++summary.count;
    if (!IsPreviewable(media_type, *file)) return;
    ++summary.previewable_count;
    previews.OfferFile(*file, node_id, media_type);
  });
  for (auto& preview : previews.by_rank) {
    if (!summary.preview) summary.preview = std::move(preview);
  }
  return summary;
}

Json NormalizeOutputs(const Json& outputs) {
  Json normalized = outputs;
  for (auto& [node_id, node_outputs] : normalized.members) {
    for (auto& [media_type, items] : node_outputs.members) {
      if (media_type == "animated") continue;
      std::erase_if(items.items, [](const Json& item) { return item.is_null(); });
      for (Json& item : items.items) item = FileEntry(item).value_or(item);
    }
  }
  return normalized;
}

}  // namespace fakes
