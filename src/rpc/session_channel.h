// A channel over one yamux session. Keeps a few streams open between calls; every call has a stream to itself while it is under way.
// Loop thread only. May outlive its session: then every call fails with errc::closed.
#pragma once

#include <memory>
#include <vector>

#include "rpc/channel.h"
#include "rpc/yamux.h"

namespace drover::rpc {

class session_channel : public channel {
 public:
  explicit session_channel(const std::shared_ptr<yamux_session>& session) : session_(session) {}

  awaitable<result<>> call(std::string method, schema::record_view request, schema::record_slot response) override;
  awaitable<result<std::unique_ptr<message_stream>>> open(std::string method, schema::record_view request) override;
  bool is_open() const override;

  // To be called when the session has ended.
  void session_ended() { idle_.clear(); }
  size_t idle_streams() const { return idle_.size(); }
  size_t calls_under_way() const { return under_way_; }
  // When the last call ended, or the channel was made.
  net::time_point last_used() const { return last_used_; }

 private:
  struct lease;
  awaitable<result<std::unique_ptr<yamux_stream>>> open_stream();
  std::unique_ptr<yamux_stream> take_idle();
  void give_back(std::unique_ptr<yamux_stream> stream);

  std::weak_ptr<yamux_session> session_;
  std::vector<std::unique_ptr<yamux_stream>> idle_;
  uint64_t last_seq_ = 0;
  size_t under_way_ = 0;
  net::time_point last_used_ = net::now();
};

}  // namespace drover::rpc
