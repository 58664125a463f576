#include "server/acl_replication.h"

#include <algorithm>
#include <optional>
#include <set>

#include "codec/compare.h"
#include "schema/acl.h"
#include "schema/node_rpc.h"
#include "schema/operator_rpc.h"
#include "schema/quota_rpc.h"
#include "server/login_limits.h"
#include "server/replicator.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using fsm::command_type;
using state::table;

// What is kept alike: how it is listed, fetched, written and deleted.
struct policies {
  static constexpr auto what = "policies", list_method = "ACL.ListPolicies", get_method = "ACL.GetPolicies";
  static constexpr auto in = table::acl_policies;
  static constexpr auto upsert = command_type::acl_policy_upsert, erase = command_type::acl_policy_delete;
  using list_request = schema::acl_policy_list_request;
  using list_response = schema::acl_policy_list_response;
  using get_request = schema::acl_policy_set_request;
  using get_response = schema::acl_policy_set_response;
  static void only_shared(list_request&) {}
  static auto& stubs(list_response& r) { return r.policies; }
  static auto& key(const auto& r) { return r.name; }
  static auto& keys(get_request& r) { return r.names; }
  static auto& records(get_response& r) { return r.policies; }
  static auto& records(schema::acl_policy_upsert_request& r) { return r.policies; }
  static auto& keys(schema::acl_policy_delete_request& r) { return r.names; }
  static bool is_shared(const schema::acl_policy&) { return true; }
};

struct roles {
  static constexpr auto what = "roles", list_method = "ACL.ListRoles", get_method = "ACL.GetRolesByID";
  static constexpr auto in = table::acl_roles;
  static constexpr auto upsert = command_type::acl_role_upsert, erase = command_type::acl_role_delete;
  using list_request = schema::acl_roles_list_request;
  using list_response = schema::acl_roles_list_response;
  using get_request = schema::acl_roles_by_id_request;
  using get_response = schema::acl_roles_by_id_response;
  static void only_shared(list_request&) {}
  static auto& stubs(list_response& r) { return r.acl_roles; }
  static auto& key(const auto& r) { return r.id; }
  static auto& keys(get_request& r) { return r.acl_role_ids; }
  static auto& records(get_response& r) { return r.acl_roles; }
  static auto& records(schema::acl_roles_upsert_request& r) { return r.acl_roles; }
  static auto& keys(schema::acl_roles_delete_by_id_request& r) { return r.acl_role_ids; }
  static bool is_shared(const schema::acl_role&) { return true; }
};

struct tokens {
  static constexpr auto what = "tokens", list_method = "ACL.ListTokens", get_method = "ACL.GetTokens";
  static constexpr auto in = table::acl_tokens;
  static constexpr auto upsert = command_type::acl_token_upsert, erase = command_type::acl_token_delete;
  using list_request = schema::acl_token_list_request;
  using list_response = schema::acl_token_list_response;
  using get_request = schema::acl_token_set_request;
  using get_response = schema::acl_token_set_response;
  static void only_shared(list_request& r) { r.global_only = true; }
  static auto& stubs(list_response& r) { return r.tokens; }
  static auto& key(const auto& r) { return r.accessor_id; }
  static auto& keys(get_request& r) { return r.accessor_ids; }
  static auto& records(get_response& r) { return r.tokens; }
  static auto& records(schema::acl_token_upsert_request& r) { return r.tokens; }
  static auto& keys(schema::acl_token_delete_request& r) { return r.accessor_ids; }
  static bool is_shared(const schema::acl_token& t) { return t.global; }
};

struct auth_methods {
  static constexpr auto what = "auth methods", list_method = "ACL.ListAuthMethods", get_method = "ACL.GetAuthMethods";
  static constexpr auto in = table::acl_auth_methods;
  static constexpr auto upsert = command_type::acl_auth_method_upsert, erase = command_type::acl_auth_method_delete;
  using list_request = schema::acl_auth_method_list_request;
  using list_response = schema::acl_auth_method_list_response;
  using get_request = schema::acl_auth_methods_get_request;
  using get_response = schema::acl_auth_methods_get_response;
  static void only_shared(list_request&) {}
  static auto& stubs(list_response& r) { return r.auth_methods; }
  static auto& key(const auto& r) { return r.name; }
  static auto& keys(get_request& r) { return r.names; }
  static auto& records(get_response& r) { return r.auth_methods; }
  static auto& records(schema::acl_auth_method_upsert_request& r) { return r.auth_methods; }
  static auto& keys(schema::acl_auth_method_delete_request& r) { return r.names; }
  static bool is_shared(const schema::acl_auth_method&) { return true; }
};

