#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "archive/rows.h"
#include "archive/sqlite.h"
#include "archive/trouble.h"
#include "jobs/archive.h"

namespace archive {

// Reads verdicts, on a thread and a connection of its own: neither whoever asks nor the writer waits for it.
class Reader {
 public:
  Reader(Connection connection, const Backends& backends, OnTrouble on_trouble);
  ~Reader() { Stop(); }
  void Stop();  // answers what was asked before; what is asked later is answered at once, with an error

  // As jobs::Archive.
  void Find(const std::string& job_id, jobs::Archive::Done done);
  void List(const jobs::ArchiveQuery& query, jobs::Archive::Done done);

 private:
  using Statuses = SqliteResult<std::vector<jobs::Snapshot>>;
  using Questions = std::deque<std::function<void()>>;

  void Ask(Questions& questions, std::function<Statuses()> question, jobs::Archive::Done done);
  void Run();

  // On the thread:
  SqliteResult<Statement*> Prepared(const std::string& sql);
  Statuses ReadJob(const std::string& job_id);
  Statuses ReadList(const jobs::ArchiveQuery& query);
  Statuses ReadRange(const jobs::ArchiveQuery& query, const std::int64_t* backend, const jobs::JobState* state);

  const Backends& backends_;
  Trouble trouble_;
  Connection connection_;  // as the next, used by the thread alone
  std::map<std::string, Statement> prepared_;

  std::mutex mutex_;  // guards the rest
  std::condition_variable asked_;
  Questions finds_;  // in turns with the next: lists take longer, and thousands of watches may ask for them
  Questions lists_;
  bool lists_turn_ = false;
  bool stopping_ = false;
  std::thread thread_;  // runs Run
};

}  // namespace archive
