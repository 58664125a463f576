// Keeps this region's policies, roles, auth methods, binding rules, global tokens, quotas, namespaces and node pools as the authoritative region has
// them: its leader asks that region for their lists with blocking queries, fetches what changed, and writes it here. Tokens of this region alone are
// left as they are, and so is a namespace or a node pool that is deleted there and used here.
//
// Loop thread only. Life: start() once the server's methods can be called, stop() before the server's writes end. Does nothing in the authoritative
// region itself, with ACLs off, and without a replication token.
#pragma once

#include <map>
#include <string>

#include "net/task_scope.h"
#include "server/context.h"

namespace drover::server {

class acl_replication {
 public:
  explicit acl_replication(server_context& context) : context_(context), scope_(context.loop, context.logger) {}
  void start();
  net::awaitable<void> stop() { co_await scope_.stop(); }

 private:
  template <class Kind>
  net::awaitable<void> follow();
  template <class Kind>
  net::awaitable<result<uint64_t>> catch_up(uint64_t from, std::map<std::string, uint64_t>& seen);
  template <class Kind>
  net::awaitable<result<uint64_t>> catch_up_whole(uint64_t from);

  server_context& context_;
  net::task_scope scope_;
};

}  // namespace drover::server
