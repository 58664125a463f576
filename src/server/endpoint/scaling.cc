// Scaling.* methods: the scaling policies of jobs, for autoscalers.
#include "schema/eval.h"
#include "schema/job_rpc.h"
#include "schema/operator_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/reads.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using state::table;

std::string_view target(const schema::scaling_policy& policy, const std::string& key) {
  auto it = policy.target.find(key);
  return it == policy.target.end() ? std::string_view() : std::string_view(it->second);
}

result<> list_policies(const read& r, const schema::scaling_policy_list_request& request, schema::scaling_policy_list_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_table(table::scaling_policies));
  page on(request);
  state::visit<table::scaling_policies>(r.state, state::starting(request.prefix), [&](const ref<schema::scaling_policy>& policy) {
    if ((ns != "*" && target(*policy, "Namespace") != ns) || !r.shows(target(*policy, "Namespace"))) return true;
    if (!request.job.empty() && target(*policy, "Job") != request.job) return true;
    if (!policy->type.starts_with(request.type)) return true;
    if (on.takes(policy->id, *policy))
      out.policies.push_back({.id = policy->id,
                              .enabled = policy->enabled,
                              .type = policy->type,
                              .target = policy->target,
                              .create_index = policy->create_index,
                              .modify_index = policy->modify_index});
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::scaling_policies);
  return {};
}

result<> get_policy(const read& r, const schema::scaling_policy_specific_request& request, schema::single_scaling_policy_response& out) {
  r.watch(state::watch_record(table::scaling_policies, request.id));
  auto policy = state::find<table::scaling_policies>(r.state, {request.id, {}, {}});
  if (policy && !r.shows(target(*policy, "Namespace"))) return std::unexpected(denied());
  if (policy) out.policy = *policy;
  out.index = policy ? policy->modify_index : r.state.index(table::scaling_policies);
  return {};
}

}  // namespace

void add_scaling_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Scaling.ListPolicies", &list_policies);
  add_read(table, context, "Scaling.GetPolicy", &get_policy);
}

}  // namespace drover::server
