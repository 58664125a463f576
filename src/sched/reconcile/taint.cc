#include <algorithm>

#include "sched/reconcile/reconciler.h"

namespace drover::sched {

bool server_terminal(const schema::allocation& alloc) { return alloc.desired_status == "stop" || alloc.desired_status == "evict"; }

bool client_terminal(const schema::allocation& alloc) {
  return alloc.client_status == "complete" || alloc.client_status == "failed" || alloc.client_status == "lost";
}

const schema::task_group* find_group(const schema::job& job, std::string_view name) {
  auto it = std::ranges::find(job.task_groups, name, &schema::task_group::name);
  return it == job.task_groups.end() ? nullptr : &*it;
}

bool same_version(const schema::allocation& alloc, const schema::job& job) {
  if (alloc.job == nullptr) return true;  // it stands for the current one
  return alloc.job->version == job.version && alloc.job->create_index == job.create_index;
}

}  // namespace drover::sched
