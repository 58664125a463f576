// depends_on: what can be said of it without knowing the other jobs.
#include <algorithm>

#include "jobspec/limits.h"
#include "jobspec/validate_parts.h"

namespace drover::jobspec {
namespace {

problem_list check_dependency(const schema::job_dependency& dependency, const schema::job& job, const schema::task_group* group) {
  problem_list out;
  if (dependency.job.empty()) out.add("A job is needed, by its id");
  out.one_of("Condition", dependency.condition, {"healthy", "running", "complete"});
  if (has_nul(dependency.job) || has_nul(dependency.namespace_) || has_nul(dependency.group)) out.add("A null character is in a name");
  if (dependency.job != job.id || dependency.namespace_ != job.namespace_) return out;
  if (dependency.group.empty()) {
    out.add("The job cannot depend on itself; name another group of it");
  } else if (group != nullptr && group->name == dependency.group) {
    out.add("Group \"{}\" cannot depend on itself", group->name);
  } else if (std::ranges::find(job.task_groups, dependency.group, &schema::task_group::name) == job.task_groups.end()) {
    out.add("This job has no group \"{}\"", dependency.group);
  }
  return out;
}

}  // namespace

problem_list check_dependencies(const std::vector<schema::job_dependency>& all, const schema::job& job, const schema::task_group* group) {
  problem_list out;
  if (all.size() > dependencies_max) {
    out.add("There are {} depends_on blocks; at most {} are allowed", all.size(), dependencies_max);
    return out;
  }
  for (size_t i = 0; i < all.size(); ++i) out.nest(fmt::format("depends_on {} validation failed", i + 1), check_dependency(all[i], job, group));
  return out;
}

}  // namespace drover::jobspec
