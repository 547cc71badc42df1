#pragma once

#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <expected>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "board/backlog.h"
#include "board/board.h"
#include "jobs/watch_stream.h"
#include "rpc/calls.h"
#include "rpc/face.h"
#include "rpc/loop.h"
#include "rpc/requests.h"
#include "rpc/server_stream.h"
#include "rpc/watch_times.h"

namespace rpc {

class Watches;

// One WatchStatus call, from when it is awaited: a shell around jobs::WatchStream, which decides everything. It tells
// the stream what happened, and carries out the one action the stream answers with; the stream gives out no other until
// it is told the outcome. All on the thread of the loop.
class OpenWatch final : public ServerStream<grpc::ServerAsyncWriter<grpc::ByteBuffer>>, public Loop::Timed {
 public:
  // Awaits a call. Tells `watches` when it has come and when it is over.
  OpenWatch(Watches& watches, JobStatusFace& face);
  ~OpenWatch() override;

  // What `watches` notes with it: where it stands in the list of all, which owns it, and among whose watches it counts.
  struct Notes {
    std::list<OpenWatch>::iterator place;
    std::map<std::string, std::size_t>::iterator peer;  // once it is served
  };
  Notes notes;

  bool is_served() const { return served_.has_value(); }

  // What has come is answered with one of these.
  const grpc::ByteBuffer& request() const { return request_; }
  void Refuse(Call call, const grpc::Status& status);
  void Serve(Call call, Watch watch);

  // Ends it, after the message that is being written.
  void Drain();

  void OnTick(jobs::Steady now) override;

 private:
  using Stream = jobs::WatchStream;

  // What other threads tell it. Lives as long as one of them may, the watch only as long as its call.
  class News;
  // What there is of a call that is served.
  struct Served {
    Served(Call call, Watch watch, const board::Board& board, const WatchTimes& times, std::shared_ptr<News> news);

    Call call;
    const Watch watch;
    Stream stream;
    board::Backlog backlog;
    board::Board::Sighted pulled;
    std::size_t recalls = 1;               // to be done before the stream starts: one of each look-up, and Serve
    std::unique_ptr<grpc::Status> status;  // to finish with, when it is not OK
    const std::shared_ptr<News> news;
    board::Board::Handle subscription;
    std::vector<board::Board::Handle> lookups;
  };

  void OnArrived() override;
  void OnWritten(bool ok) override;
  void OnCancelled() override;
  void OnOver() override;

  template <class Event>
  void Tell(Event event);
  void Carry(Stream::Action action);
  void Send(const grpc::ByteBuffer& message);
  void Cancel();
  void Pull();
  void OnPulled(std::expected<board::Board::Next, jobs::ArchiveError> next);
  void Stop(Stream::End end, std::optional<grpc::Status> status);
  void LookUp(const std::string& job_id, const board::Caller& caller);
  void OnChange(bool of_state);
  void OnLookup(const std::string& job_id, const board::LookupResult& result);
  void OnRecalled();
  bool IsToldAlready(const board::Snapshot& known) const;
  grpc::Status Outcome(Stream::End end);

  Watches& watches_;
  grpc::ByteBuffer request_;  // until it is read
  bool has_spoken_ = false;
  std::optional<Served> served_;
};

}  // namespace rpc
