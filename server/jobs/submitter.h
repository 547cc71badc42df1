#pragma once

namespace jobs {

// Who submitted a job, as its client id tells; it decides who hears of it while it runs.
enum class Submitter {
  kUnknown,  // the job's client id was not read
  kNobody,   // no client id: its progress goes to everyone
  kService,  // the service's own
  kOther,
};

}  // namespace jobs
