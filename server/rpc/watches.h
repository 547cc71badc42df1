#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "rpc/limits_met.h"

namespace rpc {

class WatchReactor;

// The streams that are open: how many there may be, and the way to end them all.
class Watches {
 public:
  struct Limits {
    std::size_t in_total = 0;
    std::size_t per_peer = 0;
  };
  explicit Watches(Limits limits) : limits_(limits) {}

  // Not admitted: there are too many, of this peer (PeerName) or of all, or the service is going down.
  enum class Admission { kAdmitted, kTooMany, kTooManyOfPeer, kDraining };
  Admission Add(const std::shared_ptr<WatchReactor>& watch, const std::string& peer);
  void Remove(const std::shared_ptr<WatchReactor>& watch);

  // Ends all streams and admits no more. Each ends by itself, after the write it has under way.
  void Drain();

  LimitsMet& met() { return met_; }

 private:
  const Limits limits_;
  LimitsMet met_;
  std::mutex mutex_;                                           // guards the three below; no stream is called under it
  std::map<std::shared_ptr<WatchReactor>, std::string> open_;  // and of which peer each is
  std::map<std::string, std::size_t> of_peer_;                 // how many; none that has none
  bool draining_ = false;
};

}  // namespace rpc
