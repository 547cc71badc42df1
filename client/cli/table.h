// Jobs as a table: a header, then one row each.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "cli/job_line.h"
#include "jobstatus/messages.h"

namespace jobstatus::cli {

// Takes its jobs a few at a time. A column fits what came so far and never gets narrower, so rows may stand further to
// the right than earlier ones.
class Table {
 public:
  // Lines with their ends; the first time the header comes before them. The width of an id is chosen here, and an id is
  // never cut: a longer one moves the rest of its row to the right.
  std::string Rows(const google::protobuf::RepeatedPtrField<JobStatus>& jobs, std::chrono::system_clock::time_point now,
                   const Style& style);

 private:
  std::vector<std::size_t> widths_;  // of all columns but the last
};

}  // namespace jobstatus::cli
