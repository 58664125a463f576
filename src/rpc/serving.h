// The callee's side of calls over bytes: reads requests, runs the methods of a table, writes the answers.
// Loop thread only. What is passed in must outlive the coroutines; they end when their stream does, or when their task is cancelled.
#pragma once

#include <memory>

#include "base/log.h"
#include "net/stream.h"
#include "rpc/channel.h"

namespace drover::rpc {

struct serving_stats {
  size_t streams = 0;
  uint64_t calls = 0;
  uint64_t garbage = 0;
};

// What all streams of one connection share.
struct serving {
  net::loop& loop;
  const method_table& table;
  log::logger logger;
  serving_stats& stats;
  call_context context;  // what handlers get

  mutable bool reported = false;
  // Calls and streaming calls whose handlers run, and when the last one ended.
  mutable size_t under_way = 0;
  mutable net::time_point last_used = net::now();

  // Logged once for each connection.
  void report_garbage(const error& what) const;
};

// First bytes of connections and streams.
enum class wire_kind : uint8_t { calls = 1, raft = 2, yamux_calls = 3, tls = 4, streaming_call = 5, yamux = 6 };

// A stream of a session: its first byte says which of the two below it is.
awaitable<void> serve_stream(std::shared_ptr<const serving> with, std::unique_ptr<net::byte_stream> stream);
// Calls, each answered as soon as it is done.
awaitable<void> serve_calls(std::shared_ptr<const serving> with, std::unique_ptr<net::byte_stream> stream);
awaitable<void> serve_streaming_call(std::shared_ptr<const serving> with, std::unique_ptr<net::byte_stream> stream);

}  // namespace drover::rpc
