// From what a person typed (an id or the beginning of one) to the record meant. Nothing or several matches is an error that says so.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "schema/alloc.h"
#include "schema/eval.h"
#include "schema/job.h"
#include "schema/node.h"

namespace drover::cli {

enum class match { none, one, many };
// Exactly `wanted` wins; otherwise there must be one id that starts with it. Pure. `ids` are candidates; the winner's place goes to `at`.
match choose(const std::vector<std::string>& ids, std::string_view wanted, size_t& at);

// The job's id and namespace.
struct job_name {
  std::string id, namespace_;
};
result<job_name> resolve_job(context& c, const std::string& wanted);
result<schema::job> find_job(context& c, const std::string& wanted);
result<schema::allocation> find_alloc(context& c, const std::string& wanted);
result<schema::node> find_node(context& c, const std::string& wanted);
result<schema::evaluation> find_eval(context& c, const std::string& wanted);
result<schema::deployment> find_deployment(context& c, const std::string& wanted);
// The id of the node that the agent itself runs.
result<std::string> own_node_id(context& c);
// An allocation of that job that runs (-job); any of group `group` if given.
result<schema::allocation> find_alloc_of_job(context& c, const std::string& job, const std::string& group);
// The one task of an allocation, or the one named; an error lists the choices.
result<std::string> choose_task(const schema::allocation& alloc, const std::string& named);

}  // namespace drover::cli
