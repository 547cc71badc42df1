#pragma once

#include <string_view>

#include "fakes/comfy_model.h"
#include "fakes/http_message.h"

namespace fakes {

// ComfyUI's HTTP routes (server.py) as far as jobs are concerned. `path` is the request's without query and base path.
Answer AnswerRequest(ComfyModel* model, const Request& request, std::string_view path);

}  // namespace fakes
