#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "bench/figures.h"
#include "jobs/time.h"

// How fast verdicts come to the disk, in this process.
namespace bench {

// The id of one of any number of jobs: a UUID that looks random, and is always the same.
std::string JobId(std::uint64_t job);

struct Rate {
  double per_second = 0;
  double batch = 0;  // verdicts in one, on average
};

// As the service does it: a board is told how jobs ended, from `first` on, and has an archive in `directory`. So many
// of them at once are on their way.
Rate WriteByService(const std::filesystem::path& directory, std::uint64_t first, std::size_t count,
                    std::size_t in_flight);

// By an archive alone, of jobs from 0 on that ended at `ended`.
Rate WriteByArchive(const std::filesystem::path& directory, std::size_t count, jobs::Time ended);

// The least that can be done with SQLite and the same settings: rows of the same bytes into a plain table without an
// index.
class BareDatabase {
 public:
  explicit BareDatabase(const std::filesystem::path& directory);
  ~BareDatabase();

  // In one transaction. How long it took, with whatever SQLite has to tidy up behind it.
  Micros Write(std::size_t rows);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Whether the oldest verdict that is left was observed before `time`; false when none is left.
bool HasOlderThan(const std::filesystem::path& directory, jobs::Time time);

jobs::Time WallNow();

}  // namespace bench
