#include "archive/archive.h"

#include <sqlite3.h>

#include <utility>

#include "archive/opening.h"
#include "archive/reader.h"
#include "archive/schema.h"

namespace archive {
namespace {

std::string WhatToDo(int code) {
  switch (code) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
      return "make room there, or name another --state-dir";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "move the file away to begin with an empty archive, or restore it from a copy";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return "make it writable for this user, or name another --state-dir";
    default:
      return "name another --state-dir";
  }
}

std::unexpected<std::string> CannotUse(const std::filesystem::path& file, const SqliteError& error) {
  return std::unexpected("the archive " + file.string() + " cannot be used: " + error.detail + "; " +
                         WhatToDo(error.code) + ", or run without with --state-dir=none");
}

}  // namespace

Archive::Archive(StateDirectory directory, OnTrouble on_trouble)
    : directory_(std::move(directory)), on_trouble_(std::move(on_trouble)) {}

std::expected<std::unique_ptr<Archive>, std::string> Archive::Open(Options options,
                                                                   const std::vector<jobs::BackendName>& backends) {
  auto directory = StateDirectory::Open(options.directory);
  if (!directory) return std::unexpected(directory.error() + "; --state-dir=none runs without an archive");
  std::unique_ptr<Archive> archive(new Archive(*std::move(directory), options.on_trouble));
  const std::filesystem::path& file = archive->directory_.database();

  auto connection = Connection::Open(file, Connection::Access::kReadWrite);
  if (!connection) return CannotUse(file, connection.error());
  if (auto done = Configure(*connection); !done) return CannotUse(file, done.error());
  if (auto done = Migrate(*connection); !done) return CannotUse(file, done.error());
  auto entered = EnterBackends(*connection, backends);
  if (!entered) return CannotUse(file, entered.error());
  archive->backends_ = *std::move(entered);
  const jobs::Time now = options.now();
  auto remembered = Recall(*connection, archive->backends_, backends, now, now - options.retention.keep);
  if (!remembered) return CannotUse(file, remembered.error());
  archive->remembered_ = *std::move(remembered);

  auto reading = Connection::Open(file, Connection::Access::kReadOnly);
  if (!reading) return CannotUse(file, reading.error());
  archive->writer_ =
      std::make_unique<Writer>(*std::move(connection), archive->backends_, options.retention,
                               archive->remembered_.revision + Writer::kReserve, options.now, options.on_trouble);
  if (auto done = archive->writer_->Prepare(); !done) return CannotUse(file, done.error());
  archive->reader_ = std::make_unique<Reader>(*std::move(reading), archive->backends_, options.on_trouble);
  return archive;
}

Archive::~Archive() = default;

Counts Archive::Read() const {
  return writer_->Read();
}

void Archive::Start(jobs::UnwrittenSource& source) {
  writer_->Start(source);
}

void Archive::Stop() {
  writer_->Stop();
  reader_->Stop();
}

void Archive::Wake() {
  writer_->Wake();
}

void Archive::OutOfPatience() {
  on_trouble_("the archive's disk does not answer: how jobs end is told, but would not survive a restart", false);
}

void Archive::Find(const std::string& job_id, Done done) {
  reader_->Find(job_id, std::move(done));
}

void Archive::List(const jobs::ArchiveQuery& query, Done done) {
  reader_->List(query, std::move(done));
}

}  // namespace archive
