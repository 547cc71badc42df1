#include "rpc/lookup_turns.h"

namespace rpc {

void LookupTurns::Look() {
  const jobs::Steady next = board_.TakeTurns(SteadyNow());
  if (next != jobs::Steady::max()) ticker_.CallAt(next, weak_from_this());
}

}  // namespace rpc
