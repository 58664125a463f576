// What clients report of their allocations, gathered: while one log entry is written the next one collects, so that a thousand reports cost a few
// writes and a single one costs no wait. Loop thread only.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/result.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "schema/alloc.h"
#include "schema/fwd.h"
#include "server/context.h"

namespace drover::server {

class alloc_updates {
 public:
  explicit alloc_updates(server_context& context);
  // Answers when the updates are stored.
  net::awaitable<result<uint64_t>> submit(std::vector<schema::ref<schema::allocation>> allocs);
  net::awaitable<void> stop() { co_await scope_.stop(); }

 private:
  // One entry of the log in the making; its submitters wait for it together.
  struct batch {
    std::vector<schema::ref<schema::allocation>> allocs;
    net::event done;
    result<uint64_t> outcome = 0;
  };
  net::awaitable<void> run();
  net::awaitable<result<uint64_t>> write(std::vector<schema::ref<schema::allocation>> allocs);

  server_context& context_;
  std::shared_ptr<batch> open_ = std::make_shared<batch>();
  net::event filled_;
  net::task_scope scope_;
};

}  // namespace drover::server
