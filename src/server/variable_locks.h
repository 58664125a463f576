// The leader's watch over locked variables: a lock that its holder does not renew in time ends. From then on the holder may not renew it, and when
// its delay is over too, the variable is unlocked.
//
// A new leader gives every lock its full time again: a lock may be held longer than promised, never shorter.
// Loop thread only. Life: create, establish()/revoke() with the leadership, note() each change, co_await stop(), destroy.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "net/event.h"
#include "net/task_scope.h"
#include "server/context.h"

namespace drover::server {

class variable_locks {
 public:
  explicit variable_locks(server_context& context);

  void establish();
  void revoke();
  // A variable changed; either is null where there was or is none.
  void note(const state::sealed_variable* before, const state::sealed_variable* after);
  // Starts the lock's time anew. False: it has ended, or is not `lock_id`'s.
  bool renew(const std::string& ns, const std::string& path, const std::string& lock_id);
  net::awaitable<void> stop() { co_await scope_.stop(); }
  size_t held() const { return held_.size(); }

 private:
  using key = std::pair<std::string, std::string>;  // namespace, path
  struct holding {
    schema::variable_lock lock;
    net::time_point ends;
    bool expired = false;  // only the delay is left
  };
  void hold(const state::sealed_variable& v);
  net::awaitable<void> watch();
  net::awaitable<void> release(key of, std::string lock_id);
  net::time_point next_end() const;

  server_context& context_;
  std::map<key, holding> held_;
  net::event changed_;
  net::task_scope scope_;
};

}  // namespace drover::server
