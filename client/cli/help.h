#pragma once

namespace jobstatus::cli {

inline constexpr char kDescription[] = "Tells how ComfyUI jobs are doing: asks the job status service.";

// The end of `jobstatus --help`: examples, exit codes, environment.
extern const char* const kFooter;

}  // namespace jobstatus::cli
