#include "archive/sqlite.h"

#include <sqlite3.h>

#include <utility>

namespace archive {
namespace {

constexpr int kBusyTimeoutMs = 1000;

SqliteError ErrorOf(sqlite3* connection, int code) {
  return {code & 0xff, connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code)};
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement& Statement::Bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
  return *this;
}

Statement& Statement::Bind(int index, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::BindBlob(int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), index, bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

SqliteResult<bool> Statement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  sqlite3* const connection = sqlite3_db_handle(statement_.get());
  if (code != SQLITE_DONE) {
    const SqliteError error = ErrorOf(connection, code);
    Reset();
    return std::unexpected(error);
  }
  Reset();
  return false;
}

SqliteResult<void> Statement::Run() {
  const auto stepped = Step();
  Reset();
  if (!stepped) return std::unexpected(stepped.error());
  return {};
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());
}

std::int64_t Statement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::Text(int column) const {
  return std::string(Blob(column));
}

std::string_view Statement::Blob(int column) const {
  const void* const bytes = sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return size == 0 ? std::string_view() : std::string_view(static_cast<const char*>(bytes), size);
}

void Connection::Close::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);  // waits for statements that are still there
}

SqliteResult<Connection> Connection::Open(const std::filesystem::path& file, Access access) {
  Connection opened;
  sqlite3* connection = nullptr;
  // NOMUTEX: one thread uses it. Not CREATE: the file is made by whoever sees to its permissions.
  const int flags = (access == Access::kReadWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(file.c_str(), &connection, flags, nullptr);
  opened.connection_.reset(connection);
  if (code != SQLITE_OK) return std::unexpected(ErrorOf(connection, code));
  // Before anything else: the first pragma may already meet a lock.
  sqlite3_busy_timeout(connection, kBusyTimeoutMs);
  sqlite3_wal_hook(
      connection,
      [](void* frames, sqlite3*, const char*, int count) {
        *static_cast<int*>(frames) = count;
        return SQLITE_OK;
      },
      opened.log_frames_.get());  // also keeps SQLite from checkpointing within a commit
  return opened;
}

SqliteResult<void> Connection::Execute(const std::string& sql) {
  const int code = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(ErrorOf(connection_.get(), code));
  return {};
}

SqliteResult<Statement> Connection::Prepare(std::string_view sql) {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) return std::unexpected(ErrorOf(connection_.get(), code));
  Statement statement;
  statement.statement_.reset(prepared);
  return statement;
}

SqliteResult<std::int64_t> Connection::QueryInteger(std::string_view sql) {
  auto statement = Prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const auto row = statement->Step();
  if (!row) return std::unexpected(row.error());
  return *row ? statement->Integer(0) : 0;
}

void Connection::RollBack() {
  if (sqlite3_get_autocommit(connection_.get()) == 0)
    sqlite3_exec(connection_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

bool Connection::HasMoved() {
  int moved = 0;
  sqlite3_file_control(connection_.get(), nullptr, SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved != 0;
}

void Connection::Checkpoint() {
  sqlite3_wal_checkpoint_v2(connection_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  *log_frames_ = 0;
}

}  // namespace archive
