// libraft's side of a transport: hands the sockets that raft::transport delivers to libraft as libuv streams on the
// raft loop.
//
// Threads: transport callbacks may come from any thread; they are passed to the raft loop. Everything else on the raft
// thread. Lifecycle: start() once for the node's life, attach() for each libraft instance (libraft closes its side
// itself), stop() at the end.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "raft/libraft.h"
#include "raft/transport.h"

namespace drover::raft {

class stream_bridge {
 public:
  // `wake` makes the raft loop call deliver(); callable from any thread.
  stream_bridge(std::unique_ptr<transport> t, std::function<void()> wake);
  ~stream_bridge();

  result<> start(uv_loop_t* loop, uint64_t id, const std::string& address);
  // Fills libraft's structure. Requires: no instance is attached.
  void attach(raft_uv_transport* out);
  // For an instance that never got as far as closing the transport.
  void detach() { attached_ = nullptr; }
  // Hands over what transports delivered since the last call.
  void deliver();
  void stop();

 private:
  struct outcome;
  struct mailbox;
  static int init(raft_uv_transport* t, raft_id id, const char* address);
  static int listen(raft_uv_transport* t, raft_uv_accept_cb cb);
  static int connect(raft_uv_transport* t, raft_uv_connect* req, raft_id id, const char* address, raft_uv_connect_cb cb);
  static void close(raft_uv_transport* t, raft_uv_transport_close_cb cb);
  // Null if the socket cannot be used; it is closed then.
  uv_stream_t* open_stream(int fd);
  void finish_close();

  std::unique_ptr<transport> transport_;
  std::shared_ptr<mailbox> mailbox_;
  uv_loop_t* loop_ = nullptr;
  raft_uv_transport* attached_ = nullptr;
  raft_uv_accept_cb accept_ = nullptr;
  raft_uv_transport_close_cb closed_ = nullptr;
  // Connects that libraft waits for, by a number that the transport's answer carries.
  std::map<uint64_t, std::pair<raft_uv_connect*, raft_uv_connect_cb>> connecting_;
  uint64_t next_connect_ = 1;
};

}  // namespace drover::raft
