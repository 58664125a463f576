#include "server/drainer.h"

#include <algorithm>
#include <map>

#include "fsm/commands.h"
#include "server/evals.h"
#include "server/replicator.h"

namespace drover::server {

using schema::ref;

namespace {

bool client_is_done(const schema::allocation& alloc) {
  return alloc.client_status == "complete" || alloc.client_status == "failed" || alloc.client_status == "lost";
}
bool is_over(const schema::allocation& alloc) { return client_is_done(alloc) || alloc.desired_status != "run"; }
bool is_told(const schema::allocation& alloc) { return alloc.desired_transition.migrate.value_or(false); }
bool runs_everywhere(const schema::allocation& alloc) { return alloc.job->type == "system" || alloc.job->type == "sysbatch"; }

using group_key = std::tuple<std::string, std::string, std::string>;  // namespace, job, group

class step_maker {
 public:
  step_maker(const state::snapshot& state, const std::set<std::string>& draining, timestamp now) : state_(state), draining_(draining), now_(now) {}

  drain_step make() {
    for (const auto& id : draining_) look_at(id);
    for (const auto& [key, allocs] : waiting_) move_some(key, allocs);
    return std::move(step_);
  }

 private:
  void look_at(const std::string& id) {
    auto node = state_.node(id);
    if (!node || !node->drain_strategy) return;
    const auto& strategy = *node->drain_strategy;
    bool has_deadline = !strategy.force_deadline.is_zero() && strategy.force_deadline.ns > 0;
    bool forced = strategy.deadline.ns < 0 || (has_deadline && strategy.force_deadline <= now_);
    std::vector<ref<schema::allocation>> everywhere;
    size_t left = 0;
    state_.visit_allocs_by_node(id, [&](const ref<schema::allocation>& alloc) {
      if (client_is_done(*alloc) || !alloc->job) return true;
      if (runs_everywhere(*alloc) && strategy.ignore_system_jobs) return true;
      if (alloc->job->type == "system") {
        everywhere.push_back(alloc);
        return true;
      }
      ++left;
      if (is_over(*alloc) || is_told(*alloc)) return true;
      if (forced) tell(*alloc);
      else if (alloc->job->type == "service") waiting_[{alloc->namespace_, alloc->job_id, alloc->task_group}].push_back(alloc);
      return true;
    });
    // System jobs serve the others (logs, proxies): they go when nobody needs them any more.
    if (left == 0 || forced)
      for (const auto& alloc : everywhere)
        if (!is_over(*alloc) && !is_told(*alloc)) tell(*alloc);
    if (left == 0 && everywhere.empty()) step_.done.push_back(id);
    else if (has_deadline && !forced && (step_.look_again.is_zero() || strategy.force_deadline < step_.look_again)) step_.look_again = strategy.force_deadline;
  }

  void tell(const schema::allocation& alloc) {
    step_.migrate.push_back(alloc.id);
    step_.jobs.emplace(alloc.namespace_, alloc.job_id);
  }

  // As many as leave count - max_parallel healthy ones behind.
  void move_some(const group_key& key, const std::vector<ref<schema::allocation>>& drainable) {
    const auto& [ns, job_id, name] = key;
    auto job = state_.job(ns, job_id);
    if (!job) return;
    auto group = std::ranges::find(job->task_groups, name, &schema::task_group::name);
    if (group == job->task_groups.end()) return;
    int64_t healthy = 0;
    for (const auto& alloc : state_.allocs_by_job(ns, job_id))
      // One that has been told to go is as good as gone, although its replacement is not placed yet.
      if (alloc->task_group == name && !is_over(*alloc) && !is_told(*alloc) && alloc->deployment_status && alloc->deployment_status->healthy.value_or(false))
        ++healthy;
    int64_t parallel = group->migrate ? group->migrate->max_parallel.value_or(1) : 1;
    auto count = std::min<int64_t>(healthy - (group->count - parallel), static_cast<int64_t>(drainable.size()));
    for (int64_t i = 0; i < count; ++i) tell(*drainable[static_cast<size_t>(i)]);
  }

  const state::snapshot& state_;
  const std::set<std::string>& draining_;
  timestamp now_;
  std::map<group_key, std::vector<ref<schema::allocation>>> waiting_;
  drain_step step_;
};

}  // namespace

drain_step next_drain_step(const state::snapshot& state, const std::set<std::string>& draining_nodes, timestamp now) {
  return step_maker(state, draining_nodes, now).make();
}

drainer::drainer(server_context& context) : context_(context), scope_(context.loop, log::logger("nomad.drain")) { scope_.spawn(run()); }

void drainer::set_enabled(bool enabled) {
  nodes_.clear();
  look_again_ = {};
  if (!enabled) return;
  context_.state().visit_nodes("", [&](const ref<schema::node>& node) {
    if (node->drain_strategy) nodes_.insert(node->id);
    return true;
  });
  changed_.set();
}

void drainer::node_changed(const std::string& node_id) {
  auto node = context_.state().node(node_id);
  if (node && node->drain_strategy) nodes_.insert(node_id);
  else if (nodes_.erase(node_id) == 0) return;
  changed_.set();
}

net::awaitable<void> drainer::run() {
  for (;;) {
    auto until = look_again_.is_zero() ? net::never : net::after(std::max(duration(0), look_again_ - context_.clock.now()));
    co_await changed_.wait(until);
    changed_.reset();
    if (nodes_.empty()) {
      look_again_ = {};
      continue;
    }
    auto step = next_drain_step(context_.state(), nodes_, context_.clock.now());
    look_again_ = step.look_again;
    auto done = co_await carry_out(std::move(step));
    if (done) continue;
    logger_.warn("a drain could not go on", {{"error", done.error().text()}});
    look_again_ = context_.clock.now() + seconds(1);
  }
}

net::awaitable<result<>> drainer::carry_out(drain_step step) {
  if (!step.migrate.empty()) {
    schema::alloc_update_desired_transition_request update;
    for (const auto& id : step.migrate) update.allocs[id].migrate = true;
    auto state = context_.state();
    for (const auto& [ns, id] : step.jobs)
      if (auto job = state.job(ns, id)) update.evals.push_back(std::make_shared<const schema::evaluation>(new_eval(context_, *job, "node-drain")));
    CO_TRY(co_await context_.replicate->apply<fsm::command_type::alloc_update_desired_transition>(update));
  }
  if (!step.done.empty()) co_return co_await finish(step.done);
  co_return result<>{};
}

net::awaitable<result<>> drainer::finish(const std::vector<std::string>& nodes) {
  fsm::batch_node_update_drain_request update;
  update.updated_at = context_.now_ns();
  for (const auto& id : nodes) {
    logger_.info("node drain complete", {{"node_id", id}});
    update.updates[id] = {};
    schema::node_event event;
    event.subsystem = "Drain";
    event.message = "Node drain complete";
    event.timestamp = context_.clock.now();
    update.node_events[id] = std::move(event);
  }
  CO_TRY(co_await context_.replicate->apply<fsm::command_type::batch_node_update_drain>(update));
  co_return result<>{};
}

}  // namespace drover::server
