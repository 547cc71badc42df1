// The jobstatus command as a child process.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace jobstatus {

// Runs from construction; killed by the destructor if it still runs. Its environment is the test's, with TERM=xterm, a
// UTF-8 locale, and none of the variables the command itself reads.
class Process {
 public:
  enum class Stdout { kPipe, kTerminal };  // a pseudo-terminal of 80 by 24 is stdin and stderr, too

  explicit Process(const std::vector<std::string>& arguments, Stdout to = Stdout::kPipe,
                   const std::vector<std::string>& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Reads until `text` has come on stdout (or stderr), or both are closed, or nothing comes for long: the last fails
  // the test. Returns whether it came.
  bool AwaitOutput(const std::string& text);
  bool AwaitError(const std::string& text);

  // Reads everything, waits for the end and returns the exit code; 1000 + the signal if one killed it.
  int Wait();

  const std::string& output() const { return output_; }
  const std::string& error() const { return error_; }

  pid_t pid() const { return pid_; }

  void Signal(int signal) const;
  void Type(const std::string& keys) const;
  void Resize(unsigned short columns, unsigned short rows) const;
  // Closes the reading end of stdout, as `head` does.
  void CloseOutput();

 private:
  void StartWithPipes(char* const* arguments, char* const* environment);
  void StartOnTerminal(char* const* arguments, char* const* environment);
  bool Await(const std::string& text, const std::string& in);
  // False: nothing came for long, or all is closed.
  bool ReadSome();

  pid_t pid_ = 0;
  int output_fd_ = -1;
  int error_fd_ = -1;
  std::string output_;
  std::string error_;
};

}  // namespace jobstatus
