// A channel within this process: calls go straight to the handlers of a method table, records pass as they are.
// Loop thread only. The table must outlive the channel and every call and stream through it.
#pragma once

#include "net/loop.h"
#include "net/task_scope.h"
#include "rpc/channel.h"

namespace drover::rpc {

class local_channel : public channel {
 public:
  // What handlers see of the caller is `as`.
  local_channel(net::loop& l, const method_table& table, call_context as = {});
  // Streams that still run are cancelled. Requires: stop() has ended, if any stream was opened.
  ~local_channel() override;

  awaitable<result<>> call(std::string method, schema::record_view request, schema::record_slot response) override;
  awaitable<result<std::unique_ptr<message_stream>>> open(std::string method, schema::record_view request) override;
  awaitable<void> stop();

 private:
  const method_table& table_;
  call_context as_;
  net::task_scope streams_;
};

// Two ends of one stream in memory; each direction holds a few messages and then waits. Used by local_channel and by tests.
struct stream_pair {
  std::unique_ptr<message_stream> first;
  std::unique_ptr<message_stream> second;
};
stream_pair make_stream_pair();

}  // namespace drover::rpc
