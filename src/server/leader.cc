#include "server/leader.h"

#include <algorithm>
#include <map>
#include <set>

#include "schema/node_rpc.h"
#include "schema/operator_rpc.h"
#include "server/blocked_evals.h"
#include "server/csi_volumes.h"
#include "server/deployments.h"
#include "server/drainer.h"
#include "server/eval_broker.h"
#include "server/gc.h"
#include "server/keyring.h"
#include "server/lost_nodes.h"
#include "server/periodic.h"
#include "server/plan_queue.h"
#include "server/replicator.h"
#include "server/variable_locks.h"
#include "server/wakeups.h"

namespace drover::server {

using schema::ref;

leader_duties::leader_duties(server_context& context) : context_(context), scope_(context.loop, context.logger) {
  context_.broker->on_failed = [this](ref<schema::evaluation> eval) { scope_.spawn(&leader_duties::fail_eval, this, std::move(eval)); };
  scope_.spawn(cancel_superseded());
  scope_.spawn(collect_regularly());
  scope_.spawn(retry_failed_plans());
}

void leader_duties::establish() {
  leading_ = true;
  context_.logger.info("cluster leadership acquired", {{"term", context_.leadership.term}});
  auto state = context_.store.current();
  context_.followed = state;
  context_.plans->set_enabled(true);
  context_.blocked->set_enabled(true);
  context_.wakeups->start_over();
  apply_scheduler_config(state);
  restore_evals(state);
  context_.lost->establish();
  context_.deployments->set_enabled(true);
  context_.periodic->set_enabled(true);
  context_.drainer->set_enabled(true);
  context_.keyring->establish();
  context_.variable_locks->establish();
  context_.csi->set_enabled(true);
  scope_.spawn(write_defaults());
}

void leader_duties::revoke() {
  leading_ = false;
  context_.logger.info("cluster leadership lost");
  context_.broker->set_enabled(false);
  context_.blocked->set_enabled(false);
  context_.plans->set_enabled(false);
  context_.lost->revoke();
  context_.deployments->set_enabled(false);
  context_.periodic->set_enabled(false);
  context_.drainer->set_enabled(false);
  context_.keyring->revoke();
  context_.variable_locks->revoke();
  context_.csi->set_enabled(false);
}

void leader_duties::apply_scheduler_config(const state::snapshot& state) {
  bool paused = state.scheduler_config()->pause_eval_broker;
  if (context_.broker->enabled() == !paused) return;
  context_.broker->set_enabled(!paused);
  context_.logger.info("eval broker status modified", {{"paused", paused}});
}

void leader_duties::restore_evals(const state::snapshot& state) {
  state.visit_evals("", [&](const ref<schema::evaluation>& eval) {
    if (eval->status == "pending") context_.broker->enqueue(eval);
    else if (eval->status == "blocked") context_.blocked->block(eval);
    return true;
  });
  // What was freed under an earlier leader, and whom that one had woken for it, nobody knows any more: all of them try again.
  context_.blocked->retry_all();
}

void leader_duties::note(const fsm::commit_event& event) {
  for (const auto& change : event.changes) {
    switch (change.table) {
      case state::table::evals:
        if (auto eval = change.after_as<state::table::evals>(); eval && eval->status == "pending") context_.broker->enqueue(eval);
        break;
      case state::table::nodes: note_node(change.before_as<state::table::nodes>().get(), change.after_as<state::table::nodes>().get()); break;
      case state::table::allocs: note_alloc(change.after_as<state::table::allocs>().get()); break;
      case state::table::deployments:
        if (auto deployment = change.after_as<state::table::deployments>()) context_.deployments->changed(deployment->id);
        break;
      case state::table::jobs: note_job(change.before_as<state::table::jobs>().get(), change.after_as<state::table::jobs>().get()); break;
      case state::table::variables:
        context_.variable_locks->note(change.before_as<state::table::variables>().get(), change.after_as<state::table::variables>().get());
        break;
      case state::table::csi_volumes: context_.csi->changed(); break;
      case state::table::scheduler_config: {
        bool was_enabled = context_.broker->enabled();
        apply_scheduler_config(event.state);
        if (!was_enabled) restore_evals(event.state);
        break;
      }
      default: break;
    }
  }
  context_.wakeups->note(event);
  if (context_.blocked->has_duplicates()) context_.broker->superseded_event().set();
}

void leader_duties::note_job(const schema::job* before, const schema::job* after) {
  const auto* job = after != nullptr ? after : before;
  // Only a new specification changes the schedule; the status changes with every launch.
  bool same = before != nullptr && after != nullptr && before->job_modify_index == after->job_modify_index;
  bool periodic = (before != nullptr && before->periodic) || (after != nullptr && after->periodic);
  if (periodic && !same) context_.periodic->changed(job->namespace_, job->id);
}

void leader_duties::note_node(const schema::node* before, const schema::node* after) {
  if ((before != nullptr && before->drain_strategy) || (after != nullptr && after->drain_strategy))
    context_.drainer->node_changed(after != nullptr ? after->id : before->id);
}

void leader_duties::note_alloc(const schema::allocation* after) {
  context_.drainer->alloc_changed();
  context_.csi->note_alloc(after);
  if (after != nullptr && !after->deployment_id.empty()) context_.deployments->changed(after->deployment_id);
}

// What a new cluster has from its first leader: an id and a scheduler configuration.
net::awaitable<void> leader_duties::write_defaults() {
  auto state = context_.store.current();
  if (state.cluster_id().empty()) {
    state::cluster_metadata metadata;
    metadata.cluster_id = context_.random.uuid();
    metadata.create_time = context_.now_ns();
    auto written = co_await context_.replicate->apply<fsm::command_type::cluster_metadata>(metadata);
    if (written) context_.logger.info("established cluster id", {{"cluster_id", metadata.cluster_id}, {"create_time", metadata.create_time}});
    else context_.logger.warn("the cluster id could not be written", {{"error", written.error().text()}});
  }
  if (state.index(state::table::scheduler_config) == 0) {
    schema::scheduler_set_config_request request;
    request.config = context_.options.default_scheduler_config;
    auto written = co_await context_.replicate->apply<fsm::command_type::scheduler_config>(request);
    if (!written) context_.logger.warn("the scheduler configuration could not be written", {{"error", written.error().text()}});
  }
}

// An evaluation that could not be processed again and again fails, and is tried once more after a while.
net::awaitable<void> leader_duties::fail_eval(ref<schema::evaluation> eval) {
  auto failed = std::make_shared<schema::evaluation>(*eval);
  failed->status = "failed";
  failed->status_description = fmt::format("evaluation reached delivery limit ({})", context_.options.eval_delivery_limit);
  auto follow_up = std::make_shared<schema::evaluation>(*eval);
  follow_up->id = context_.random.uuid();
  follow_up->triggered_by = "failed-follow-up";
  follow_up->status = "pending";
  follow_up->previous_eval = eval->id;
  auto least = context_.options.eval_failed_follow_up_min, most = context_.options.eval_failed_follow_up_max;
  follow_up->wait_until = context_.clock.now() + least + duration(static_cast<int64_t>(context_.random.below(static_cast<uint64_t>((most - least).ns) + 1)));
  follow_up->create_time = follow_up->modify_time = context_.now_ns();
  failed->next_eval = follow_up->id;
  failed->modify_time = context_.now_ns();
  schema::eval_update_request update;
  update.evals = {failed, follow_up};
  auto written = co_await context_.replicate->apply<fsm::command_type::eval_update>(update);
  if (!written) context_.logger.error("a failed evaluation could not be stored", {{"eval_id", eval->id}, {"error", written.error().text()}});
}

net::awaitable<void> leader_duties::cancel_superseded() {
  for (;;) {
    co_await context_.broker->superseded_event().wait();
    schema::eval_update_request update;
    auto evals = context_.broker->take_superseded();
    for (auto& duplicate : context_.blocked->take_duplicates()) evals.push_back(std::move(duplicate));
    for (const auto& eval : evals) {
      auto canceled = std::make_shared<schema::evaluation>(*eval);
      canceled->status = "canceled";
      canceled->status_description = eval->status == "blocked" ? fmt::format("existing blocked evaluation exists for job \"{}\"", eval->job_id)
                                                               : "canceled after more recent eval was processed";
      canceled->modify_time = context_.now_ns();
      update.evals.push_back(std::move(canceled));
    }
    if (update.evals.empty()) continue;
    auto written = co_await context_.replicate->apply<fsm::command_type::eval_update>(update);
    if (!written) context_.logger.warn("superseded evaluations could not be stored", {{"error", written.error().text()}});
  }
}

net::awaitable<result<>> leader_duties::collect_garbage(bool force) {
  if (force) CO_TRY(co_await context_.keyring->tend(true));
  auto what = find_garbage(context_.state(), context_.options.gc, context_.clock.now(), force);
  if (what.empty()) co_return result<>{};
  context_.logger.debug("collecting garbage", {{"evals", what.evals.size()},
                                               {"allocs", what.allocs.size()},
                                               {"jobs", what.jobs.size()},
                                               {"deployments", what.deployments.size()},
                                               {"nodes", what.nodes.size()}});
  co_return co_await collect(context_, std::move(what));
}

net::awaitable<void> leader_duties::collect_regularly() {
  for (;;) {
    co_await net::sleep_for(context_.options.gc.interval);
    if (!leading_) continue;
    if (auto done = co_await collect_garbage(false); !done) context_.logger.warn("garbage collection failed", {{"error", done.error().text()}});
  }
}

net::awaitable<void> leader_duties::retry_failed_plans() {
  for (;;) {
    co_await net::sleep_for(minutes(1));
    if (leading_) context_.blocked->unblock_failed();
  }
}

}  // namespace drover::server
