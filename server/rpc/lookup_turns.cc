#include "rpc/lookup_turns.h"

#include "rpc/clock.h"

namespace rpc {

void LookupTurns::LookSoon() {
  inbox_->Post([self = shared_from_this()] { self->OnTick(SteadyNow()); });
}

void LookupTurns::OnTick(jobs::Steady now) {
  loop_.CallAt(board_.TakeTurns(now), *this);
}

}  // namespace rpc
