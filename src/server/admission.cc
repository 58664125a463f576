#include "server/admission.h"

#include <algorithm>

#include "jobspec/canonical.h"
#include "jobspec/validate.h"
#include "server/dependency_graph.h"
#include "server/implied_constraints.h"
#include "server/namespace_rules.h"

namespace drover::server {

void strip_server_fields(schema::job& job) {
  job.status.clear();
  job.status_description.clear();
  job.stable = false;
  job.version = 0;
  job.create_index = job.modify_index = job.job_modify_index = 0;
  job.submit_time = 0;
  job.stop = false;
  job.version_tag.reset();
  job.nomad_token_id.clear();
}

bool runs_itself(const schema::job& job) {
  bool periodic_parent = job.periodic && job.periodic->enabled && job.parent_id.empty();
  bool parameterized_parent = job.parameterized_job && !job.dispatched;
  return !periodic_parent && !parameterized_parent;
}

result<admitted_job> admit(schema::job submitted, std::string_view request_namespace, const state::snapshot& state, const server_options& options) {
  admitted_job out{std::move(submitted), {}};
  auto& job = out.job;
  strip_server_fields(job);
  if (job.namespace_.empty()) job.namespace_ = request_namespace;
  // As Nomad's clients send what is not set.
  if (job.priority == 0) job.priority = options.job_default_priority;
  auto ns = state.namespace_named(job.namespace_);
  if (ns && job.node_pool.empty()) job.node_pool = default_pool(*ns);
  jobspec::canonicalize(job);
  auto checked = jobspec::validate(job, {.priority_max = options.job_max_priority, .count_max = options.job_max_count});
  if (!job.region.empty() && job.region != options.region && job.region != "global")
    checked.errors.push_back(fmt::format("job asks for region \"{}\", but this is region \"{}\"", job.region, options.region));
  if (!checked.ok()) return fail(errc::invalid, "{}", jobspec::multi_error(checked.errors));
  if (!ns) return fail(errc::invalid, "job \"{}\" is in nonexistent namespace \"{}\"", job.id, job.namespace_);
  if (!state.node_pool(job.node_pool)) return fail(errc::invalid, "job \"{}\" is in nonexistent node pool \"{}\"", job.id, job.node_pool);
  TRY(check_dependency_cycles(job, state));
  TRY(check_namespace_rules(job, *ns));
  TRY(check_quota(job, *ns, state, options.region));
  job.region = options.region;
  add_implied_constraints(job, checked.warnings);
  out.warnings = std::move(checked.warnings);
  return out;
}

result<> check_index(const schema::job* existing, uint64_t expected) {
  constexpr std::string_view prefix = "Enforcing job modify index";
  if (existing == nullptr) {
    if (expected != 0) return fail(errc::invalid, "{} {}: job does not exist", prefix, expected);
  } else if (expected == 0) {
    return fail(errc::invalid, "{} 0: job already exists", prefix);
  } else if (existing->job_modify_index != expected) {
    return fail(errc::invalid, "{} {}: job exists with conflicting job modify index: {}", prefix, expected, existing->job_modify_index);
  }
  return {};
}

void preserve(schema::job& job, const schema::job& existing, bool counts, bool resources) {
  for (auto& group : job.task_groups) {
    auto before = std::ranges::find(existing.task_groups, group.name, &schema::task_group::name);
    if (before == existing.task_groups.end()) continue;
    if (counts) group.count = before->count;
    if (!resources) continue;
    for (auto& task : group.tasks)
      if (auto old = std::ranges::find(before->tasks, task.name, &schema::task::name); old != before->tasks.end()) task.resources = old->resources;
  }
}

}  // namespace drover::server
