#pragma once

#include <string_view>

namespace web {

// The page's files, as they are in this folder (EmbedPage.cmake).
extern const std::string_view kPageHtml;
extern const std::string_view kPageScript;
extern const std::string_view kPageStyle;

}  // namespace web
