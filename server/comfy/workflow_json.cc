#include "comfy/workflow_json.h"

#include <functional>
#include <utility>

namespace comfy {
namespace {

using simdjson::SUCCESS;
using Node = jobs::WorkflowNodeSource;

// Whatever stands there, as text that is equal for equal values.
simdjson::error_code AppendText(json::value& value, std::string& text) {
  if (IsObject(value)) {
    text += '{';
    const auto error = EachField(value, [&](std::string_view key, json::value& field) {
      text.append(key) += ':';
      return AppendText(field, text);
    });
    text += '}';
    return error;
  }
  if (IsArray(value)) {
    text += '[';
    const auto error = EachElement(value, [&](std::size_t, json::value& element) { return AppendText(element, text); });
    text += ']';
    return error;
  }
  const std::string_view token = value.raw_json_token();
  text.append(token.substr(0, token.find_last_not_of(" \t\r\n") + 1)) += ',';
  return SUCCESS;
}

// A value of an input. Two elements, the first a string and the second a number, make a link (is_link in
// comfy_execution/graph_utils.py); everything else is a literal.
simdjson::error_code ReadInput(std::string_view name, json::value& value, Node& node) {
  std::string text;
  if (!IsArray(value)) {
    if (const auto error = AppendText(value, text)) return error;
    if (text.ends_with(',')) text.pop_back();
  } else {
    Node::Link link{std::string(name), "", ""};
    std::size_t count = 0;
    bool from_is_string = false;
    bool slot_is_number = false;
    const auto error = EachElement(value, [&](std::size_t index, json::value& element) {
      ++count;
      json::json_type type{};
      if (const auto bad = element.type().get(type)) return bad;
      if (index == 0 && type == json::json_type::string) {
        from_is_string = true;
        link.from = TextOrEmpty(element);
        text.append(link.from) += ',';
        return SUCCESS;
      }
      if (index == 1 && type == json::json_type::number) slot_is_number = true;
      const std::size_t begin = text.size();
      const auto bad = AppendText(element, text);
      if (index == 1) link.slot = text.substr(begin);
      return bad;
    });
    if (error) return error;
    if (count == 2 && from_is_string && slot_is_number) {
      node.links.push_back(std::move(link));
      return SUCCESS;
    }
  }
  if (text.size() > kMaxLiteralBytes) text = "#" + std::to_string(std::hash<std::string>()(text));
  node.literals.push_back({std::string(name), std::move(text)});
  return SUCCESS;
}

}  // namespace

simdjson::error_code ReadGraph(json::value& graph, std::vector<Node>& nodes) {
  return EachField(graph, [&](std::string_view id, json::value& node_value) {
    // Beyond this the workflow is refused anyway.
    if (nodes.size() > jobs::Workflow::kMaxNodes || !IsObject(node_value)) return SUCCESS;
    Node& node = nodes.emplace_back();
    node.id = id;
    return EachField(node_value, [&](std::string_view key, json::value& value) {
      if (key == "class_type") node.class_type = TextOrEmpty(value);
      if (key != "inputs") return SUCCESS;
      return EachField(value, [&](std::string_view name, json::value& input) { return ReadInput(name, input, node); });
    });
  });
}

simdjson::error_code ReadOutputIds(json::value& ids, std::vector<std::string>& outputs) {
  return EachElement(ids, [&](std::size_t, json::value& id) {
    if (auto text = ExactString(id)) outputs.push_back(*std::move(text));
    return SUCCESS;
  });
}

}  // namespace comfy