struct binding_rules {
  static constexpr auto what = "binding rules", list_method = "ACL.ListBindingRules", get_method = "ACL.GetBindingRules";
  static constexpr auto in = table::acl_binding_rules;
  static constexpr auto upsert = command_type::acl_binding_rule_upsert, erase = command_type::acl_binding_rule_delete;
  using list_request = schema::acl_binding_rules_list_request;
  using list_response = schema::acl_binding_rules_list_response;
  using get_request = schema::acl_binding_rules_request;
  using get_response = schema::acl_binding_rules_response;
  static void only_shared(list_request&) {}
  static auto& stubs(list_response& r) { return r.acl_binding_rules; }
  static auto& key(const auto& r) { return r.id; }
  static auto& keys(get_request& r) { return r.acl_binding_rule_ids; }
  static auto& records(get_response& r) { return r.acl_binding_rules; }
  static auto& records(schema::acl_binding_rules_upsert_request& r) { return r.acl_binding_rules; }
  static auto& keys(schema::acl_binding_rules_delete_request& r) { return r.acl_binding_rule_ids; }
  static bool is_shared(const schema::acl_binding_rule&) { return true; }
};

// The rest of what every region has alike: lists of it are whole, nothing is left to fetch.
struct quotas {
  static constexpr auto what = "quotas", list_method = "Quota.ListQuotaSpecs";
  static constexpr auto in = table::quotas;
  static constexpr auto upsert = command_type::quota_upsert, erase = command_type::quota_delete;
  using list_request = schema::quota_spec_list_request;
  using list_response = schema::quota_spec_list_response;
  static auto& records(auto& r) { return r.quotas; }
  static auto& keys(schema::quota_spec_delete_request& r) { return r.names; }
  static bool is_shared(const schema::quota_spec&) { return true; }
};

struct namespaces {
  static constexpr auto what = "namespaces", list_method = "Namespace.ListNamespaces";
  static constexpr auto in = table::namespaces;
  static constexpr auto upsert = command_type::namespace_upsert, erase = command_type::namespace_delete;
  using list_request = schema::namespace_list_request;
  using list_response = schema::namespace_list_response;
  static auto& records(auto& r) { return r.namespaces; }
  static auto& keys(schema::namespace_delete_request& r) { return r.namespaces; }
  static bool is_shared(const schema::namespace_definition&) { return true; }
};

struct node_pools {
  static constexpr auto what = "node pools", list_method = "NodePool.List";
  static constexpr auto in = table::node_pools;
  static constexpr auto upsert = command_type::node_pool_upsert, erase = command_type::node_pool_delete;
  using list_request = schema::node_pool_list_request;
  using list_response = schema::node_pool_list_response;
  static auto& records(auto& r) { return r.node_pools; }
  static auto& keys(schema::node_pool_delete_request& r) { return r.names; }
  // Every region has these of its own, and nobody may change them.
  static bool is_shared(const schema::node_pool& pool) { return pool.name != "default" && pool.name != "all"; }
};

template <class Kind>
constexpr bool is_listed_whole = !requires { Kind::get_method; };

// Stored here under this region's indexes, which say nothing about a difference.
template <class Record>
bool is_same(const Record& stored, Record theirs) {
  theirs.create_index = stored.create_index;
  theirs.modify_index = stored.modify_index;
  return codec::equal(stored, theirs);
}

template <class Request>
void ask_home(const server_context& context, Request& request) {
  request.region = context.options.acl.authoritative_region;
  request.auth_token = context.options.acl.replication_token;
  request.allow_stale = true;
}

}  // namespace

void acl_replication::start() {
  const auto& o = context_.options;
  if (!o.acl.enabled || o.acl.authoritative_region.empty() || o.acl.authoritative_region == o.region || o.acl.replication_token.empty()) return;
  scope_.spawn(follow<policies>());
  scope_.spawn(follow<roles>());
  scope_.spawn(follow<tokens>());
  scope_.spawn(follow<auth_methods>());
  scope_.spawn(follow<binding_rules>());
  scope_.spawn(follow<quotas>());
  scope_.spawn(follow<namespaces>());
  scope_.spawn(follow<node_pools>());
}

