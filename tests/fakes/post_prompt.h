#pragma once

#include <string_view>

#include "fakes/comfy_model.h"
#include "fakes/http_message.h"

namespace fakes {

// POST /prompt (server.py post_prompt). Any graph is accepted whose nodes have a class_type; the output nodes are those
// that no other node takes from. Throws PythonError where ComfyUI answers 500.
Answer PostPrompt(ComfyModel* model, std::string_view body);

}  // namespace fakes
