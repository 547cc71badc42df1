#pragma once

#include <cstddef>

#include "jobs/job.h"

namespace jobs {

// How many bytes a status takes in memory: itself and what its texts and lists hold on the heap, as far as the C++
// library tells; not what the allocator adds.
std::size_t SizeInMemory(const JobStatus& status);

}  // namespace jobs
