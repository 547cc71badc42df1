#include "fakes/http_server.h"

#include <pthread.h>
#include <time.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "fakes/http_connection.h"

namespace fakes {

namespace asio = boost::asio;
using boost::system::error_code;
using Tcp = asio::ip::tcp;

namespace {

// Linux lets two sockets have one port with this option while not both listen. Bind to port 0 never shares.
template <typename Socket>
void Bind(Socket* socket, const Tcp::endpoint& endpoint) {
  socket->open(endpoint.protocol());
  socket->set_option(Tcp::acceptor::reuse_address(true));
  socket->bind(endpoint);
}

}  // namespace

struct HttpServer::Core {
  Core(const std::string& address, uint16_t port, Handler the_handler, SocketListener* the_listener)
      : handler(std::move(the_handler)), listener(the_listener) {
    Bind(&holder, Tcp::endpoint(asio::ip::make_address(address), port));
    endpoint = holder.local_endpoint();
    Listen();
    thread = std::thread([this] { io.run(); });
  }

  ~Core() {
    Thaw();
    asio::post(io, [this] { io.stop(); });
    thread.join();
  }

  // Runs `task` on the io thread, frozen or not, and waits for it.
  void Run(const std::function<void()>& task) {
    if (io.get_executor().running_in_this_thread()) return task();
    std::promise<void> done;
    const auto run = [&] {
      task();
      done.set_value();
    };
    {
      const std::lock_guard lock(freeze_mutex);
      if (frozen) {
        frozen_tasks.emplace_back(run);
        woken.notify_all();
      } else {
        asio::post(io, run);
      }
    }
    done.get_future().wait();
  }

  void Listen() {
    if (acceptor.is_open()) return;
    Bind(&acceptor, endpoint);
    acceptor.listen();
    Accept();
  }

  void Accept() {
    acceptor.async_accept([this](const error_code& error, Tcp::socket socket) {
      if (error) return;   // closed
      error_code ignored;  // the peer may already be gone
      socket.set_option(Tcp::no_delay(true), ignored);
      const int ordinal = ++accepted;
      const auto connection = std::make_shared<HttpConnection>(
          std::move(socket), ordinal, handler, move_on, [this](int gone) { open_connections.erase(gone); }, sent_bytes);
      open_connections[ordinal] = connection;
      connection->Read();
      Accept();
    });
  }

  void DropConnections(bool only_hung) {
    const auto doomed = open_connections;  // Close erases from the map
    for (const auto& [ordinal, connection] : doomed) {
      if (!only_hung || connection->hangs()) connection->Close();
    }
    if (only_hung) return;
    for (const auto& [ordinal, socket] : open_sockets) socket->Drop();
  }

  void OpenSocket(Tcp::socket socket, int ordinal, HttpConnection::Upgrade upgrade, const Request& request,
                  const Answer& answer) {
    const auto opened = std::make_shared<WebSocket>(
        std::move(socket), ordinal, listener, [this](int gone) { open_sockets.erase(gone); }, sent_bytes);
    open_sockets[ordinal] = opened;
    opened->Accept(std::move(upgrade), request, answer.headers);
  }

  void Freeze() {
    {
      const std::lock_guard lock(freeze_mutex);
      if (frozen) return;
      frozen = true;
    }
    std::promise<void> standing;
    const bool own_thread = io.get_executor().running_in_this_thread();
    asio::post(io, [this, own_thread, &standing] {
      if (!own_thread) standing.set_value();
      StandStill();
    });
    if (!own_thread) standing.get_future().wait();
  }

  void StandStill() {
    std::unique_lock lock(freeze_mutex);
    while (frozen || !frozen_tasks.empty()) {
      woken.wait(lock, [this] { return !frozen || !frozen_tasks.empty(); });
      const auto tasks = std::exchange(frozen_tasks, {});
      lock.unlock();
      for (const auto& task : tasks) task();
      lock.lock();
    }
  }

  void Thaw() {
    const std::lock_guard lock(freeze_mutex);
    frozen = false;
    woken.notify_all();
  }

  const Handler handler;
  SocketListener* const listener;
  const HttpConnection::MoveOn move_on = [this](auto&&... socket) {
    OpenSocket(std::forward<decltype(socket)>(socket)...);
  };
  asio::io_context io{1};
  const asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  Tcp::socket holder{io};  // bound, never used: keeps the port while nobody listens on it
  Tcp::acceptor acceptor{io};
  Tcp::endpoint endpoint;
  // Both touched on the io thread only, by ordinal.
  std::map<int, std::shared_ptr<HttpConnection>> open_connections;
  std::map<int, std::shared_ptr<WebSocket>> open_sockets;
  std::atomic<int> accepted = 0;
  std::atomic<uint64_t> sent_bytes = 0;

  std::mutex freeze_mutex;  // protects the two below
  bool frozen = false;
  std::vector<std::function<void()>> frozen_tasks;  // what the standing thread does nevertheless
  std::condition_variable woken;

  std::thread thread;  // runs `io`: all sockets and the handler
};

HttpServer::HttpServer(const std::string& address, uint16_t port, Handler handler, SocketListener* listener)
    : core_(std::make_unique<Core>(address, port, std::move(handler), listener)) {}

HttpServer::~HttpServer() = default;

uint16_t HttpServer::port() const {
  return core_->endpoint.port();
}
int HttpServer::connection_count() const {
  return core_->accepted;
}

uint64_t HttpServer::sent_bytes() const {
  return core_->sent_bytes;
}

std::chrono::nanoseconds HttpServer::cpu() const {
  clockid_t clock{};
  timespec time{};
  pthread_getcpuclockid(core_->thread.native_handle(), &clock);
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void HttpServer::StopListening(const std::function<void()>& with) {
  core_->Run([&] {
    error_code ignored;  // closing twice is fine
    core_->acceptor.close(ignored);
    core_->DropConnections(/*only_hung=*/false);
    with();
  });
  core_->Thaw();
}

void HttpServer::Listen() {
  core_->Run([this] { core_->Listen(); });
}

void HttpServer::DropConnections(const std::function<void()>& with) {
  core_->Run([&] {
    core_->DropConnections(/*only_hung=*/false);
    with();
  });
  core_->Thaw();
}

void HttpServer::DropHungConnections() {
  asio::post(core_->io, [core = core_.get()] { core->DropConnections(/*only_hung=*/true); });
}

void HttpServer::Run(const std::function<void()>& task) {
  core_->Run(task);
}

void HttpServer::Post(std::function<void()> task) {
  asio::post(core_->io, std::move(task));
}

void HttpServer::Freeze() {
  core_->Freeze();
}
void HttpServer::Thaw() {
  core_->Thaw();
}

}  // namespace fakes
