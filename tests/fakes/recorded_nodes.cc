#include "fakes/recorded_nodes.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "fakes/python_number.h"
#include "fakes/recorded_jobs.h"

namespace fakes {
namespace {

constexpr size_t kTypeBytes = 4;

uint32_t BigEndianAt(const std::string& bytes, size_t at) {
  uint32_t number = 0;
  for (size_t i = at; i < at + 4; ++i) number = number << 8 | static_cast<unsigned char>(bytes.at(i));
  return number;
}

std::string TextAt(const Json& data, std::string_view key) {
  const Json* value = data.Find(key);
  return value ? value->text : "";
}

int64_t IntAt(const Json& data, std::string_view key) {
  return IntOf(TextAt(data, key)).value();
}

Expansion ExpansionOf(const Json& node) {
  Expansion expansion;
  if (const Json* display = node.Find("display_node_id")) expansion.display_node = display->text;
  const Json* parent = node.Find("parent_node_id");
  if (parent && !parent->is_null()) expansion.parent_node = parent->text;
  return expansion;
}

bool IsOfStep(const Moment& moment) {
  return moment.type() == "progress" || (moment.frame && moment.frame->op == "binary");
}

}  // namespace

// Of those at the same sockets.
const Moment* RecordedNodes::Next(size_t moment) const {
  for (size_t i = moment + 1; i < moments_.size(); ++i) {
    if (moments_[i].kind == Moment::Kind::kMessage && moments_[i].sockets == moments_[moment].sockets) {
      return &moments_[i];
    }
  }
  return nullptr;
}

// The image that comes with the step told at `moment`; "" for none.
std::string RecordedNodes::PreviewOf(size_t moment) const {
  for (size_t i = moment + 1; i < moments_.size() && IsOfStep(moments_[i]); ++i) {
    if (moments_[i].frame->op != "binary") continue;
    const std::string bytes = moments_[i].frame->payload();
    switch (BigEndianAt(bytes, 0)) {
      case 1:
        return bytes.substr(kTypeBytes + 4);
      case 4:
        return bytes.substr(kTypeBytes + 4 + BigEndianAt(bytes, kTypeBytes));
    }
  }
  return "";
}

void RecordedNodes::Step(const std::string& node_id, const Json& progress, size_t moment) {
  comfy_->Step(node_id, IntAt(progress, "value"), IntAt(progress, "max"), PreviewOf(moment));
}

void RecordedNodes::Note(const Moment& moment) {
  if (moment.type() != "progress_state") return;
  prompt_id_ = moment.prompt_id();
  nodes_.clear();
  for (const auto& [id, node] : moment.data().Find("nodes")->members) nodes_[id] = node;
}

void RecordedNodes::ForgetOtherJobs() {
  const std::vector<std::string> running = comfy_->running();
  const std::string job = running.empty() ? "" : running.front();
  if (std::exchange(running_, job) != job) started_.clear();
}

void RecordedNodes::Start(const std::string& node_id, const Expansion& expansion) {
  ForgetOtherJobs();
  started_.push_back(node_id);
  comfy_->StartNode(node_id, expansion);
}

void RecordedNodes::StartIfIdle(const std::string& node_id) {
  ForgetOtherJobs();
  if (std::find(started_.begin(), started_.end(), node_id) == started_.end()) Start(node_id);
}

// The data of progress does not say it, or says null, in old versions: then it is the node that was started last. If
// nobody was told of one, any will do.
std::string RecordedNodes::NodeOf(const Json& progress) const {
  const std::string node = TextAt(progress, "node");
  if (!node.empty()) return node;
  return started_.empty() ? ParseJson(comfy_->prompt_of_running()).value().members.front().first : started_.back();
}

void RecordedNodes::DoProgressState(size_t index) {
  const Moment& moment = moments_[index];
  if (moment.prompt_id() != prompt_id_) nodes_.clear();
  for (const auto& [id, node] : moment.data().Find("nodes")->members) {
    const auto known = nodes_.find(id);
    if (known != nodes_.end() && ToText(known->second) == ToText(node)) continue;
    if (TextAt(node, "state") == "finished") return comfy_->FinishNode(id);
    if (TextAt(node, "value") == "0.0") return Start(id, ExpansionOf(node));
    return Step(id, node, index);
  }
  // Nothing new: a node that runs starts again, or is where it was.
  const Moment* next = Next(index);
  const std::string id = next ? TextAt(next->data(), "node") : "";
  if (!nodes_.contains(id)) throw std::runtime_error("progress_state without progress");
  next->type() == "executing" ? Start(id, ExpansionOf(nodes_[id])) : Step(id, next->data(), index);
}

void RecordedNodes::Do(size_t index) {
  const Moment& moment = moments_[index];
  const std::string type = moment.type();
  const Json& data = moment.data();
  if (type == "execution_cached") {
    std::vector<std::string> nodes;
    for (const Json& node : data.Find("nodes")->items) nodes.push_back(node.text);
    comfy_->Cached(nodes);
  } else if (type == "progress_state") {
    DoProgressState(index);
  } else if (type == "executing") {
    Start(TextAt(data, "node"));
  } else if (type == "progress") {
    ForgetOtherJobs();
    const std::string node = NodeOf(data);
    StartIfIdle(node);
    Step(node, data, index);
  } else if (type == "executed") {
    comfy_->FinishNode(TextAt(data, "node"), ToText(*data.Find("output")));
  } else if (moment.is_block()) {
    comfy_->Block(ErrorOf(data));
  } else {
    throw std::runtime_error("no idea what causes " + moment.frame->kept.substr(0, 200));
  }
}

}  // namespace fakes
