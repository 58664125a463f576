// The leader's care for running deployments: the next batch when allocations become healthy, promotion, the progress deadline, failure and
// going back to the last stable version. Loop thread only.
//
// judge() is pure: it looks at one deployment in one state and says what should be done now and when to look again.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "fsm/commands.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "schema/alloc_rpc.h"
#include "server/context.h"

namespace drover::server {

// Running, paused, pending, blocked, initializing: anything that may still change.
bool is_active(const schema::deployment& deployment);

struct deployment_judgement {
  enum action { nothing, evaluate, promote, fail_unhealthy, fail_deadline } what = nothing;
  // Zero: only a change of state makes another look worthwhile.
  timestamp look_again;
  bool go_back = false;  // with a failure: auto_revert is on for a group that failed
};
// `seen` is the modify index of the deployment's state that was last evaluated.
deployment_judgement judge(const schema::deployment& deployment, const std::vector<schema::ref<schema::allocation>>& allocs, timestamp now,
                           uint64_t seen_health);

// How many allocations of a deployment have been found healthy or unhealthy: it only grows while the deployment runs.
uint64_t health_count(const schema::deployment& deployment);

class deployments {
 public:
  explicit deployments(server_context& context);

  void set_enabled(bool enabled);
  // The state machine changed this deployment or the health of one of its allocations.
  void changed(const std::string& deployment_id);

  net::awaitable<result<schema::deployment_update_response>> fail(const schema::deployment& deployment, std::string description);
  net::awaitable<result<schema::deployment_update_response>> pause(const schema::deployment& deployment, bool pause);
  net::awaitable<result<schema::deployment_update_response>> promote(const schema::deployment& deployment, schema::deployment_promote_request request);
  net::awaitable<result<schema::deployment_update_response>> set_health(const schema::deployment& deployment, schema::deployment_alloc_health_request request);
  net::awaitable<void> stop() { co_await scope_.stop(); }

 private:
  struct rollback {
    schema::ref<schema::job> job;
    std::string suffix;  // behind the description of the failure
  };
  rollback find_rollback(const schema::deployment& deployment) const;
  schema::alloc_update_desired_transition_request next_step(const schema::deployment& deployment, const state::snapshot& state);
  schema::ref<schema::evaluation> make_eval(const schema::deployment& deployment);
  net::awaitable<result<schema::deployment_update_response>> fail_with(schema::deployment deployment, std::string description, bool go_back);
  net::awaitable<void> look_at(std::string id);
  // Zero: none.
  void set_deadline(const std::string& id, timestamp when);
  net::awaitable<void> run();

  server_context& context_;
  bool enabled_ = false;
  std::set<std::string> dirty_;
  std::map<std::string, uint64_t> evaluated_health_;
  // When each is looked at again, and the same in the order of time.
  std::map<std::string, timestamp> deadlines_;
  std::set<std::pair<timestamp, std::string>> by_deadline_;
  net::event changed_;
  net::task_scope scope_;
};

}  // namespace drover::server
