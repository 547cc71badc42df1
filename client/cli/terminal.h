// The terminal that stdout is: a block of lines at its bottom that is redrawn in place.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "cli/screen.h"

namespace jobstatus::cli {

// stdout is a terminal that understands cursor movement.
bool IsLiveTerminal();

// The environment says that text is UTF-8.
bool IsUtf8Locale();

// What stdout's terminal measures now; 80 by 24 when it does not say.
ScreenSize TerminalSize();

// Writes to stdout and flushes it.
void Print(const std::string& text);

// Not thread-safe. Hides the cursor while a block stands; the destructor shows it again.
class Terminal {
 public:
  Terminal() = default;
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Takes the block away, writes the `lasting` lines, which scroll up with time, and draws the new block below them.
  void Draw(std::span<const std::string> lasting, std::vector<std::string> block);

  // Takes the block away and shows the cursor, so that others may write.
  void Leave();

 private:
  std::string Erase() const;

  std::vector<std::string> block_;  // as drawn
  bool cursor_hidden_ = false;
};

}  // namespace jobstatus::cli
