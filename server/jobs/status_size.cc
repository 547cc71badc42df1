#include "jobs/status_size.h"

#include <string>
#include <vector>

namespace jobs {
namespace {

// Beyond the object itself: a short text is kept within it.
std::size_t OnTheHeap(const std::string& text) {
  static const std::size_t kWithin = std::string().capacity();
  return text.capacity() > kWithin ? text.capacity() + 1 : 0;
}

std::size_t OnTheHeap(const Output& output) {
  std::size_t bytes = 0;
  for (const std::string* const text : {&output.node_id, &output.ui_key, &output.filename, &output.subfolder,
                                        &output.folder_type, &output.content_type, &output.text, &output.url}) {
    bytes += OnTheHeap(*text);
  }
  return bytes;
}

std::size_t OnTheHeap(const JobError& error) {
  std::size_t bytes = error.traceback.capacity() * sizeof(std::string);
  for (const std::string& line : error.traceback) bytes += OnTheHeap(line);
  for (const std::string* const text : {&error.message, &error.node_id, &error.node_type, &error.exception_type})
    bytes += OnTheHeap(*text);
  return bytes;
}

}  // namespace

std::size_t SizeInMemory(const JobStatus& status) {
  std::size_t bytes = sizeof status + OnTheHeap(status.job_id) + OnTheHeap(status.backend);
  if (status.progress && status.progress->current_node)
    bytes += OnTheHeap(status.progress->current_node->node_id) + OnTheHeap(status.progress->current_node->node_type);
  bytes += status.outputs.capacity() * sizeof(Output);
  for (const Output& output : status.outputs) bytes += OnTheHeap(output);
  if (status.error) bytes += OnTheHeap(*status.error);
  return bytes;
}

}  // namespace jobs
