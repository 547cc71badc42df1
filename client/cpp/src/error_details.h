#pragma once

#include <grpcpp/support/status.h>

#include "jobstatus/error.h"

namespace jobstatus {

// The Error a status that is not OK stands for, with what its details (a serialized google.rpc.Status) say.
Error ToError(const grpc::Status& status);

}  // namespace jobstatus
