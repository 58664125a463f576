#include "server/authority.h"

#include <algorithm>

#include "jwt/jwt.h"
#include "sched/reconcile/reconciler.h"
#include "schema/acl.h"
#include "schema/alloc_rpc.h"
#include "schema/job_rpc.h"
#include "schema/node_rpc.h"
#include "server/identities.h"
#include "server/keyring.h"
#include "server/limits.h"
#include "server/secret_lookup.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using schema::ref;
using state::table;

constexpr std::string_view anonymous_policy = "anonymous";
// Of a secret that no token has; check() says "Permission denied".
constexpr std::string_view unknown_token = "ACL token not found";

const std::string& text_in(const schema::field_info& field, schema::record_view request) {
  const void* at = field.in(request.data);
  const auto* shared = field.type().pointer;  // a text that records share
  return *static_cast<const std::string*>(shared == nullptr ? at : shared->get(at));
}

std::string_view object_member(of whose) {
  switch (whose) {
    case of::alloc: return "alloc_id";
    case of::eval: return "eval_id";
    case of::deployment: return "deployment_id";
    case of::job: return "job";
    case of::request: return {};
  }
  return {};
}

// Where the row's namespace is that of an object: the object's, if there is one.
std::string object_namespace(const asked& a, const state::snapshot& state) {
  std::string own(or_default(a.namespace_));
  if (a.by.object == nullptr) return own;
  if (a.by.row->whose == of::job) {
    const auto& job = *static_cast<const ref<schema::job>*>(a.by.object->in(a.request.data));
    return job == nullptr || job->namespace_.empty() ? own : job->namespace_;
  }
  const auto& id = text_in(*a.by.object, a.request);
  switch (a.by.row->whose) {
    case of::alloc:
      if (auto found = state.alloc(id)) return found->namespace_;
      break;
    case of::eval:
      if (auto found = state.eval(id)) return found->namespace_;
      break;
    case of::deployment:
      if (auto found = state.deployment(id)) return found->namespace_;
      break;
    default: break;
  }
  return own;
}

bool allows_level(const caller& by, const permission& row) {
  switch (row.what) {
    case need::node: return by.may->allows_node(row.level);
    case need::agent: return by.may->allows_agent(row.level);
    case need::operator_: return by.may->allows_operator(row.level);
    case need::quota: return by.may->allows_quota(row.level);
    case need::plugin: return by.may->allows_plugin(row.level);
    case need::operator_capability: return by.may->allows_operator(static_cast<acl::operator_capability>(row.bit));
    default: return false;
  }
}

// The pools by name or as records, whichever the request has.
bool allows_pools(const caller& by, const permission& row, schema::record_view request) {
  auto may = [&](const std::string& pool) { return by.may->allows_pool(pool, static_cast<acl::pool_capability>(row.bit)); };
  const auto& record = *request.type->record;
  if (const auto* names = record.find_member("names")) return std::ranges::all_of(*static_cast<const std::vector<std::string>*>(names->in(request.data)), may);
  if (const auto* pools = record.find_member("node_pools"))
    return std::ranges::all_of(*static_cast<const std::vector<ref<schema::node_pool>>*>(pools->in(request.data)),
                               [&](const auto& pool) { return pool == nullptr || may(pool->name); });
  const auto* name = record.find_member("name");
  return name != nullptr && may(text_in(*name, request));
}

bool allows_variables(const caller& by, const asked& a) {
  using vc = acl::variable_capability;
  std::string ns(or_default(a.namespace_));
  const auto& may = *by.may;
  if (a.by.row->method == "Variables.List") return ns == "*" || may.sees_variables(ns);
  if (a.by.row->method == "Variables.Apply") {
    const auto& request = *static_cast<const schema::variables_apply_request*>(a.request.data);
    if (!request.var) return true;
    if (!request.var->namespace_.empty()) ns = request.var->namespace_;
    bool deletes = request.op.starts_with("delete");
    return may.allows_variable(ns, request.var->path, deletes ? vc::destroy : vc::write);
  }
  const auto* path = a.request.type->record->find_member("path");
  bool reads = a.by.row->method == "Variables.Read";
  return path != nullptr && may.allows_variable(ns, text_in(*path, a.request), reads ? vc::read : vc::write);
}

// A node speaks for itself and for what it was given.
bool is_own_business(const caller& by, const asked& a, const state::snapshot& state) {
  if (by.node_id.empty()) return false;
  if (a.by.node_id != nullptr) {
    const auto& named = text_in(*a.by.node_id, a.request);
    if (!named.empty() && named != by.node_id) return false;
  }
  if (a.by.row->method == "Node.EmitEvents")
    return std::ranges::all_of(static_cast<const schema::emit_node_events_request*>(a.request.data)->node_events,
                               [&](const auto& each) { return each.first == by.node_id; });
  if (a.by.row->method == "ServiceRegistration.Upsert")
    return std::ranges::all_of(static_cast<const schema::service_registration_upsert_request*>(a.request.data)->services,
                               [&](const auto& each) { return each == nullptr || each->node_id.empty() || each->node_id == by.node_id; });
  if (a.by.row->method != "Node.UpdateAlloc") return true;
  const auto& update = *static_cast<const schema::alloc_update_request*>(a.request.data);
  return std::ranges::all_of(update.alloc, [&](const auto& each) {
    auto stored = each == nullptr ? nullptr : state.alloc(each->id);
    return stored == nullptr || stored->node_id == by.node_id;
  });
}

}  // namespace

