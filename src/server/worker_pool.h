// The scheduling workers of a server: how many run, and which types of evaluations they take; both may be changed while they run.
//
// A worker that is one too many finishes what it holds and then takes nothing; it is used again when more are asked for.
// Loop thread only. Life: create, set(), start(), co_await stop(), destroy. Requires: context.broker is there from start() to stop().
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "schema/operator_rpc.h"
#include "server/context.h"
#include "server/worker.h"

namespace drover::server {

// errc::invalid with a sentence unless the machine has that many processors and every type is known and "_core", which is always done, among them.
result<> check_schedulers(int64_t count, const std::vector<std::string>& types);

class worker_pool {
 public:
  explicit worker_pool(server_context& context) : context_(context) {}

  // Requires: count is not negative, types are known ones.
  void set(int count, std::vector<std::string> types);
  void start();
  net::awaitable<void> stop();

  void note(const fsm::commit_event& event);
  bool holds(const std::string& eval_id, const std::string& token) const;
  int count() const { return count_; }
  const std::vector<std::string>& types() const { return types_; }
  // Those that take evaluations.
  std::vector<schema::agent_scheduler_worker_info> shown() const;

 private:
  server_context& context_;
  std::vector<std::unique_ptr<worker>> workers_;
  std::vector<std::string> types_;
  int count_ = 0;
  bool started_ = false;
};

}  // namespace drover::server