// One look: the list when it is newer than `from`, and whatever in it is not as it was seen last.
template <class Kind>
net::awaitable<result<uint64_t>> acl_replication::catch_up(uint64_t from, std::map<std::string, uint64_t>& seen) {
  typename Kind::list_request list;
  ask_home(context_, list);
  list.min_query_index = from;
  Kind::only_shared(list);
  CO_TRY_ASSIGN(auto listed, co_await context_.call<typename Kind::list_response>(Kind::list_method, std::move(list)));
  if (!context_.is_leader) co_return fail(errc::cancelled, "another server leads");
  std::map<std::string, uint64_t> there;
  std::map<std::string, uint64_t> taken;  // of what is there: what this region has now, too
  std::vector<std::string> changed;
  for (const auto& stub : Kind::stubs(listed)) {
    there[Kind::key(stub)] = stub.modify_index;
    auto known = seen.find(Kind::key(stub));
    if (known == seen.end() || known->second != stub.modify_index) changed.push_back(Kind::key(stub));
    else taken.insert(*known);
  }
  for (size_t at = 0; at < changed.size(); at += acl_replication_batch) {
    typename Kind::get_request get;
    ask_home(context_, get);
    // Any server of the other region may answer, also one that is behind the one that gave the list: it waits until it has all that is listed.
    get.min_query_index = listed.index - std::min<uint64_t>(listed.index, 1);
    auto end = std::min(changed.size(), at + acl_replication_batch);
    Kind::keys(get).assign(changed.begin() + static_cast<ptrdiff_t>(at), changed.begin() + static_cast<ptrdiff_t>(end));
    CO_TRY_ASSIGN(auto got, co_await context_.call<typename Kind::get_response>(Kind::get_method, std::move(get)));
    fsm::request_of<Kind::upsert> write;
    for (auto& [key, record] : Kind::records(got)) {
      if (!record) continue;
      taken[key] = record->modify_index;
      auto stored = state::find<Kind::in>(context_.state(), {key, {}, {}});
      if (!stored || !is_same(*stored, *record)) Kind::records(write).push_back(std::move(record));
    }
    if (!Kind::records(write).empty()) CO_TRY(co_await context_.replicate->apply<Kind::upsert>(write));
  }
  fsm::request_of<Kind::erase> gone;
  state::visit<Kind::in>(context_.state(), state::starting({}), [&](const auto& stored) {
    if (Kind::is_shared(*stored) && !there.contains(Kind::key(*stored))) Kind::keys(gone).push_back(Kind::key(*stored));
    return true;
  });
  if (!Kind::keys(gone).empty()) CO_TRY(co_await context_.replicate->apply<Kind::erase>(gone));
  seen = std::move(taken);
  co_return std::max<uint64_t>(listed.index, 1);  // 0 would not be held
}

template <class Kind>
net::awaitable<result<uint64_t>> acl_replication::catch_up_whole(uint64_t from) {
  typename Kind::list_request list;
  ask_home(context_, list);
  list.min_query_index = from;
  CO_TRY_ASSIGN(auto listed, co_await context_.call<typename Kind::list_response>(Kind::list_method, std::move(list)));
  if (!context_.is_leader) co_return fail(errc::cancelled, "another server leads");
  std::set<std::string> there;
  fsm::request_of<Kind::upsert> write;
  for (auto& record : Kind::records(listed)) {
    if (!there.insert(record->name).second || !Kind::is_shared(*record)) continue;
    auto stored = state::find<Kind::in>(context_.state(), {record->name, {}, {}});
    if (!stored || !is_same(*stored, *record)) Kind::records(write).push_back(std::move(record));
  }
  if (!Kind::records(write).empty()) CO_TRY(co_await context_.replicate->apply<Kind::upsert>(write));
  std::vector<std::string> gone;
  state::visit<Kind::in>(context_.state(), state::starting({}), [&](const auto& stored) {
    if (Kind::is_shared(*stored) && !there.contains(stored->name)) gone.push_back(stored->name);
    return true;
  });
  // What is still used here stays, and is tried again: its users end without a word from home.
  std::optional<error> refused;
  for (auto& name : gone) {
    fsm::request_of<Kind::erase> erase;
    Kind::keys(erase).push_back(std::move(name));
    if (auto done = co_await context_.replicate->apply<Kind::erase>(erase); !done) refused = std::move(done).error();
  }
  if (refused) co_return std::unexpected(*std::move(refused));
  co_return std::max<uint64_t>(listed.index, 1);
}

template <class Kind>
net::awaitable<void> acl_replication::follow() {
  uint64_t index = 0;
  std::map<std::string, uint64_t> seen;
  for (bool works = true;;) {
    if (!context_.is_leader) {
      // Others wrote meanwhile: all is looked at again.
      index = 0;
      seen.clear();
      co_await context_.leadership_changed.wait(net::never);
      continue;
    }
    result<uint64_t> done = 0;
    if constexpr (is_listed_whole<Kind>) done = co_await catch_up_whole<Kind>(index);
    else done = co_await catch_up<Kind>(index, seen);
    if (done) {
      // The other region may have been restored to an earlier state.
      index = *done < index ? 0 : *done;
      works = true;
      continue;
    }
    index = 0;
    if (!context_.is_leader) continue;
    // Once until it works again: this is tried for as long as the other region is away.
    if (works)
      context_.logger.warn("what all regions share is not replicated",
                           {{"what", Kind::what}, {"region", context_.options.acl.authoritative_region}, {"error", done.error().text()}});
    works = false;
    co_await net::sleep_for(acl_replication_retry);
  }
}

}  // namespace drover::server
