#include "server/endpoint/stubs.h"

namespace drover::server {

schema::job_list_stub job_stub(const schema::job& job, const schema::job_summary* summary, bool with_meta) {
  schema::job_list_stub stub;
  stub.id = job.id;
  stub.parent_id = job.parent_id;
  stub.name = job.name;
  stub.namespace_ = job.namespace_;
  stub.datacenters = job.datacenters;
  stub.node_pool = job.node_pool;
  stub.type = job.type;
  stub.priority = job.priority;
  stub.periodic = job.periodic.has_value();
  stub.parameterized_job = job.parameterized_job.has_value() && !job.dispatched;
  stub.stop = job.stop;
  stub.status = job.status;
  stub.status_description = job.status_description;
  if (summary != nullptr) stub.job_summary = *summary;
  stub.create_index = job.create_index;
  stub.modify_index = job.modify_index;
  stub.job_modify_index = job.job_modify_index;
  stub.submit_time = job.submit_time;
  if (with_meta) stub.meta = job.meta;
  return stub;
}

schema::ref<schema::job_list_stub> job_stubs::get(const state::snapshot& state, const schema::ref<schema::job>& job) {
  if (entries_.size() >= entries_max) entries_.clear();
  auto index = state.index(state::table::job_summaries);
  auto& known = entries_[job.get()];
  if (known.stub && known.checked_at == index) return known.stub;
  auto summary = state.job_summary(job->namespace_, job->id);
  if (!known.stub || known.summary != summary)
    known = {job, summary, std::make_shared<const schema::job_list_stub>(job_stub(*job, summary.get(), false)), index};
  known.checked_at = index;
  return known.stub;
}

schema::alloc_list_stub alloc_stub(const schema::allocation& alloc, bool with_resources, bool with_task_states) {
  schema::alloc_list_stub stub;
  stub.id = alloc.id;
  stub.eval_id = alloc.eval_id;
  stub.name = alloc.name;
  stub.namespace_ = alloc.namespace_;
  stub.node_id = alloc.node_id;
  stub.node_name = alloc.node_name;
  stub.job_id = alloc.job_id;
  if (alloc.job) {
    stub.job_type = alloc.job->type;
    stub.job_version = alloc.job->version;
  }
  stub.task_group = alloc.task_group;
  if (with_resources) stub.allocated_resources = alloc.allocated_resources;
  stub.desired_status = alloc.desired_status;
  stub.desired_description = alloc.desired_description;
  stub.desired_transition = alloc.desired_transition;
  stub.client_status = alloc.client_status;
  stub.client_description = alloc.client_description;
  if (with_task_states) stub.task_states = alloc.task_states;
  stub.deployment_status = alloc.deployment_status;
  stub.followup_eval_id = alloc.followup_eval_id;
  stub.next_allocation = alloc.next_allocation;
  stub.reschedule_tracker = alloc.reschedule_tracker;
  stub.preempted_allocations = alloc.preempted_allocations;
  stub.preempted_by_allocation = alloc.preempted_by_allocation;
  stub.create_index = alloc.create_index;
  stub.modify_index = alloc.modify_index;
  stub.create_time = alloc.create_time;
  stub.modify_time = alloc.modify_time;
  return stub;
}

schema::node_list_stub node_stub(const schema::node& node, bool with_resources, bool with_os) {
  schema::node_list_stub stub;
  stub.address = node.http_addr.substr(0, node.http_addr.rfind(':'));
  stub.id = node.id;
  stub.datacenter = node.datacenter;
  stub.name = node.name;
  stub.node_class = node.node_class;
  stub.node_pool = node.node_pool;
  if (auto it = node.attributes.find("nomad.version"); it != node.attributes.end()) stub.version = it->second;
  stub.drain = node.drain_strategy.has_value();
  stub.scheduling_eligibility = node.scheduling_eligibility;
  stub.status = node.status;
  stub.status_description = node.status_description;
  stub.drivers = node.drivers;
  stub.host_volumes = node.host_volumes;
  if (with_resources) {
    stub.node_resources = node.node_resources;
    stub.reserved_resources = node.reserved_resources;
  }
  if (with_os) {
    for (const char* key : {"os.name", "os.version"})
      if (auto it = node.attributes.find(key); it != node.attributes.end()) stub.attributes[key] = it->second;
  }
  stub.last_drain = node.last_drain;
  stub.create_index = node.create_index;
  stub.modify_index = node.modify_index;
  return stub;
}

schema::evaluation_stub eval_stub(const schema::evaluation& eval) {
  schema::evaluation_stub stub;
  stub.id = eval.id;
  stub.priority = eval.priority;
  stub.type = eval.type;
  stub.triggered_by = eval.triggered_by;
  stub.namespace_ = eval.namespace_;
  stub.job_id = eval.job_id;
  stub.node_id = eval.node_id;
  stub.deployment_id = eval.deployment_id;
  stub.status = eval.status;
  stub.status_description = eval.status_description;
  stub.wait_until = eval.wait_until;
  stub.next_eval = eval.next_eval;
  stub.previous_eval = eval.previous_eval;
  stub.blocked_eval = eval.blocked_eval;
  stub.create_index = eval.create_index;
  stub.modify_index = eval.modify_index;
  stub.create_time = eval.create_time;
  stub.modify_time = eval.modify_time;
  return stub;
}

}  // namespace drover::server
