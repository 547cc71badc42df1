#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/config.h"
#include "archive/archive.h"
#include "board/board.h"
#include "comfy/traffic.h"
#include "jobs/observation.h"

namespace app {

// The observers of all backends, on one thread that drives them all.
class Observers {
 public:
  // Connects the board to the observers, so that it can have jobs looked for. Those that are remembered as unfinished
  // (null: nothing is) are looked up first.
  Observers(const Config& config, const archive::Remembered* remembered, jobs::ObservationSink& sink,
            board::Board& board);
  ~Observers();

  // What has gone between us and each backend, by name. On any thread.
  std::vector<std::pair<std::string, comfy::Traffic::Counts>> traffic() const;

  void Start();

  // Ends every question under way and every look-up. When it returns nothing is observed any more, but that look-ups
  // made later end at once; so the thread goes on until the destructor, which must come after the last of them.
  void Stop();

 private:
  struct Parts;  // keeps Asio's and libcurl's headers out of this one
  std::unique_ptr<Parts> parts_;
};

}  // namespace app
