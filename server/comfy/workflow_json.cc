#include "comfy/workflow_json.h"

#include <functional>
#include <utility>

namespace comfy {
namespace {

using simdjson::SUCCESS;
using Node = jobs::WorkflowNodeSource;

// Whatever stands there, as it is written: Python writes equal values alike. Not taken apart, however deep it is
// nested.
simdjson::error_code Raw(json::value& value, std::string_view& text) {
  simdjson::error_code error = SUCCESS;
  if (IsObject(value)) {
    json::object object;
    error = value.get_object().get(object);
    if (!error) error = object.raw_json().get(text);
  } else if (IsArray(value)) {
    json::array array;
    error = value.get_array().get(array);
    if (!error) error = array.raw_json().get(text);
  } else {
    text = value.raw_json_token();
  }
  text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  return error;
}

// A value of an input. Two elements, the first a string and the second a number, make a link (is_link in
// comfy_execution/graph_utils.py); everything else is a literal.
simdjson::error_code ReadInput(std::string_view name, json::value& value, Node& node) {
  std::string text;
  simdjson::error_code error = SUCCESS;
  if (!IsArray(value)) {
    std::string_view token;
    error = Raw(value, token);
    text = token;
  } else {
    Node::Link link{std::string(name), "", ""};
    std::size_t count = 0;
    bool from_is_string = false;
    bool slot_is_number = false;
    text = '[';
    error = EachElement(value, [&](std::size_t index, json::value& element) {
      ++count;
      std::string_view token;
      const auto bad = Raw(element, token);
      text.append(token) += ',';
      if (index == 0 && token.starts_with('"')) {
        from_is_string = true;
        link.from = TextOrEmpty(element);
      }
      if (index == 1) {
        slot_is_number = token.find_first_of("-0123456789") == 0;
        link.slot = token;
      }
      return bad;
    });
    if (!error && count == 2 && from_is_string && slot_is_number) {
      node.links.push_back(std::move(link));
      return SUCCESS;
    }
  }
  if (text.size() > kMaxLiteralBytes) text = "#" + std::to_string(std::hash<std::string>()(text));
  node.literals.push_back({std::string(name), std::move(text)});
  return error;
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
