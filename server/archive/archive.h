#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "archive/counts.h"
#include "archive/state_directory.h"
#include "archive/trouble.h"
#include "archive/writer.h"
#include "jobs/archive.h"
#include "jobs/backend_name.h"

namespace archive {

class Reader;

struct Options {
  std::filesystem::path directory;
  Retention retention;
  std::function<jobs::Time()> now;  // the wall clock
  OnTrouble on_trouble;             // on a thread of the archive, or on one that calls it
};

// What was there when the archive was opened.
struct Remembered {
  std::uint64_t revision = 0;        // no greater one has been told
  std::uint64_t newest_verdict = 0;  // revision
  std::vector<jobs::JobStatus> unfinished;
  std::map<std::string, std::vector<jobs::JobStatus>>
      last_in_history;  // by backend, of those configured: its newest verdicts that its history had, newest first
  std::vector<std::string> former_backends;  // that are configured no more, and have statuses here
  std::string secret;                        // 32 random bytes, the same as long as the archive lives
};

// Verdicts and the jobs that are being followed, in a SQLite database in a directory of its own: what callers were told
// survives a restart, a kill and, as each transaction is flushed to the disk, a power cut.
class Archive final : public jobs::Archive {
 public:
  // One that is damaged, or cannot be written, is an error; the text says what is wrong and what to do. A backend that
  // is new under its name, at the URL of one that is configured no more, is that one under another name.
  static std::expected<std::unique_ptr<Archive>, std::string> Open(Options options,
                                                                   const std::vector<jobs::BackendName>& backends);
  ~Archive() override;

  const Remembered& remembered() const { return remembered_; }

  Counts Read() const;  // on any thread

  // Begins to write what `source` has. It, and whoever asks, must outlive Stop.
  void Start(jobs::UnwrittenSource& source);
  // Writes what there is and answers what was asked; what is asked later is answered at once, with an error.
  void Stop();

  void Wake() override;
  void OutOfPatience() override;
  void Find(const std::string& job_id, Done done) override;
  void List(const jobs::ArchiveQuery& query, Done done) override;

 private:
  Archive(StateDirectory directory, OnTrouble on_trouble);

  StateDirectory directory_;
  OnTrouble on_trouble_;
  Backends backends_;
  Remembered remembered_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Reader> reader_;
};

}  // namespace archive
