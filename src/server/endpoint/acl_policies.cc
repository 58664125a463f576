// ACL policies and roles: ACL.*Policies, ACL.*Role*.
#include <algorithm>

#include "acl/policy.h"
#include "crypto/digest.h"
#include "server/endpoint/acl_common.h"
#include "server/endpoint/endpoints.h"

namespace drover::server {

result<> need_acl(const server_options& options) {
  if (options.acl.enabled) return {};
  return fail(errc::invalid, "ACL support disabled");
}
result<> need_acl(const server_context& context) { return need_acl(context.options); }

bytes hash_of(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (auto part : parts) (all += part) += '\0';
  return bytes(crypto::sha256(all));
}

namespace {

using state::table;

bool has_policy(const read& r, const std::string& name) { return r.is_management() || r.by->has_policy(name); }

schema::acl_policy_list_stub stub_of(const schema::acl_policy& policy) {
  return {.name = policy.name,
          .description = policy.description,
          .job_acl = policy.job_acl,
          .hash = policy.hash,
          .create_index = policy.create_index,
          .modify_index = policy.modify_index};
}

result<> list_policies(const read& r, const schema::acl_policy_list_request& request, schema::acl_policy_list_response& out) {
  r.watch(state::watch_table(table::acl_policies));
  page on(request);
  state::visit<table::acl_policies>(r.state, state::starting(request.prefix), [&](const ref<schema::acl_policy>& policy) {
    if (has_policy(r, policy->name) && on.takes(policy->name, *policy)) out.policies.push_back(stub_of(*policy));
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::acl_policies);
  return {};
}

result<> get_policy(const read& r, const schema::acl_policy_specific_request& request, schema::single_acl_policy_response& out) {
  r.watch(state::watch_record(table::acl_policies, request.name));
  if (!has_policy(r, request.name)) return std::unexpected(denied());
  out.policy = state::find<table::acl_policies>(r.state, {request.name, {}, {}});
  out.index = out.policy ? out.policy->modify_index : r.state.index(table::acl_policies);
  return {};
}

// For agents that keep what their callers' tokens mean: a token may ask for what it has.
result<> get_policies(const read& r, const schema::acl_policy_set_request& request, schema::acl_policy_set_response& out) {
  r.watch(state::watch_table(table::acl_policies));
  for (const auto& name : request.names) {
    if (!has_policy(r, name) && r.by->node_id.empty()) return std::unexpected(denied());
    if (auto found = state::find<table::acl_policies>(r.state, {name, {}, {}})) out.policies[name] = std::move(found);
  }
  out.index = r.state.index(table::acl_policies);
  return {};
}

// The policies of whoever asks.
result<> own_policies(const read& r, const schema::generic_request&, schema::acl_policy_set_response& out) {
  r.watch(state::watch_table(table::acl_policies));
  r.watch(state::watch_table(table::acl_roles));
  if (r.by != nullptr)
    for (const auto& name : r.by->policies)
      if (auto found = state::find<table::acl_policies>(r.state, {name, {}, {}})) out.policies[name] = std::move(found);
  out.index = r.state.index({table::acl_policies, table::acl_roles, table::acl_tokens});
  return {};
}

result<> check_policy(const schema::acl_policy& policy) {
  if (!acl::is_policy_name(policy.name)) return fail(errc::invalid, "invalid name '{}': a policy's name is 1 to 128 letters, digits and dashes", policy.name);
  if (policy.description.size() > acl_description_bytes_max) return fail(errc::invalid, "description longer than {}", acl_description_bytes_max);
  if (auto parsed = acl::parse_policy(policy.name, policy.rules); !parsed)
    return fail(parsed.error().code(), "failed to parse rules: {}", parsed.error().text());
  if (!policy.job_acl) return {};
  const auto& job = *policy.job_acl;
  if (job.namespace_.empty() && !job.job_id.empty()) return fail(errc::invalid, "namespace must be set to set job ID");
  if (job.job_id.empty() && !job.group.empty()) return fail(errc::invalid, "job ID must be set to set group name");
  if (job.group.empty() && !job.task.empty()) return fail(errc::invalid, "group name must be set to set task name");
  return {};
}

awaitable<result<schema::generic_response>> upsert_policies(server_context& context, schema::acl_policy_upsert_request request) {
  CO_TRY(need_acl(context));
  if (request.policies.empty()) co_return fail(errc::invalid, "must specify as least one policy");
  for (auto& each : request.policies) {
    if (!each) co_return fail(errc::invalid, "a policy is null: send Name and Rules");
    CO_TRY(check_policy(*each));
    auto policy = *each;
    policy.rules_json = {};
    policy.hash = hash_of({policy.name, policy.description, policy.rules});
    each = schema::share(std::move(policy));
  }
  request.auth_token.clear();
  schema::generic_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::acl_policy_upsert>(request));
  co_return out;
}

awaitable<result<schema::generic_response>> delete_policies(server_context& context, schema::acl_policy_delete_request request) {
  CO_TRY(need_acl(context));
  if (request.names.empty()) co_return fail(errc::invalid, "must specify as least one policy");
  request.auth_token.clear();
  schema::generic_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::acl_policy_delete>(request));
  co_return out;
}

// ---- roles

bool has_role(const read& r, const std::string& id) {
  if (r.is_management()) return true;
  if (!r.by->token) return false;
  return std::ranges::find(r.by->token->roles, id, &schema::acl_token_role_link::id) != r.by->token->roles.end();
}

result<> list_roles(const read& r, const schema::acl_roles_list_request& request, schema::acl_roles_list_response& out) {
  r.watch(state::watch_table(table::acl_roles));
  page on(request);
  state::visit<table::acl_roles>(r.state, state::starting(request.prefix), [&](const ref<schema::acl_role>& role) {
    if (has_role(r, role->id) && on.takes(role->id, *role))
      out.acl_roles.push_back({.id = role->id,
                               .name = role->name,
                               .description = role->description,
                               .policies = role->policies,
                               .hash = role->hash,
                               .create_index = role->create_index,
                               .modify_index = role->modify_index});
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::acl_roles);
  return {};
}

ref<schema::acl_role> role_named(const state::snapshot& state, std::string_view name) {
  auto found = state::collect<table::acl_roles>(state, state::tree_id::acl_roles_by_name, state::within(name));
  return found.empty() ? nullptr : found.front();
}

result<> get_role(const read& r, const schema::acl_role_by_id_request& request, schema::acl_role_by_id_response& out) {
  r.watch(state::watch_record(table::acl_roles, request.role_id));
  if (!has_role(r, request.role_id)) return std::unexpected(denied());
  out.acl_role = state::find<table::acl_roles>(r.state, {request.role_id, {}, {}});
  out.index = out.acl_role ? out.acl_role->modify_index : r.state.index(table::acl_roles);
  return {};
}

result<> get_role_named(const read& r, const schema::acl_role_by_name_request& request, schema::acl_role_by_name_response& out) {
  r.watch(state::watch_table(table::acl_roles));
  auto found = role_named(r.state, request.role_name);
  if (found ? !has_role(r, found->id) : !r.is_management()) return std::unexpected(denied());
  out.index = found ? found->modify_index : r.state.index(table::acl_roles);
  out.acl_role = std::move(found);
  return {};
}

result<> get_roles(const read& r, const schema::acl_roles_by_id_request& request, schema::acl_roles_by_id_response& out) {
  r.watch(state::watch_table(table::acl_roles));
  for (const auto& id : request.acl_role_ids) {
    if (!has_role(r, id)) return std::unexpected(denied());
    if (auto found = state::find<table::acl_roles>(r.state, {id, {}, {}})) out.acl_roles[id] = std::move(found);
  }
  out.index = r.state.index(table::acl_roles);
  return {};
}

result<> check_role(const state::snapshot& state, const schema::acl_role& role, bool may_lack_policies) {
  if (!acl::is_policy_name(role.name)) return fail(errc::invalid, "invalid name '{}': a role's name is 1 to 128 letters, digits and dashes", role.name);
  if (role.description.size() > acl_description_bytes_max) return fail(errc::invalid, "description longer than {}", acl_description_bytes_max);
  if (role.policies.empty()) return fail(errc::invalid, "at least one policy should be specified");
  for (const auto& policy : role.policies)
    if (!may_lack_policies && !state::find<table::acl_policies>(state, {policy.name, {}, {}})) return fail(errc::invalid, "cannot find policy {}", policy.name);
  auto known = role.id.empty() ? nullptr : state::find<table::acl_roles>(state, {role.id, {}, {}});
  if (!role.id.empty() && !known && !may_lack_policies) return fail(errc::invalid, "cannot find role {}", role.id);
  auto same_name = role_named(state, role.name);
  if (same_name && same_name->id != role.id) return fail(errc::invalid, "role with name {} already exists", role.name);
  return {};
}

awaitable<result<schema::acl_roles_upsert_response>> upsert_roles(server_context& context, schema::acl_roles_upsert_request request) {
  CO_TRY(need_acl(context));
  if (request.acl_roles.empty()) co_return fail(errc::invalid, "must specify as least one role");
  auto state = context.state();
  for (auto& each : request.acl_roles) {
    if (!each) co_return fail(errc::invalid, "a role is null: send Name and Policies");
    CO_TRY(check_role(state, *each, request.allow_missing_policies));
    auto role = *each;
    std::ranges::sort(role.policies, {}, &schema::acl_role_policy_link::name);
    auto same = std::ranges::unique(role.policies, {}, &schema::acl_role_policy_link::name);
    role.policies.erase(same.begin(), same.end());
    if (role.id.empty()) role.id = context.random.uuid();
    std::string names;
    for (const auto& policy : role.policies) (names += policy.name) += ',';
    role.hash = hash_of({role.name, role.description, names});
    each = schema::share(std::move(role));
  }
  request.auth_token.clear();
  schema::acl_roles_upsert_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::acl_role_upsert>(request));
  auto after = context.state();
  for (const auto& each : request.acl_roles) out.acl_roles.push_back(state::find<table::acl_roles>(after, {each->id, {}, {}}));
  co_return out;
}

awaitable<result<schema::acl_roles_delete_by_id_response>> delete_roles(server_context& context, schema::acl_roles_delete_by_id_request request) {
  CO_TRY(need_acl(context));
  if (request.acl_role_ids.empty()) co_return fail(errc::invalid, "must specify as least one role");
  for (const auto& id : request.acl_role_ids)
    if (!state::find<table::acl_roles>(context.state(), {id, {}, {}})) co_return fail(errc::not_found, "ACL role not found");
  request.auth_token.clear();
  schema::acl_roles_delete_by_id_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::acl_role_delete>(request));
  co_return out;
}

}  // namespace

void add_acl_policy_methods(rpc::method_table& table, server_context& context) {
  add_acl_read<&list_policies>(table, context, "ACL.ListPolicies");
  add_acl_read<&get_policy>(table, context, "ACL.GetPolicy");
  add_acl_read<&get_policies>(table, context, "ACL.GetPolicies");
  add_read(table, context, "ACL.GetClaimPolicies", &own_policies);
  add_authoritative_write(table, context, "ACL.UpsertPolicies", &upsert_policies);
  add_authoritative_write(table, context, "ACL.DeletePolicies", &delete_policies);
  add_acl_read<&list_roles>(table, context, "ACL.ListRoles");
  add_acl_read<&get_role>(table, context, "ACL.GetRoleByID");
  add_acl_read<&get_role_named>(table, context, "ACL.GetRoleByName");
  add_acl_read<&get_roles>(table, context, "ACL.GetRolesByID");
  add_authoritative_write(table, context, "ACL.UpsertRoles", &upsert_roles);
  add_authoritative_write(table, context, "ACL.DeleteRolesByID", &delete_roles);
}

}  // namespace drover::server
