// What only the leader does: fill broker and blocked evaluations from the state, follow commits, notice lost nodes, collect garbage.
// Loop thread only.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "fsm/machine.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "server/context.h"

namespace drover::server {

class leader_duties {
 public:
  explicit leader_duties(server_context& context);

  void establish();
  void revoke();
  // A commit while this server leads.
  void note(const fsm::commit_event& event);
  // Runs the garbage collector now; with `force` whatever the age of things.
  net::awaitable<result<>> collect_garbage(bool force);
  net::awaitable<void> stop() { co_await scope_.stop(); }

 private:
  void restore_evals(const state::snapshot& state);
  void apply_scheduler_config(const state::snapshot& state);
  void note_job(const schema::job* before, const schema::job* after);
  void note_node(const schema::node* before, const schema::node* after);
  void note_alloc(const schema::allocation* after);
  net::awaitable<void> write_defaults();
  net::awaitable<void> fail_eval(schema::ref<schema::evaluation> eval);
  net::awaitable<void> cancel_superseded();
  net::awaitable<void> collect_regularly();
  net::awaitable<void> retry_failed_plans();

  server_context& context_;
  bool leading_ = false;
  net::task_scope scope_;
};

}  // namespace drover::server
