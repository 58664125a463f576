#include "server/identities.h"

#include <algorithm>

#include "base/text.h"
#include "jwt/jwt.h"
#include "server/secret_lookup.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using schema::ref;
using state::table;

constexpr duration node_identity_ttl = hours(24);  // unless the node's pool says otherwise

bool runs(const schema::allocation& alloc) {
  bool ended = alloc.client_status == "complete" || alloc.client_status == "failed" || alloc.client_status == "lost";
  return alloc.desired_status == "run" && !ended;
}

bool is_token(std::string_view text) { return text.starts_with("eyJ"); }

const schema::task_group* group_of(const schema::allocation& alloc) {
  if (!alloc.job) return nullptr;
  auto found = std::ranges::find(alloc.job->task_groups, alloc.task_group.str(), &schema::task_group::name);
  return found == alloc.job->task_groups.end() ? nullptr : &*found;
}

duration ttl_of(const state::snapshot& state, const schema::node& node) {
  auto pool = state.node_pool(node.node_pool);
  return pool && pool->node_identity_ttl.ns > 0 ? pool->node_identity_ttl : node_identity_ttl;
}

// Agents before 1.11 do not know what to do with one.
bool takes_identities(const schema::node& node) {
  auto found = node.attributes.find("nomad.version");
  if (found == node.attributes.end()) return false;
  auto parts = split(found->second, '.');
  auto major = parse_int(parts[0]);
  auto minor = parts.size() > 1 ? parse_int(parts[1]) : std::nullopt;
  return major && (*major > 1 || (*major == 1 && minor.value_or(0) >= 11));
}

std::optional<std::string> active_key_id(const state::snapshot& state) {
  std::optional<std::string> out;
  state::visit<table::root_keys>(state, state::starting({}), [&](const auto& key) {
    if (key->state == "active") out = key->key_id;
    return !out;
  });
  return out;
}

// The identity that the node came with is still good for a while, and says what is so.
bool is_current(server_context& context, const state::snapshot& state, const schema::node& node, const std::string& token, const std::string& key_id) {
  std::string signed_with;
  auto claims = context.keyring->verify_signature(state, token, &signed_with);
  if (!claims || signed_with != key_id) return false;
  auto expires = jwt::time_claim(*claims, "exp");
  bool lasts = !expires || *expires > context.clock.now() + ttl_of(state, node) / 3;
  return lasts && jwt::text_claim(*claims, "nomad_node_id") == node.id && jwt::text_claim(*claims, "nomad_node_pool") == node.node_pool &&
         jwt::text_claim(*claims, "nomad_node_class") == node.node_class && jwt::text_claim(*claims, "nomad_node_datacenter") == node.datacenter;
}

}  // namespace

std::optional<std::string> node_of_token(server_context& context, const state::snapshot& state, const std::string& token) {
  if (is_token(token)) {
    auto claims = context.keyring->verify(state, token);
    auto id = claims ? jwt::text_claim(*claims, "nomad_node_id") : std::string();
    if (id.empty() || !state.node(id)) return std::nullopt;
    return id;
  }
  auto node = node_of_secret(state, token);
  return node ? std::optional(node->id) : std::nullopt;
}

net::awaitable<result<>> add_default_identities(server_context& context, std::string node_id, std::vector<ref<schema::allocation>>& allocs) {
  auto state = context.state();
  auto node = state.node(node_id);
  struct place {
    std::shared_ptr<schema::allocation> alloc;
    std::string task;
  };
  std::vector<place> places;
  std::vector<value> claims;
  for (auto& alloc : allocs) {
    const auto* group = alloc ? group_of(*alloc) : nullptr;
    if (group == nullptr || alloc->node_id != node_id || !runs(*alloc)) continue;
    auto copy = std::make_shared<schema::allocation>(*alloc);
    auto definition = state.namespace_named(copy->namespace_);
    for (const auto& task : group->tasks) {
      workload of{.job = *copy->job, .alloc = *copy, .definition = definition.get(), .node = node.get()};
      claims.push_back(task_claims(of, task, task.identity ? &*task.identity : nullptr, {context.clock.now(), context.random.uuid()}));
      places.push_back({copy, task.name});
    }
    alloc = copy;
  }
  if (claims.empty()) co_return result<>{};
  CO_TRY_ASSIGN(auto tokens, co_await context.keyring->sign(std::move(claims)));
  for (size_t i = 0; i < tokens.size(); ++i) {
    places[i].alloc->signed_identities[places[i].task] = std::move(tokens[i].jwt);
    places[i].alloc->signing_key_id = tokens[i].key_id;
  }
  co_return result<>{};
}

net::awaitable<std::optional<signed_token>> identity_for(server_context& context, ref<schema::node> node, node_identity_request request) {
  auto state = context.state();
  // A cluster that is making its first key gives identities with the next heartbeat.
  auto key_id = active_key_id(state);
  if (!takes_identities(*node) || !key_id) co_return std::nullopt;
  bool has_one = is_token(request.token);
  if (has_one && !request.force && is_current(context, state, *node, request.token, *key_id)) co_return std::nullopt;
  // A node that goes on using its secret has what it wants; it is asked again when keys change.
  if (!has_one && !request.force && node->identity_signing_key_id == *key_id) co_return std::nullopt;
  std::vector<value> claims;
  claims.push_back(node_claims(*node, context.options.region, ttl_of(state, *node), {context.clock.now(), context.random.uuid()}));
  auto made = co_await context.keyring->sign(std::move(claims));
  if (!made) {
    context.logger.warn("the identity of a node could not be signed", {{"node_id", node->id}, {"error", made.error().text()}});
    co_return std::nullopt;
  }
  co_return std::move(made->front());
}

result<> check_introduction(server_context& context, const schema::node& node, const std::string& token) {
  const auto& enforcement = context.options.client_introduction.enforcement;
  if (enforcement == "none") return {};
  std::string why = "node registration without introduction token";
  if (is_token(token)) {
    auto claims = context.keyring->verify(context.state(), token);
    if (!claims) {
      why = "node registration introduction authentication failure";
    } else if (jwt::text_claim(*claims, "sub").starts_with("node-introduction:")) {
      auto name = jwt::text_claim(*claims, "nomad_node_name");
      if (jwt::text_claim(*claims, "nomad_node_pool") == node.node_pool && (name.empty() || name == node.name)) return {};
      why = "node registration introduction claims mismatch";
    } else if (jwt::text_claim(*claims, "nomad_node_id") == node.id) {
      return {};
    }
  }
  context.logger.warn(why, {{"enforcement_level", enforcement}, {"node_id", node.id}, {"node_name", node.name}, {"node_pool", node.node_pool}});
  if (enforcement == "strict") return fail(errc::permission_denied, "Permission denied");
  return {};
}

}  // namespace drover::server
