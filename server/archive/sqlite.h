#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

// SQLite, with ownership visible and errors as values. A connection and its statements are used by one thread.
namespace archive {

struct SqliteError {
  int code = 0;  // SQLITE_FULL, SQLITE_CORRUPT, …; without the extension
  std::string detail;
};

template <class T>
using SqliteResult = std::expected<T, SqliteError>;

// A prepared statement. Bind all of it, then Step; Reset comes by itself with the next Bind or at the end of a scan.
class Statement {
 public:
  Statement() = default;

  Statement& Bind(int index, std::int64_t value);
  Statement& Bind(int index, std::string_view text);
  Statement& BindBlob(int index, std::string_view bytes);  // `text` and `bytes` must live until the last Step

  // True: there is a row to read. False: done.
  SqliteResult<bool> Step();
  // For a statement that has no rows to read.
  SqliteResult<void> Run();
  void Reset();

  std::int64_t Integer(int column) const;
  std::string Text(int column) const;
  std::string_view Blob(int column) const;  // until the next Step

 private:
  friend class Connection;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Connection {
 public:
  enum class Access { kReadWrite, kReadOnly };

  // An existing file. Waits up to a second for locks (a checkpoint, recovery after a crash).
  static SqliteResult<Connection> Open(const std::filesystem::path& file, Access access);

  SqliteResult<void> Execute(const std::string& sql);
  SqliteResult<Statement> Prepare(std::string_view sql);
  SqliteResult<std::int64_t> QueryInteger(std::string_view sql);  // the first column of the one row

  // Ends the transaction that is open, if one is.
  void RollBack();

  // The file does not stand under its name any more: what is written to it, nobody will find.
  bool HasMoved();

  // Moves what the write-ahead log holds into the database, as far as readers allow, without waiting.
  void Checkpoint();
  // Frames the log held after the last commit.
  int log_frames() const { return *log_frames_; }

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  std::unique_ptr<int> log_frames_ = std::make_unique<int>(0);  // where SQLite's hook finds it
  std::unique_ptr<sqlite3, Close> connection_;
};

}  // namespace archive
