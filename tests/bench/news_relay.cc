// What our news is measured against: the least that can be done between ComfyUI's WebSocket and gRPC. It has two
// sockets at a ComfyUI. What comes for the client id "echo" is sent back; of each message for "relay" all who have
// called WatchStatus are told, without a look at it.
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "bench/idle_nap.h"
#include "bench/server_options.h"
#include "comfyui/jobstatus/v1/job_status.grpc.pb.h"
#include "fakes/address_file.h"

namespace {

namespace asio = boost::asio;
namespace pb = comfyui::jobstatus::v1;

class Relay final : public pb::JobStatusService::CallbackService {
 public:
  void TellAll() {
    const std::lock_guard lock(mutex_);
    ++told_;
    for (Stream* const stream : streams_) stream->Tell(told_);
  }

 private:
  class Stream final : public grpc::ServerWriteReactor<pb::WatchStatusResponse> {
   public:
    explicit Stream(Relay& relay) : relay_(relay) { StartSendInitialMetadata(); }

    void Tell(std::uint64_t revision) {
      const std::lock_guard lock(mutex_);
      newest_ = revision;
      if (!writing_) Write();
    }

   private:
    void OnWriteDone(bool ok) override {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (left_) return Finish(grpc::Status::CANCELLED);
      if (ok && newest_ > message_.revision()) Write();
    }

    void OnCancel() override {
      relay_.Leave(this);
      const std::lock_guard lock(mutex_);
      left_ = true;
      if (!writing_) Finish(grpc::Status::CANCELLED);
    }

    void OnDone() override { delete this; }

    void Write() {
      writing_ = true;
      message_.set_revision(newest_);
      StartWrite(&message_);
    }

    Relay& relay_;
    std::mutex mutex_;  // guards the rest
    std::uint64_t newest_ = 0;
    pb::WatchStatusResponse message_;
    bool writing_ = false;
    bool left_ = false;
  };

  grpc::ServerWriteReactor<pb::WatchStatusResponse>* WatchStatus(grpc::CallbackServerContext*,
                                                                 const pb::WatchStatusRequest*) override {
    const std::lock_guard lock(mutex_);
    return *streams_.insert(new Stream(*this)).first;  // gRPC tells it when it is done with it
  }

  void Leave(Stream* stream) {
    const std::lock_guard lock(mutex_);
    streams_.erase(stream);
  }

  std::mutex mutex_;  // guards the two below
  std::set<Stream*> streams_;
  std::uint64_t told_ = 0;
};

class Socket {
 public:
  Socket(std::uint16_t port, const std::string& client_id) {
    asio::ip::tcp::socket& tcp = stream_.next_layer();
    tcp.connect({asio::ip::address_v4::loopback(), port});
    tcp.set_option(asio::ip::tcp::no_delay(true));
    stream_.handshake("127.0.0.1", "/ws?clientId=" + client_id);
    Read();  // ComfyUI's greeting
  }

  const boost::beast::flat_buffer& Read() {
    buffer_.clear();
    stream_.read(buffer_);
    return buffer_;
  }

  void SendBack() { stream_.write(buffer_.cdata()); }

 private:
  asio::io_context io_;
  // without compression, which takes long to compile
  boost::beast::websocket::stream<asio::ip::tcp::socket, false> stream_{io_};
  boost::beast::flat_buffer buffer_;
};

}  // namespace

int main(int argc, char** argv) {
  const auto options = bench::ReadServerOptions("Relays each message of a WebSocket to all gRPC streams", argc, argv);

  Relay relay;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&relay);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const bench::IdleNapGuard awake(server->InProcessChannel({}));

  Socket relayed(options.comfyui_port, "relay");
  Socket echoed(options.comfyui_port, "echo");
  const std::jthread echoing([&] {
    while (true) {
      echoed.Read();
      echoed.SendBack();
    }
  });
  fakes::WriteAddress(options.address_file, "127.0.0.1:" + std::to_string(port));
  while (true) {  // until it is killed
    relayed.Read();
    relay.TellAll();
  }
}
