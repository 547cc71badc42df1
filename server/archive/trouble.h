#pragma once

#include <functional>
#include <string>
#include <utility>

namespace archive {

// Told when something does not work (once, not with each failed try), and when it works again.
using OnTrouble = std::function<void(const std::string& what, bool is_over)>;

// Whether one thing works. Used by one thread.
class Trouble {
 public:
  explicit Trouble(OnTrouble on_trouble) : on_trouble_(std::move(on_trouble)) {}

  void Failed(const std::string& what) {
    if (!std::exchange(failing_, true)) on_trouble_(what, false);
  }
  void Worked(const std::string& what) {
    if (std::exchange(failing_, false)) on_trouble_(what, true);
  }
  bool failing() const { return failing_; }

 private:
  OnTrouble on_trouble_;
  bool failing_ = false;
};

}  // namespace archive
