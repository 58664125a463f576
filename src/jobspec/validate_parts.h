// The rules of validate.h by the part of a job they are about; validate.cc puts them together.
#pragma once

#include "jobspec/problem_list.h"
#include "schema/job.h"

namespace drover::jobspec {

enum class placement_scope { job, group, task, device };

// validate_policy.cc
problem_list check_constraint(const schema::constraint& constraint, placement_scope scope);
problem_list check_affinity(const schema::affinity& affinity);
problem_list check_spread(const schema::spread& spread);
problem_list check_update(const schema::update_strategy& update);
problem_list check_migrate(const schema::migrate_strategy& migrate);
problem_list check_restart(const schema::restart_policy& policy);
problem_list check_reschedule(const schema::reschedule_policy& policy);
problem_list check_disconnect(const schema::disconnect_strategy& disconnect);
problem_list check_scaling(const schema::scaling_policy& scaling, int64_t count);
problem_list check_periodic(const schema::periodic_config& periodic);
problem_list check_parameterized(const schema::parameterized_job_config& parameterized);

// validate_dependency.cc. `group` is null for those of the job.
problem_list check_dependencies(const std::vector<schema::job_dependency>& all, const schema::job& job, const schema::task_group* group);

// validate_group.cc
problem_list check_group(const schema::task_group& group, const schema::job& job);
problem_list check_network(const schema::network_resource& network);

// validate_task.cc
problem_list check_task(const schema::task& task, const schema::task_group& group, const schema::job& job);
problem_list check_resources(const schema::resources& resources);
problem_list check_identity(const schema::workload_identity& identity, bool is_default);

// validate_service.cc
problem_list check_service(const schema::service& service, const schema::task_group& group, bool of_group);

// Whether `path` leads out of the directory that is `levels_up` above the one it is relative to.
bool escapes(std::string_view path, int levels_up = 0);
bool has_nul(std::string_view text);
// Whether [A-Za-z0-9] and the `more` characters are all there is; between 1 and `length_max` characters.
bool is_name(std::string_view text, std::string_view more, size_t length_max);
// The text with every ${...} replaced by one letter: what can be judged before a node fills it in.
std::string without_interpolation(std::string_view text);

}  // namespace drover::jobspec