error denied() { return {errc::permission_denied, "Permission denied"}; }

bool caller::has_policy(std::string_view name) const { return std::ranges::find(policies, name) != policies.end(); }

std::vector<std::string> policies_of(const schema::acl_token& token, const state::snapshot& state) {
  auto out = token.policies;
  for (const auto& link : token.roles)
    if (auto role = state::find<table::acl_roles>(state, {link.id, {}, {}}))
      for (const auto& policy : role->policies) out.push_back(policy.name);
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

const guard* authority::guard_of(std::string_view method, const schema::type_info& request) {
  auto& made = guards_[std::string(method)];
  if (made) return made.get();
  made = std::make_unique<guard>();
  made->name = method;
  made->row = &permission_of(method);
  if (request.kind != schema::kind::record) return made.get();
  if (auto name = object_member(made->row->whose); !name.empty()) made->object = request.record->find_member(name);
  made->node_id = request.record->find_member("node_id");
  return made.get();
}

std::shared_ptr<const acl::policy> authority::parsed(const std::string& name, const state::snapshot& state) {
  auto stored = state::find<table::acl_policies>(state, {name, {}, {}});
  if (!stored) return nullptr;
  auto& kept = policies_[name];
  if (kept.policy && kept.modify_index == stored->modify_index) return kept.policy;
  auto made = acl::parse_policy(name, stored->rules);
  // It was checked when it was stored; what cannot be read now (a newer server wrote it) allows nothing.
  if (!made) context_.logger.error("an ACL policy cannot be read and allows nothing", {{"policy", name}, {"error", made.error().text()}});
  kept = {stored->modify_index, std::make_shared<const acl::policy>(made ? *std::move(made) : acl::policy())};
  return kept.policy;
}

std::shared_ptr<const acl::acl> authority::merged(const std::vector<std::string>& names, const state::snapshot& state) {
  if (policies_.size() > acl_policies_kept_max) policies_.clear();
  std::vector<acl::policy> all;
  for (const auto& name : names)
    if (auto policy = parsed(name, state)) all.push_back(*policy);
  return std::make_shared<const acl::acl>(all);
}

caller_ref authority::caller_of(ref<schema::acl_token> token, const state::snapshot& state) {
  auto made = std::make_shared<caller>();
  made->policies = policies_of(*token, state);
  made->may = token->type == "management" ? acl::acl::management() : merged(made->policies, state);
  if (token->expiration_time) made->expires = *token->expiration_time;
  made->token = std::move(token);
  return made;
}

caller_ref authority::anonymous(const state::snapshot& state) {
  auto token = std::make_shared<schema::acl_token>();
  token->accessor_id = "anonymous";
  token->name = "Anonymous Token";
  token->type = "client";
  token->policies = {std::string(anonymous_policy)};
  auto made = std::make_shared<caller>();
  made->policies = token->policies;
  made->may = merged(made->policies, state);
  made->token = std::move(token);
  made->is_anonymous = true;
  return made;
}

// A task may read its own variables, and what policies attached to its job allow. Null: these are no task's claims, or it is over.
caller_ref authority::workload_of(const value& claims, const state::snapshot& state) {
  auto text = [&](std::string_view name) {
    const auto* found = claims.find(name);
    return found == nullptr || found->as_string() == nullptr ? std::string() : *found->as_string();
  };
  auto alloc = state.alloc(text("nomad_allocation_id"));
  if (!alloc || !alloc->job || alloc->namespace_ != text("nomad_namespace")) return nullptr;
  std::string job_id = alloc->job->parent_id.empty() ? std::string(alloc->job_id) : alloc->job->parent_id;
  auto task = text("nomad_task");
  auto made = std::make_shared<caller>();
  made->alloc_id = alloc->id;
  made->workload_namespace = alloc->namespace_;
  if (auto expires = jwt::time_claim(claims, "exp")) made->expires = *expires;
  std::vector<acl::policy> all = {acl::workload_policy(alloc->namespace_, job_id, alloc->task_group, task)};
  state::visit<table::acl_policies>(state, state::starting({}), [&](const auto& policy) {
    if (!policy->job_acl) return true;
    const auto& of = *policy->job_acl;
    bool meant = of.namespace_ == alloc->namespace_ && (of.job_id.empty() || of.job_id == job_id) && (of.group.empty() || of.group == alloc->task_group) &&
                 (of.task.empty() || of.task == task);
    if (!meant) return true;
    made->policies.push_back(policy->name);
    if (auto rules = parsed(policy->name, state)) all.push_back(*rules);
    return true;
  });
  made->may = std::make_shared<const acl::acl>(all);
  return made;
}

result<caller_ref> authority::look_up(const std::string& token, const state::snapshot& state) {
  if (token.empty()) return anonymous(state);
  if (auto found = token_of_secret(state, token)) return caller_of(std::move(found), state);
  constexpr size_t secret_bytes_min = 32;  // shorter ones are nobody's
  if (token.size() < secret_bytes_min) return fail(errc::permission_denied, "{}", unknown_token);
  if (auto node_id = node_of_token(context_, state, token)) {
    auto node = std::make_shared<caller>();
    node->node_id = *std::move(node_id);
    return node;
  }
  if (context_.keyring != nullptr && std::ranges::count(token, '.') == 2)
    if (auto claims = context_.keyring->verify(state, token))
      if (auto found = workload_of(*claims, state)) return found;
  return fail(errc::permission_denied, "{}", unknown_token);
}

result<caller_ref> authority::authenticate(const std::string& token, const state::snapshot& state) {
  auto index = state.index({table::acl_tokens, table::acl_policies, table::acl_roles});
  if (index != callers_at_ || callers_.size() > acl_callers_kept_max) {
    callers_.clear();
    callers_at_ = index;
  }
  auto it = callers_.find(token);
  if (it == callers_.end()) {
    if (token.size() > acl_token_bytes_max) return fail(errc::permission_denied, "{}", unknown_token);
    TRY_ASSIGN(auto made, look_up(token, state));
    // Nodes come and go by tables that are not watched here.
    if (!made->node_id.empty()) return made;
    it = callers_.emplace(token, std::move(made)).first;
  }
  const auto& found = it->second;
  if (!found->expires.is_zero() && found->expires <= context_.clock.now()) return fail(errc::permission_denied, "ACL token expired");
  if (!found->alloc_id.empty()) {
    auto alloc = state.alloc(found->alloc_id);
    if (!alloc || sched::client_terminal(*alloc)) return fail(errc::permission_denied, "{}", unknown_token);
  }
  return found;
}

result<> authority::allow(const asked& a, const caller& by, const state::snapshot& state) {
  const auto& row = *a.by.row;
  bool allowed = false;
  std::string ns;
  switch (row.what) {
    case need::nothing:
    case need::server_only: return {};  // check_peer()
    case need::any_token: allowed = by.is_known(); break;
    case need::own: allowed = true; break;
    case need::management: allowed = by.is_management(); break;
    case need::node_only: allowed = is_own_business(by, a, state); break;
    case need::sees: {
      const auto* name = a.request.type->record->find_member("name");
      allowed = name != nullptr && by.may->sees_namespace(text_in(*name, a.request));
      break;
    }
    case need::namespace_:
      ns = object_namespace(a, state);
      allowed = (ns == "*" && row.filters) || row.in_namespace(*by.may, ns);
      break;
    case need::pool: allowed = allows_pools(by, row, a.request); break;
    case need::variables: allowed = allows_variables(by, a); break;
    default: allowed = allows_level(by, row); break;
  }
  if (!allowed && row.workloads_too && !ns.empty() && by.workload_namespace == ns) return {};
  // A node may read about others, and change itself.
  if (!allowed && row.nodes_too && !by.node_id.empty() && (row.level != acl::level::write || is_own_business(by, a, state))) return {};
  if (allowed && row.also != nullptr && !by.is_management()) {
    if (ns.empty()) ns = or_default(a.namespace_);
    allowed = row.also(*by.may, state, a.request, ns);
  }
  if (!allowed) return std::unexpected(denied());
  return {};
}

result<caller_ref> authority::check(const asked& a, const state::snapshot& state) {
  if (!enabled() || a.internal || a.by.row->what == need::nothing) return caller_ref();
  if (a.by.row->what == need::server_only) return caller_ref();
  // A node that this server has lost, or not heard of yet, registers again when it is told so.
  if (a.by.row->what == need::node_only && a.by.node_id != nullptr) {
    const auto& named = text_in(*a.by.node_id, a.request);
    if (!named.empty() && !state.node(named)) return fail(errc::not_found, "node not found");
  }
  auto by = authenticate(a.token, state);
  // As Nomad says it of a secret that nobody has.
  if (!by) return by.error().message() == unknown_token ? result<caller_ref>(std::unexpected(denied())) : by;
  TRY(allow(a, **by, state));
  return by;
}

result<> authority::check_peer(const guard& by, const rpc::call_context& call) const {
  if (by.row->what != need::server_only) return {};
  const auto& is_server = context_.options.tls.is_server;
  if (call.in_process || !is_server || is_server(call.tls_names)) return {};
  return std::unexpected(denied());
}

}  // namespace drover::server
