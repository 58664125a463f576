#include "raft/stream_bridge.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/ensure.h"
#include "base/log.h"

namespace drover::raft {

static const log::logger logger("raft.transport");

// What a transport delivered: an accepted connection (connect_number 0) or the end of a connect.
struct stream_bridge::outcome {
  uint64_t connect_number = 0;
  uint64_t id = 0;
  std::string address;
  result<connection> socket;
};

// Outlives the bridge for as long as a transport holds a callback.
struct stream_bridge::mailbox {
  std::mutex mutex;
  std::vector<outcome> arrived;
  bool open = true;
  std::function<void()> wake;

  void put(outcome o) {
    std::function<void()> notify;
    {
      std::lock_guard lock(mutex);
      if (open) {
        arrived.push_back(std::move(o));
        notify = wake;
      } else if (o.socket) {
        ::close(o.socket->fd);
      }
    }
    if (notify) notify();
  }
};

stream_bridge::stream_bridge(std::unique_ptr<transport> t, std::function<void()> wake)
    : transport_(t != nullptr ? std::move(t) : make_no_transport()), mailbox_(std::make_shared<mailbox>()) {
  mailbox_->wake = std::move(wake);
}

stream_bridge::~stream_bridge() { stop(); }

result<> stream_bridge::start(uv_loop_t* loop, uint64_t id, const std::string& address) {
  loop_ = loop;
  return transport_->start(id, address,
                           [box = mailbox_](uint64_t from, std::string from_address, connection c) { box->put({0, from, std::move(from_address), c}); });
}

void stream_bridge::attach(raft_uv_transport* out) {
  ENSURE(attached_ == nullptr, "two libraft instances on one transport");
  *out = {};
  out->impl = this;
  out->init = &stream_bridge::init;
  out->listen = &stream_bridge::listen;
  out->connect = &stream_bridge::connect;
  out->close = &stream_bridge::close;
  attached_ = out;
}

int stream_bridge::init(raft_uv_transport*, raft_id, const char*) { return 0; }

int stream_bridge::listen(raft_uv_transport* t, raft_uv_accept_cb cb) {
  static_cast<stream_bridge*>(t->impl)->accept_ = cb;
  return 0;
}

int stream_bridge::connect(raft_uv_transport* t, raft_uv_connect* req, raft_id id, const char* address, raft_uv_connect_cb cb) {
  auto& self = *static_cast<stream_bridge*>(t->impl);
  uint64_t number = self.next_connect_++;
  self.connecting_[number] = {req, cb};
  self.transport_->connect(id, address, [box = self.mailbox_, number, id](result<connection> c) { box->put({number, id, {}, std::move(c)}); });
  return 0;
}

void stream_bridge::close(raft_uv_transport* t, raft_uv_transport_close_cb cb) {
  auto& self = *static_cast<stream_bridge*>(t->impl);
  self.accept_ = nullptr;
  auto pending = std::move(self.connecting_);
  self.connecting_.clear();
  for (auto& [number, waiting] : pending) waiting.second(waiting.first, nullptr, RAFT_CANCELED);
  // libraft expects the callback later, not from within this call.
  self.closed_ = cb;
  std::lock_guard lock(self.mailbox_->mutex);
  if (self.mailbox_->wake) self.mailbox_->wake();
}

void stream_bridge::finish_close() {
  raft_uv_transport* t = attached_;
  raft_uv_transport_close_cb done = closed_;
  attached_ = nullptr;
  closed_ = nullptr;
  done(t);
}

uv_stream_t* stream_bridge::open_stream(int fd) {
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size);
  // libraft frees it with raft_free().
  uv_stream_t* stream = nullptr;
  int status = 0;
  if (local.ss_family == AF_UNIX) {
    auto* pipe = static_cast<uv_pipe_t*>(raft_malloc(sizeof(uv_pipe_t)));
    uv_pipe_init(loop_, pipe, 0);
    status = uv_pipe_open(pipe, fd);
    stream = reinterpret_cast<uv_stream_t*>(pipe);
  } else {
    auto* tcp = static_cast<uv_tcp_t*>(raft_malloc(sizeof(uv_tcp_t)));
    uv_tcp_init(loop_, tcp);
    status = uv_tcp_open(tcp, fd);
    uv_tcp_nodelay(tcp, 1);
    stream = reinterpret_cast<uv_stream_t*>(tcp);
  }
  if (status == 0) return stream;
  logger.warn("cannot use a connection", {{"error", uv_strerror(status)}});
  ::close(fd);
  uv_close(reinterpret_cast<uv_handle_t*>(stream), [](uv_handle_t* handle) { raft_free(handle); });
  return nullptr;
}

void stream_bridge::deliver() {
  std::vector<outcome> arrived;
  {
    std::lock_guard lock(mailbox_->mutex);
    arrived.swap(mailbox_->arrived);
  }
  for (outcome& o : arrived) {
    if (o.connect_number == 0) {
      if (accept_ == nullptr) {
        ::close(o.socket->fd);
      } else if (uv_stream_t* stream = open_stream(o.socket->fd)) {
        accept_(attached_, o.id, o.address.c_str(), stream);
      }
      continue;
    }
    auto waiting = connecting_.find(o.connect_number);
    if (waiting == connecting_.end()) {
      if (o.socket) ::close(o.socket->fd);
      continue;
    }
    auto [req, callback] = waiting->second;
    connecting_.erase(waiting);
    uv_stream_t* stream = o.socket ? open_stream(o.socket->fd) : nullptr;
    callback(req, stream, stream != nullptr ? 0 : RAFT_NOCONNECTION);
  }
  if (closed_ != nullptr) finish_close();
}

void stream_bridge::stop() {
  if (transport_ == nullptr) return;
  transport_->stop();
  transport_.reset();
  std::lock_guard lock(mailbox_->mutex);
  mailbox_->open = false;
  mailbox_->wake = nullptr;
  for (outcome& o : mailbox_->arrived) {
    if (o.socket) ::close(o.socket->fd);
  }
  mailbox_->arrived.clear();
}

}  // namespace drover::raft
