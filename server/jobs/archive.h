#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "jobs/job.h"
#include "jobs/time.h"

// What survives a restart, as the two sides of it see each other: the board, which has what is to be written and needs
// what was, and the archive, which has the disk. Neither knows the other.
namespace jobs {

// A job's status at one moment: immutable, shared by everybody who looks at it.
using Snapshot = std::shared_ptr<const JobStatus>;

// A status that is to be on disk.
struct Unwritten {
  Snapshot status;  // a terminal one with the revision it will be told under, or was
  // Callers have been told of it, or it was taken before: it takes the place of whatever is there.
  bool replaces = false;
};

// What is to be written next.
struct UnwrittenBatch {
  std::vector<Unwritten> statuses;
  std::uint64_t revision = 0;  // no greater one has been given out, or stands in `statuses`
};

// What became of a batch.
struct Written {
  bool ok = false;
  // Of those statuses that were not written, as their jobs have ended before under a revision of long ago: that end.
  std::vector<Snapshot> ended_before;
};

// The side of the board. Thread-safe; called by one thread, in turns.
class UnwrittenSource {
 public:
  virtual ~UnwrittenSource() = default;

  // The statuses to write next, at most `limit`, those that wait longest first. None: `statuses` is empty, and
  // Archive::Wake will tell of the next.
  virtual UnwrittenBatch TakeUnwritten(std::size_t limit) = 0;

  // The batch taken last is on disk, or could not be written; then its statuses will be taken again.
  virtual void OnWritten(const Written& written) = 0;

  // Running jobs that have got further since this was called last. Nobody waits for these to be written.
  virtual std::vector<Snapshot> TakeProgress() = 0;
};

// Why the archive could not be read, for a person.
struct ArchiveError {
  std::string detail;
};

// Which of the archived verdicts are meant.
struct ArchiveQuery {
  std::string backend;                                               // empty: of any
  std::set<JobState> states;                                         // empty: in any
  std::uint64_t after = 0;                                           // revisions greater than this
  std::uint64_t before = std::numeric_limits<std::uint64_t>::max();  // and less than this
  bool newest_first = true;
  std::size_t limit = 0;
};

// The side of the disk. Thread-safe; every call returns at once. `done` is called once, on a thread of the archive, and
// must return soon.
class Archive {
 public:
  using Done = std::function<void(std::expected<std::vector<Snapshot>, ArchiveError>)>;

  virtual ~Archive() = default;

  // There is something to write.
  virtual void Wake() = 0;

  // What is being written has taken too long: it is told without waiting any longer.
  virtual void OutOfPatience() = 0;

  // The verdicts under this id, of every backend.
  virtual void Find(const std::string& job_id, Done done) = 0;

  // In the order of their revisions.
  virtual void List(const ArchiveQuery& query, Done done) = 0;
};

}  // namespace jobs
