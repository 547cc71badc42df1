// Text as a terminal shows it. Whatever the service sends goes through here before it is printed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace jobstatus::cli {

// Makes text safe to print on one line: control characters, what reorders or hides text, and bytes that are not UTF-8
// come out as \x1b or \u{202e}.
std::string Escape(std::string_view text);

// Escape for one field among others: spaces, too, come out as \x20, and an empty text as -.
std::string EscapeField(std::string_view text);

bool IsValidUtf8(std::string_view text);

// Columns that escaped text takes. Of letters whose width terminals disagree about, a guess.
std::size_t DisplayWidth(std::string_view text);

// The text's beginning that fits the width.
std::string Clip(std::string_view text, std::size_t width);

// The text, or its beginning and its end with an ellipsis between, so that it fits the width.
std::string Shorten(std::string_view text, std::size_t width, bool unicode);

// With spaces after it up to the width.
std::string Pad(std::string text, std::size_t width);

}  // namespace jobstatus::cli
