#include "fsm/context.h"

#include <algorithm>

#include "codec/compare.h"

namespace drover::fsm {

bool is_client_terminal(const schema::allocation& a) {
  return a.client_status == word::complete || a.client_status == word::failed || a.client_status == word::lost;
}
bool is_terminal(const schema::allocation& a) { return a.desired_status == word::stop || a.desired_status == word::evict || is_client_terminal(a); }
bool is_terminal(const schema::evaluation& e) { return e.status == word::complete || e.status == word::failed || e.status == word::canceled; }
bool is_terminal(const schema::deployment& d) { return d.status == word::successful || d.status == word::failed || d.status == word::cancelled; }

std::string_view job_status(const state::snapshot& state, const schema::job& job, bool only_finished) {
  const bool runs_until_stopped = job.type == word::system || job.periodic.has_value() || (job.parameterized_job && !job.dispatched);
  if (runs_until_stopped) return job.stop ? word::dead : word::running;

  bool has_any = false;
  bool is_running = false;
  state::visit<table::allocs>(state, state::tree_id::allocs_by_job, state::within2(job.namespace_, job.id), [&](const auto& a) {
    has_any = true;
    is_running = !is_terminal(*a);
    return !is_running;
  });
  if (is_running) return word::running;

  bool is_pending = false;
  state::visit<table::evals>(state, state::tree_id::evals_by_job, state::within2(job.namespace_, job.id), [&](const auto& e) {
    has_any = true;
    is_pending = !is_terminal(*e);
    return !is_pending;
  });
  if (is_pending) return word::pending;
  return has_any || only_finished ? word::dead : word::pending;
}

schema::job_summary* context::edit_summary(const std::string& ns, const std::string& job_id) {
  auto [it, is_new] = summaries_.try_emplace({ns, job_id});
  if (is_new) {
    if (auto stored = state().job_summary(ns, job_id)) it->second = *stored;
  }
  return it->second ? &*it->second : nullptr;
}

schema::job_summary& context::make_summary(const schema::job& job) {
  if (auto* existing = edit_summary(job.namespace_, job.id)) return *existing;
  auto& made = summaries_[{job.namespace_, job.id}].emplace();
  made.job_id = job.id;
  made.namespace_ = job.namespace_;
  made.create_index = index();
  return made;
}

void context::drop_summary(const std::string& ns, const std::string& job_id) {
  summaries_[{ns, job_id}] = std::nullopt;
  erase<table::job_summaries>({ns, job_id, {}});
}

schema::deployment* context::edit_deployment(const std::string& id) {
  auto it = deployments_.find(id);
  if (it == deployments_.end()) {
    auto stored = state().deployment(id);
    if (!stored) return nullptr;
    it = deployments_.emplace(id, *stored).first;
  }
  return &it->second;
}

void context::touch_job(const std::string& ns, const std::string& id, bool only_finished) {
  auto& flag = touched_jobs_[{ns, id}];
  flag = flag || only_finished;
}

void context::has_status(const std::string& ns, const std::string& id) {
  const auto touched = touched_jobs_.find({ns, id});
  if (touched != touched_jobs_.end() && !touched->second) touched_jobs_.erase(touched);
}

result<> context::count_alloc(const schema::allocation& alloc, const schema::allocation* existing, int64_t times) {
  count_in_summary(alloc, existing, times);
  return count_in_deployment(alloc, existing, times);
}

namespace {

// Which count of a group's summary an allocation of this status is in. Null for none.
int64_t* bucket(schema::task_group_summary& s, std::string_view client_status) {
  if (client_status == word::pending) return &s.starting;
  if (client_status == word::running) return &s.running;
  if (client_status == word::complete) return &s.complete;
  if (client_status == word::failed) return &s.failed;
  if (client_status == word::lost) return &s.lost;
  if (client_status == word::unknown) return &s.unknown;
  return nullptr;
}

// Finished allocations stay counted where they ended, even when a client says something else later.
bool stays_counted(std::string_view client_status) { return client_status == word::complete || client_status == word::failed; }

}  // namespace

void context::count_in_summary(const schema::allocation& alloc, const schema::allocation* existing, int64_t times) {
  if (existing && existing->client_status == alloc.client_status) return;
  auto* summary = edit_summary(alloc.namespace_, alloc.job_id);
  // An allocation of an earlier job of the same name does not count for the new one.
  if (!summary || (alloc.job && alloc.job->create_index != summary->create_index)) return;
  auto group = summary->summary.find(alloc.task_group);
  if (group == summary->summary.end()) return;
  auto& counts = group->second;
  if (existing && !stays_counted(existing->client_status)) {
    if (auto* old = bucket(counts, existing->client_status); old && *old > 0) --*old;
  }
  if (auto* now = bucket(counts, alloc.client_status)) *now += times;
  if (!existing) counts.queued = std::max<int64_t>(0, counts.queued - times);
}

result<> context::count_in_deployment(const schema::allocation& alloc, const schema::allocation* existing, int64_t times) {
  if (alloc.deployment_id.empty()) return {};
  int64_t placed = 0;
  int healthy = 0, unhealthy = 0;
  if (!existing || existing->deployment_id != alloc.deployment_id) {
    placed = times;
  } else if (has_health(alloc) && !has_health(*existing)) {
    (*alloc.deployment_status->healthy ? healthy : unhealthy) = 1;
  } else if (has_health(alloc) && *existing->deployment_status->healthy && !*alloc.deployment_status->healthy) {
    healthy = -1;
    unhealthy = 1;
  }
  if (placed == 0 && healthy == 0 && unhealthy == 0) return {};

  auto* d = edit_deployment(alloc.deployment_id);
  if (!d) return {};  // collected already
  auto it = d->task_groups.find(alloc.task_group);
  if (it == d->task_groups.end()) {
    return fail(errc::invalid, "deployment {} has no group \"{}\", which allocation {} belongs to", d->id, alloc.task_group, alloc.id);
  }
  auto& s = it->second;
  d->modify_index = index();
  s.placed_allocs += placed;
  s.healthy_allocs += healthy;
  s.unhealthy_allocs += unhealthy;
  if (alloc.deployment_status && alloc.deployment_status->canary &&
      std::find(s.placed_canaries.begin(), s.placed_canaries.end(), alloc.id) == s.placed_canaries.end()) {
    s.placed_canaries.push_back(alloc.id);
  }
  if (s.progress_deadline.ns == 0) return {};
  if (placed > 0 && s.require_progress_by.is_zero()) {
    // The allocation's last change, not its creation: it may be older than the deployment, updated in place.
    s.require_progress_by = timestamp(alloc.modify_time) + s.progress_deadline;
  } else if (healthy > 0 && !alloc.deployment_status->timestamp.is_zero()) {
    s.require_progress_by = std::max(s.require_progress_by, alloc.deployment_status->timestamp + s.progress_deadline);
  }
  return {};
}

void context::count_child(const schema::job& job, std::string_view from, std::string_view to) {
  if (job.parent_id.empty() || from == to) return;
  auto* parent = edit_summary(job.namespace_, job.parent_id);
  if (!parent) return;
  auto& children = parent->children ? *parent->children : parent->children.emplace();
  auto count = [&](std::string_view status, int change) {
    if (status.empty()) return;
    auto& n = status == word::pending ? children.pending : status == word::running ? children.running : children.dead;
    n = std::max<int64_t>(0, n + change);
  };
  count(from, -1);
  count(to, 1);
}

void context::update_status(const job_key& key, bool only_finished) {
  auto stored = state().job(key.first, key.second);
  if (!stored) return;
  const auto status = job_status(state(), *stored, only_finished);
  if (status == stored->status) return;
  auto updated = *stored;
  updated.status = status;
  updated.modify_index = index();
  put<table::jobs>(std::move(updated));
  count_child(*stored, stored->status, status);
}

void context::finish() {
  for (auto& [id, d] : deployments_) put<table::deployments>(std::move(d));
  for (const auto& [key, only_finished] : touched_jobs_) update_status(key, only_finished);
  for (auto& [key, summary] : summaries_) {
    if (!summary) continue;
    auto stored = state().job_summary(key.first, key.second);
    summary->modify_index = stored ? stored->modify_index : index();
    if (stored && codec::equal(*stored, *summary)) continue;
    summary->modify_index = index();
    put<table::job_summaries>(std::move(*summary));
  }
}

}  // namespace drover::fsm
