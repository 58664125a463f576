#include "server/deployments.h"

#include <algorithm>

#include "codec/compare.h"
#include "server/evals.h"
#include "server/replicator.h"

namespace drover::server {
namespace {

bool all_healthy(const schema::deployment_state& group) { return group.healthy_allocs >= group.desired_total; }

bool ready_to_promote(const schema::deployment& deployment, const std::vector<schema::ref<schema::allocation>>& allocs) {
  bool any = false;
  for (const auto& [name, group] : deployment.task_groups) {
    if (group.desired_canaries == 0 || group.promoted) continue;
    if (!group.auto_promote) return false;
    any = true;
    int64_t healthy = std::ranges::count_if(allocs, [&](const auto& a) {
      return a->task_group == name && a->deployment_status && a->deployment_status->canary && a->deployment_status->healthy.value_or(false);
    });
    if (healthy < group.desired_canaries) return false;
  }
  return any;
}

// Else a verdict needs no allocations: a job of 100,000 is not gathered for each that becomes healthy.
bool promotes_itself(const schema::deployment& deployment) {
  return std::ranges::any_of(deployment.task_groups,
                             [](const auto& each) { return each.second.desired_canaries > 0 && !each.second.promoted && each.second.auto_promote; });
}

bool has_unhealthy(const schema::deployment& deployment) {
  return std::ranges::any_of(deployment.task_groups, [](const auto& each) { return each.second.unhealthy_allocs > 0; });
}

fsm::deployment_status_update_request status_update(const schema::deployment& deployment, std::string status, std::string description, int64_t now_ns) {
  fsm::deployment_status_update_request command;
  command.deployment_update.deployment_id = deployment.id;
  command.deployment_update.status = std::move(status);
  command.deployment_update.status_description = std::move(description);
  command.deployment_update.updated_at = now_ns;
  return command;
}

}  // namespace

bool is_active(const schema::deployment& deployment) {
  return deployment.status != "successful" && deployment.status != "failed" && deployment.status != "cancelled";
}

uint64_t health_count(const schema::deployment& deployment) {
  uint64_t count = 0;
  for (const auto& [name, group] : deployment.task_groups) count += static_cast<uint64_t>(group.healthy_allocs + group.unhealthy_allocs);
  return count;
}

deployment_judgement judge(const schema::deployment& deployment, const std::vector<schema::ref<schema::allocation>>& allocs, timestamp now,
                           uint64_t seen_health) {
  deployment_judgement out;
  if (deployment.status != "running") return out;
  for (const auto& [name, group] : deployment.task_groups) {
    // Without a progress deadline the first unhealthy allocation decides; with one, time does.
    if (group.progress_deadline.ns == 0 && group.unhealthy_allocs > 0) {
      out.what = deployment_judgement::fail_unhealthy;
      out.go_back = out.go_back || group.auto_revert;
    }
    if (group.progress_deadline.ns == 0 || group.require_progress_by.is_zero() || all_healthy(group)) continue;
    // Waiting for a person to promote is no lack of progress.
    if (group.desired_canaries > 0 && !group.promoted && group.healthy_allocs >= group.desired_canaries) continue;
    if (group.require_progress_by <= now) {
      if (out.what == deployment_judgement::nothing) out.what = deployment_judgement::fail_deadline;
      out.go_back = out.go_back || group.auto_revert;
    } else if (out.look_again.is_zero() || group.require_progress_by < out.look_again) {
      out.look_again = group.require_progress_by;
    }
  }
  if (out.what != deployment_judgement::nothing) return out;
  if (ready_to_promote(deployment, allocs)) out.what = deployment_judgement::promote;
  else if (health_count(deployment) != seen_health) out.what = deployment_judgement::evaluate;
  return out;
}

deployments::deployments(server_context& context) : context_(context), scope_(context.loop, log::logger("nomad.deployments")) { scope_.spawn(run()); }

void deployments::set_enabled(bool enabled) {
  enabled_ = enabled;
  dirty_.clear();
  evaluated_health_.clear();
  deadlines_.clear();
  by_deadline_.clear();
  if (!enabled) return;
  context_.state().visit_deployments("", [&](const schema::ref<schema::deployment>& deployment) {
    if (is_active(*deployment)) changed(deployment->id);
    return true;
  });
}

void deployments::changed(const std::string& deployment_id) {
  if (!enabled_ || deployment_id.empty()) return;
  dirty_.insert(deployment_id);
  changed_.set();
}

net::awaitable<void> deployments::run() {
  for (;;) {
    auto until = by_deadline_.empty() ? net::never : net::after(std::max(duration(0), by_deadline_.begin()->first - context_.clock.now()));
    co_await changed_.wait(until);
    changed_.reset();
    auto now = context_.clock.now();
    for (auto it = by_deadline_.begin(); it != by_deadline_.end() && it->first <= now; ++it) dirty_.insert(it->second);
    for (const auto& id : std::exchange(dirty_, {})) co_await look_at(id);
  }
}

void deployments::set_deadline(const std::string& id, timestamp when) {
  if (auto known = deadlines_.find(id); known != deadlines_.end()) {
    by_deadline_.erase({known->second, id});
    deadlines_.erase(known);
  }
  if (when.is_zero()) return;
  deadlines_[id] = when;
  by_deadline_.emplace(when, id);
}

net::awaitable<void> deployments::look_at(std::string id) {
  auto state = context_.state();
  auto deployment = state.deployment(id);
  set_deadline(id, {});
  if (!deployment || !is_active(*deployment)) {
    evaluated_health_.erase(id);
    co_return;
  }
  const auto allocs = promotes_itself(*deployment) ? state.allocs_by_deployment(id) : std::vector<schema::ref<schema::allocation>>();
  auto verdict = judge(*deployment, allocs, context_.clock.now(), evaluated_health_[id]);
  set_deadline(id, verdict.look_again);
  result<> done;
  switch (verdict.what) {
    case deployment_judgement::nothing: co_return;
    case deployment_judgement::evaluate: {
      evaluated_health_[id] = health_count(*deployment);
      auto update = next_step(*deployment, state);
      if (auto written = co_await context_.replicate->apply<fsm::command_type::alloc_update_desired_transition>(update); !written)
        done = drover::fail(written.error());
      break;
    }
    case deployment_judgement::promote: {
      schema::deployment_promote_request request;
      request.all = true;
      if (auto promoted = co_await promote(*deployment, std::move(request)); !promoted) done = drover::fail(promoted.error());
      break;
    }
    case deployment_judgement::fail_unhealthy:
    case deployment_judgement::fail_deadline: {
      auto why = verdict.what == deployment_judgement::fail_deadline ? "Failed due to progress deadline" : "Failed due to unhealthy allocations";
      if (auto failed = co_await fail_with(*deployment, why, verdict.go_back); !failed) done = drover::fail(failed.error());
      break;
    }
  }
  if (!done) context_.logger.warn("deployment could not be updated", {{"deployment_id", id}, {"error", done.error().text()}});
}

// An evaluation; and what is unhealthy may be replaced while the progress deadline has not passed.
schema::alloc_update_desired_transition_request deployments::next_step(const schema::deployment& deployment, const state::snapshot& state) {
  schema::alloc_update_desired_transition_request update;
  const auto allocs = has_unhealthy(deployment) ? state.allocs_by_deployment(deployment.id) : std::vector<schema::ref<schema::allocation>>();
  for (const auto& alloc : allocs) {
    bool unhealthy = alloc->deployment_status && !alloc->deployment_status->healthy.value_or(true);
    bool replaceable = alloc->desired_status == "run" && alloc->next_allocation.empty() && !alloc->desired_transition.reschedule.value_or(false);
    if (unhealthy && replaceable) update.allocs[alloc->id].reschedule = true;
  }
  if (auto eval = make_eval(deployment)) update.evals.push_back(std::move(eval));
  return update;
}

schema::ref<schema::evaluation> deployments::make_eval(const schema::deployment& deployment) {
  auto job = context_.state().job(deployment.namespace_, deployment.job_id);
  if (!job) return nullptr;
  auto eval = new_eval(context_, *job, "deployment-watcher");
  eval.deployment_id = deployment.id;
  eval.priority = deployment.eval_priority > 0 ? deployment.eval_priority : job->priority;
  return std::make_shared<const schema::evaluation>(std::move(eval));
}

deployments::rollback deployments::find_rollback(const schema::deployment& deployment) const {
  auto versions = context_.state().job_versions(deployment.namespace_, deployment.job_id);
  if (versions.empty()) return {nullptr, ""};
  const auto& current = versions.front();
  auto stable = std::ranges::find_if(versions, [&](const auto& v) { return v->stable && v->version < deployment.job_version; });
  if (stable == versions.end()) return {nullptr, " - no stable job version to auto revert to"};
  auto number = (*stable)->version;
  constexpr uint32_t bookkeeping = schema::diff_ignore;
  if (codec::equal(**stable, *current, bookkeeping))
    return {nullptr, fmt::format(" - not rolling back to stable job version {} as current job has same specification", number)};
  return {*stable, fmt::format(" - rolling back to job version {}", number)};
}

net::awaitable<result<schema::deployment_update_response>> deployments::fail_with(schema::deployment deployment, std::string description, bool go_back) {
  rollback back;
  if (go_back) back = find_rollback(deployment);
  auto command = status_update(deployment, "failed", description + back.suffix, context_.now_ns());
  command.job = back.job;
  command.eval = make_eval(deployment);
  schema::deployment_update_response out;
  CO_TRY_ASSIGN(out.deployment_modify_index, co_await context_.replicate->apply<fsm::command_type::deployment_status_update>(command));
  if (back.job) out.reverted_job_version = back.job->version;
  if (command.eval) out.eval_id = command.eval->id;
  out.index = out.eval_create_index = out.deployment_modify_index;
  co_return out;
}

net::awaitable<result<schema::deployment_update_response>> deployments::fail(const schema::deployment& deployment, std::string description) {
  bool go_back = std::ranges::any_of(deployment.task_groups, [](const auto& group) { return group.second.auto_revert; });
  return fail_with(deployment, std::move(description), go_back);
}

net::awaitable<result<schema::deployment_update_response>> deployments::pause(const schema::deployment& deployment, bool pause) {
  auto command = pause ? status_update(deployment, "paused", "Deployment is paused", context_.now_ns())
                       : status_update(deployment, "running", "Deployment is running", context_.now_ns());
  // A paused deployment waits; a resumed one goes on with an evaluation.
  if (!pause) command.eval = make_eval(deployment);
  schema::deployment_update_response out;
  CO_TRY_ASSIGN(out.deployment_modify_index, co_await context_.replicate->apply<fsm::command_type::deployment_status_update>(command));
  if (command.eval) out.eval_id = command.eval->id;
  out.index = out.eval_create_index = out.deployment_modify_index;
  co_return out;
}

net::awaitable<result<schema::deployment_update_response>> deployments::promote(const schema::deployment& deployment,
                                                                                schema::deployment_promote_request request) {
  fsm::deployment_promote_request command;
  static_cast<schema::deployment_promote_request&>(command) = std::move(request);
  command.deployment_id = deployment.id;
  command.promoted_at = context_.now_ns();
  command.auth_token.clear();
  command.eval = make_eval(deployment);
  schema::deployment_update_response out;
  CO_TRY_ASSIGN(out.deployment_modify_index, co_await context_.replicate->apply<fsm::command_type::deployment_promote>(command));
  if (command.eval) out.eval_id = command.eval->id;
  out.index = out.eval_create_index = out.deployment_modify_index;
  co_return out;
}

net::awaitable<result<schema::deployment_update_response>> deployments::set_health(const schema::deployment& deployment,
                                                                                   schema::deployment_alloc_health_request request) {
  fsm::deployment_alloc_health_request command;
  static_cast<schema::deployment_alloc_health_request&>(command) = std::move(request);
  command.auth_token.clear();
  command.timestamp = context_.clock.now();
  command.eval = make_eval(deployment);
  schema::deployment_update_response out;
  CO_TRY_ASSIGN(out.deployment_modify_index, co_await context_.replicate->apply<fsm::command_type::deployment_alloc_health>(command));
  if (command.eval) out.eval_id = command.eval->id;
  out.index = out.eval_create_index = out.deployment_modify_index;
  co_return out;
}

}  // namespace drover::server
