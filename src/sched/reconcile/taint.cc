#include <algorithm>

#include "sched/reconcile/reconciler.h"
#include "schema/node.h"

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

bool is_lost(const node_view& view, const schema::allocation& alloc, const schema::task_group* group) {
  auto row = view.find(alloc.node_id);
  if (row == node_view::no_row) return true;
  const auto& status = view.node(row).status;
  if (status == "down") return true;
  if (status != "disconnected") return false;
  bool may_go_on = group != nullptr && ((group->disconnect && group->disconnect->lost_after.ns > 0) || group->max_client_disconnect);
  return !may_go_on;
}

}  // namespace drover::sched
