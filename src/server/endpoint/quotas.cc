// Quota.* methods.
#include "acl/policy.h"
#include "schema/quota_rpc.h"
#include "server/endpoint/access_endpoints.h"
#include "server/endpoint/acl_common.h"
#include "server/namespace_rules.h"
#include "server/reads.h"
#include "server/replicator.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using state::table;

result<> list_quotas(const read& r, const schema::quota_spec_list_request& request, schema::quota_spec_list_response& out) {
  r.watch(state::watch_table(table::quotas));
  page on(request);
  state::visit<table::quotas>(r.state, state::starting(request.prefix), [&](const ref<schema::quota_spec>& each) {
    if (on.takes(each->name, *each)) out.quotas.push_back(each);
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::quotas);
  return {};
}

result<> get_quota(const read& r, const schema::quota_spec_specific_request& request, schema::single_quota_spec_response& out) {
  r.watch(state::watch_record(table::quotas, request.name));
  out.quota = state::find<table::quotas>(r.state, {request.name, {}, {}});
  out.index = out.quota ? out.quota->modify_index : r.state.index(table::quotas);
  return {};
}

// Usage is of this region: whoever wants that of another asks there.
std::string region_of(const schema::query_options& q) { return q.region.empty() ? std::string("global") : q.region; }

result<> list_usages(const read& r, const schema::quota_spec_list_request& request, schema::quota_usage_list_response& out) {
  r.watch(state::watch_table(table::quotas));
  r.watch(state::watch_table(table::allocs));
  page on(request);
  state::visit<table::quotas>(r.state, state::starting(request.prefix), [&](const ref<schema::quota_spec>& each) {
    if (on.takes(each->name, *each)) out.usages.push_back(usage_of(*each, r.state, region_of(request)));
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index({table::quotas, table::allocs});
  return {};
}

result<> get_usage(const read& r, const schema::quota_spec_specific_request& request, schema::single_quota_usage_response& out) {
  r.watch(state::watch_table(table::quotas));
  r.watch(state::watch_table(table::allocs));
  if (auto quota = state::find<table::quotas>(r.state, {request.name, {}, {}})) out.usage = usage_of(*quota, r.state, region_of(request));
  out.index = r.state.index({table::quotas, table::allocs});
  return {};
}

result<> check_quota_spec(const schema::quota_spec& quota) {
  if (!acl::is_policy_name(quota.name)) return fail(errc::invalid, "invalid quota name \"{}\": use 1 to 128 letters, digits and dashes", quota.name);
  if (quota.limits.empty()) return fail(errc::invalid, "quota \"{}\" has no limit: give it at least one, with its region", quota.name);
  for (size_t i = 0; i < quota.limits.size(); ++i) {
    if (!quota.limits[i].region_limit) return fail(errc::invalid, "limit {} of quota \"{}\" limits nothing: give it a region_limit", i + 1, quota.name);
    for (size_t j = 0; j < i; ++j)
      if (quota.limits[i].region == quota.limits[j].region)
        return fail(errc::invalid, "quota \"{}\" has two limits for region \"{}\"", quota.name, quota.limits[i].region);
  }
  return {};
}

awaitable<result<schema::generic_response>> upsert_quotas(server_context& context, schema::quota_spec_upsert_request request) {
  if (request.quotas.empty()) co_return fail(errc::invalid, "must specify at least one quota");
  for (const auto& each : request.quotas) {
    if (!each) co_return fail(errc::invalid, "a quota is null: send Name and Limits");
    CO_TRY(check_quota_spec(*each));
  }
  request.auth_token.clear();
  schema::generic_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::quota_upsert>(request));
  co_return out;
}

awaitable<result<schema::generic_response>> delete_quotas(server_context& context, schema::quota_spec_delete_request request) {
  if (request.names.empty()) co_return fail(errc::invalid, "must specify at least one quota to delete");
  request.auth_token.clear();
  schema::generic_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::quota_delete>(request));
  co_return out;
}

}  // namespace

void add_quota_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Quota.ListQuotaSpecs", &list_quotas);
  add_read(table, context, "Quota.GetQuotaSpec", &get_quota);
  add_read(table, context, "Quota.ListQuotaUsages", &list_usages);
  add_read(table, context, "Quota.GetQuotaUsage", &get_usage);
  add_authoritative_write(table, context, "Quota.UpsertQuotaSpecs", &upsert_quotas);
  add_authoritative_write(table, context, "Quota.DeleteQuotaSpecs", &delete_quotas);
}

}  // namespace drover::server
