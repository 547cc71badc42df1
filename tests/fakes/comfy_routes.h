#pragma once

#include <string_view>

#include "fakes/comfy_model.h"
#include "fakes/http_message.h"
#include "fakes/python_json.h"

namespace fakes {

// ComfyUI's HTTP routes (server.py) as far as jobs are concerned. `path` is the request's without query and base path.
Answer AnswerRequest(ComfyModel* model, const Request& request, std::string_view path);

// Whether the body of a POST to /queue or /history asks for all to be removed.
bool SaysClear(const Json& body);

}  // namespace fakes
