#include "comfy/curl_loop.h"

#include <cassert>
#include <chrono>

namespace comfy {

namespace asio = boost::asio;

// A socket of libcurl's that is being watched. The descriptor borrows the file descriptor: libcurl opens and closes it.
struct CurlLoop::Socket {
  explicit Socket(asio::io_context& io, curl_socket_t fd) : descriptor(io, fd) {}
  asio::posix::stream_descriptor descriptor;
  int wanted = 0;   // CURL_POLL_IN, _OUT or both
  int waiting = 0;  // for which a wait is under way
};

CurlLoop::CurlLoop(asio::io_context& io) : io_(io), timer_(io), multi_(curl_multi_init()) {
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlLoop::OnSocket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlLoop::OnTimer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  // One kept-alive connection a backend; libcurl's own bound of four times the running transfers would close them.
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 10'000L);
}

CurlLoop::~CurlLoop() {
  timer_.cancel();
  curl_multi_cleanup(multi_);  // closes the kept connections, and takes its sockets back through OnSocket
  for (auto& [fd, socket] : sockets_) socket->descriptor.release();
}

void CurlLoop::Add(CURL* transfer, std::function<void(CURLcode)>& done) {
  curl_easy_setopt(transfer, CURLOPT_PRIVATE, &done);
  curl_multi_add_handle(multi_, transfer);
}

void CurlLoop::Remove(CURL* transfer) {
  curl_multi_remove_handle(multi_, transfer);
}

int CurlLoop::OnSocket(CURL*, curl_socket_t fd, int what, void* self, void*) {
  auto& loop = *static_cast<CurlLoop*>(self);
  const auto found = loop.sockets_.find(fd);
  if (what == CURL_POLL_REMOVE) {
    if (found == loop.sockets_.end()) return 0;
    found->second->wanted = 0;
    found->second->descriptor.release();  // before libcurl closes it and the number is used again
    loop.sockets_.erase(found);
    return 0;
  }
  if (found != loop.sockets_.end()) {
    loop.Watch(found->second, what);
  } else {
    loop.Watch(loop.sockets_.emplace(fd, std::make_shared<Socket>(loop.io_, fd)).first->second, what);
  }
  return 0;
}

void CurlLoop::Watch(const std::shared_ptr<Socket>& socket, int what) {
  socket->wanted = what;
  for (const int event : {CURL_POLL_IN, CURL_POLL_OUT}) {
    if ((socket->wanted & event) != 0 && (socket->waiting & event) == 0) Wait(socket, event);
  }
}

void CurlLoop::Wait(const std::shared_ptr<Socket>& socket, int event) {
  using Descriptor = asio::posix::stream_descriptor;
  socket->waiting |= event;
  socket->descriptor.async_wait(
      event == CURL_POLL_IN ? Descriptor::wait_read : Descriptor::wait_write,
      [this, socket, event](const boost::system::error_code& error) {
        socket->waiting &= ~event;
        if (error == asio::error::operation_aborted || (socket->wanted & event) == 0) return;
        Act(socket->descriptor.native_handle(),
            error ? CURL_CSELECT_ERR : (event == CURL_POLL_IN ? CURL_CSELECT_IN : CURL_CSELECT_OUT));
        if ((socket->wanted & event) != 0 && (socket->waiting & event) == 0) Wait(socket, event);
      });
}

int CurlLoop::OnTimer(CURLM*, long timeout_ms, void* self) {
  auto& loop = *static_cast<CurlLoop*>(self);
  if (timeout_ms < 0) {
    loop.timer_.cancel();
    return 0;
  }
  loop.timer_.expires_after(std::chrono::milliseconds(timeout_ms));
  loop.timer_.async_wait([&loop](const boost::system::error_code& error) {
    if (!error) loop.Act(CURL_SOCKET_TIMEOUT, 0);
  });
  return 0;
}

void CurlLoop::Act(curl_socket_t fd, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, fd, events, &running);
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    assert(message->msg == CURLMSG_DONE);
    CURL* const transfer = message->easy_handle;
    const CURLcode result = message->data.result;  // the message is gone with the next call
    std::function<void(CURLcode)>* done = nullptr;
    curl_easy_getinfo(transfer, CURLINFO_PRIVATE, &done);
    curl_multi_remove_handle(multi_, transfer);
    (*done)(result);
  }
}

}  // namespace comfy
