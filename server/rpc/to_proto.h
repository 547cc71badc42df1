#pragma once

#include "board/board.h"
#include "jobs/job.h"

namespace comfyui::jobstatus::v1 {
class Backend;
class JobStatus;
}  // namespace comfyui::jobstatus::v1

// From our values to the contract's messages. Pure.
namespace rpc {

namespace pb = comfyui::jobstatus::v1;

// `observe_time`: see Board::Sighted. `now`: what the time remaining counts from.
void ToProto(const jobs::JobStatus& status, jobs::Time observe_time, jobs::Time now, pb::JobStatus& message);

// The two parts of it, each added to the message: what holds as long as the status does, and what does not.
void LastingToProto(const jobs::JobStatus& status, pb::JobStatus& message);
void PassingToProto(const jobs::JobStatus& status, jobs::Time observe_time, jobs::Time now, pb::JobStatus& message);

void ToProto(const board::BackendState& backend, pb::Backend& message);

}  // namespace rpc
