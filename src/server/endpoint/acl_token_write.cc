#include "server/endpoint/acl_token_write.h"

#include <algorithm>

#include "base/text.h"
#include "server/endpoint/acl_common.h"

namespace drover::server {
namespace {

using state::table;

result<> check_kind(const schema::acl_token& token) {
  if (token.name.size() > acl_name_bytes_max) return fail(errc::invalid, "token name longer than {}", acl_name_bytes_max);
  if (token.type == "client") {
    if (token.policies.empty() && token.roles.empty()) return fail(errc::invalid, "client token missing policies or roles");
    return {};
  }
  if (token.type != "management") return fail(errc::invalid, "token type must be client or management");
  if (!token.policies.empty() || !token.roles.empty()) return fail(errc::invalid, "management token cannot be associated with policies or roles");
  return {};
}

result<> complete_expiration(const server_context& context, schema::acl_token& token) {
  const auto& limits = context.options.acl;
  if (token.expiration_ttl.ns < 0) return fail(errc::invalid, "token expiration TTL '{}' should not be negative", to_string(token.expiration_ttl));
  if (token.expiration_ttl.ns > 0) {
    if (token.expiration_time) return fail(errc::invalid, "token expiration TTL and expiration time must not both be given");
    token.expiration_time = token.create_time + token.expiration_ttl;
  }
  if (!token.expiration_time) return {};
  auto from_now = duration(token.expiration_time->ns - context.clock.now().ns);
  if (token.expiration_time->ns < token.create_time.ns) return fail(errc::invalid, "expiration time cannot be before create time");
  if (from_now < limits.token_min_expiration)
    return fail(errc::invalid, "expiration time cannot be less than {} in the future (was {})", to_string(limits.token_min_expiration), to_string(from_now));
  if (from_now > limits.token_max_expiration)
    return fail(errc::invalid, "expiration time cannot be more than {} in the future (was {})", to_string(limits.token_max_expiration), to_string(from_now));
  return {};
}

result<> complete_roles(const state::snapshot& state, schema::acl_token& token) {
  std::vector<schema::acl_token_role_link> links;
  for (const auto& link : token.roles) {
    ref<schema::acl_role> role;
    if (!link.id.empty()) {
      role = state::find<table::acl_roles>(state, {link.id, {}, {}});
    } else {
      auto named = state::collect<table::acl_roles>(state, state::tree_id::acl_roles_by_name, state::within(link.name));
      if (!named.empty()) role = named.front();
    }
    if (!role) return fail(errc::invalid, "cannot find role {}", link.id.empty() ? link.name : link.id);
    if (std::ranges::find(links, role->id, &schema::acl_token_role_link::id) == links.end()) links.push_back({.id = role->id, .name = role->name});
  }
  token.roles = std::move(links);
  return {};
}

}  // namespace

bytes hash_of_token(const schema::acl_token& token) {
  std::string lists;
  for (const auto& policy : token.policies) (lists += policy) += ',';
  for (const auto& role : token.roles) (lists += role.id) += ',';
  return hash_of({token.name, token.type, token.global ? "global" : "local", lists});
}

result<schema::acl_token> completed_token(server_context& context, const state::snapshot& state, schema::acl_token token) {
  auto stored = token.accessor_id.empty() ? nullptr : state::find<table::acl_tokens>(state, {token.accessor_id, {}, {}});
  if (!token.accessor_id.empty() && !is_uuid(token.accessor_id)) return fail(errc::invalid, "invalid accessor ID \"{}\": it must be a UUID", token.accessor_id);
  if (stored) {
    if (stored->global != token.global) return fail(errc::invalid, "cannot toggle global mode of {}", token.accessor_id);
    if (!token.secret_id.empty() && token.secret_id != stored->secret_id) return fail(errc::invalid, "cannot change secret ID of {}", token.accessor_id);
    bool changes_end = token.expiration_time && token.expiration_time != stored->expiration_time;
    if (changes_end || (token.expiration_ttl.ns != 0 && token.expiration_ttl != stored->expiration_ttl))
      return fail(errc::invalid, "cannot update expiration time of {}", token.accessor_id);
    token.secret_id = stored->secret_id;
    token.create_time = stored->create_time;
    token.expiration_time = stored->expiration_time;
    token.expiration_ttl = stored->expiration_ttl;
  } else {
    if (token.accessor_id.empty()) token.accessor_id = context.random.uuid();
    token.secret_id = context.random.uuid();
    token.create_time = context.clock.now();
  }
  TRY(check_kind(token));
  if (!stored) TRY(complete_expiration(context, token));
  TRY(complete_roles(state, token));
  token.hash = hash_of_token(token);
  return token;
}

}  // namespace drover::server
