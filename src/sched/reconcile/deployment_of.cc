#include "sched/reconcile/deployment_of.h"

#include <utility>

namespace drover::sched {

bool is_active(const schema::deployment& d) {
  return d.status == "running" || d.status == "paused" || d.status == "pending" || d.status == "blocked" || d.status == "unblocking" ||
         d.status == "initializing";
}

deployment_choice choose_deployment(const job_facts& facts, timestamp now) {
  deployment_choice out;
  const auto* job = facts.job.get();
  const auto* latest = facts.deployment.get();
  if (latest == nullptr) return out;
  auto cancel = [&](std::string why) {
    if (is_active(*latest)) out.updates.push_back({latest->id, "cancelled", std::move(why), now.ns});
  };
  if (job == nullptr || job->stop) {
    cancel("Cancelled because job is stopped");
  } else if (latest->job_version != job->version || latest->job_create_index != job->create_index) {
    if (latest->job_create_index == job->create_index) out.earlier = latest;
    cancel("Cancelled due to newer version of job");
  } else if (latest->status == "successful" || latest->status == "cancelled") {
    out.had_one = true;
  } else {
    out.current = latest;
    if (is_active(*latest)) out.active = latest->id;
  }
  return out;
}

std::shared_ptr<schema::deployment> fresh_deployment(const schema::job& job, const schema::evaluation& eval, std::string id, timestamp now) {
  auto made = std::make_shared<schema::deployment>();
  made->id = std::move(id);
  made->namespace_ = job.namespace_;
  made->job_id = job.id;
  made->job_version = job.version;
  made->job_modify_index = job.modify_index;
  made->job_spec_modify_index = job.job_modify_index;
  made->job_create_index = job.create_index;
  made->is_multiregion = job.multiregion.has_value();
  made->status = "running";
  made->status_description = "Deployment is running";
  made->eval_priority = eval.priority;
  made->create_time = made->modify_time = now.ns;
  return made;
}

schema::deployment_status_update success_of(const schema::deployment& d, timestamp now) {
  return {d.id, "successful", "Deployment completed successfully", now.ns};
}

void set_rules(schema::deployment_state& state, const schema::update_strategy& update) {
  state.auto_revert = update.auto_revert.value_or(false);
  state.auto_promote = update.auto_promote.value_or(false);
  state.progress_deadline = update.progress_deadline.value_or(duration{});
}

std::string describe_running(const schema::deployment& d) {
  bool canaries = false;
  bool by_hand = false;
  for (const auto& [name, state] : d.task_groups) {
    if (state.desired_canaries == 0 || state.promoted) continue;
    canaries = true;
    by_hand = by_hand || !state.auto_promote;
  }
  if (!canaries) return "Deployment is running";
  return by_hand ? "Deployment is running but requires manual promotion" : "Deployment is running pending automatic promotion";
}

}  // namespace drover::sched
