#include "api/agent_access.h"

#include "acl/policy.h"
#include "api/http_api.h"
#include "api/limits.h"
#include "api/router.h"
#include "base/text.h"
#include "client/system.h"
#include "schema/acl.h"

namespace drover::api {
namespace {

using net::awaitable;
using access = std::shared_ptr<const acl::acl>;

acl::level level_named(std::string_view name) {
  if (name == "write") return acl::level::write;
  return name == "list" ? acl::level::list : acl::level::read;
}

}  // namespace

bool has_access(const acl::acl& may, std::string_view needed, std::string_view namespace_) {
  if (needed.empty()) return true;
  auto colon = needed.find(':');
  auto what = needed.substr(0, colon);
  auto how = colon == needed.npos ? std::string_view() : needed.substr(colon + 1);
  if (what == "ns") {
    auto capability = acl::capability_named(how);
    return capability && may.allows(namespace_.empty() ? "default" : namespace_, *capability);
  }
  if (what == "agent") return may.allows_agent(level_named(how));
  if (what == "node") return may.allows_node(level_named(how));
  if (what == "quota") return may.allows_quota(level_named(how));
  if (what == "operator" && (how == "read" || how == "write")) return may.allows_operator(level_named(how));
  return may.is_management();
}

awaitable<result<agent_access::known>> agent_access::ask(std::string token) {
  CO_TRY_ASSIGN(auto* servers, (with_.servers == nullptr ? result<rpc::channel*>(fail(errc::unavailable, "No cluster leader")) : with_.servers));
  known out{.may = acl::acl::nobody(), .until = net::after(with_.acl_ttl)};
  // What the cluster signed for a task or a node is no stored token: it says itself who it is, and its policies are asked for as those of a token.
  bool is_signed = !token.empty() && !is_uuid(token);
  if (is_signed) {
    schema::generic_request request;
    request.region = with_.region;
    request.auth_token = token;
    request.allow_stale = true;
    CO_TRY_ASSIGN(auto found, co_await rpc::call<schema::acl_who_am_i_response>(*servers, "ACL.WhoAmI", std::move(request)));
    if (!found.identity || found.identity->claims.is_null()) co_return fail(errc::permission_denied, "ACL token not found");
    if (const auto* ends = found.identity->claims.find("exp"))
      if (auto seconds = ends->as_int()) out.expires = timestamp(*seconds * 1'000'000'000);
  }
  if (!token.empty() && !is_signed) {
    schema::resolve_acl_token_request request;
    request.region = with_.region;
    request.secret_id = request.auth_token = token;
    request.allow_stale = true;
    CO_TRY_ASSIGN(auto found, co_await rpc::call<schema::resolve_acl_token_response>(*servers, "ACL.ResolveToken", std::move(request)));
    if (!found.token) co_return fail(errc::permission_denied, "ACL token not found");
    if (found.token->expiration_time) out.expires = *found.token->expiration_time;
    if (found.token->type == "management") {
      out.may = acl::acl::management();
      co_return out;
    }
  }
  // What a token has by itself and by its roles.
  schema::generic_request request;
  request.region = with_.region;
  request.auth_token = token;
  request.allow_stale = true;
  CO_TRY_ASSIGN(auto set, co_await rpc::call<schema::acl_policy_set_response>(*servers, "ACL.GetClaimPolicies", std::move(request)));
  std::vector<acl::policy> policies;
  for (const auto& [name, policy] : set.policies)
    if (auto parsed = acl::parse_policy(name, policy->rules)) policies.push_back(*std::move(parsed));
  out.may = std::make_shared<const acl::acl>(policies);
  co_return out;
}

awaitable<result<access>> agent_access::access_of(std::string token) {
  if (with_.server != nullptr) co_return with_.server->access_of(token);
  auto it = known_.find(token);
  if (it == known_.end() || it->second.until <= net::now()) {
    CO_TRY_ASSIGN(auto fresh, co_await ask(token));
    if (known_.size() >= known_tokens_max) known_.clear();
    it = known_.insert_or_assign(token, std::move(fresh)).first;
  }
  if (!it->second.expires.is_zero() && it->second.expires <= client::wall_now()) co_return fail(errc::permission_denied, "ACL token expired");
  co_return it->second.may;
}

awaitable<result<>> agent_access::check(const call& c) {
  schema::query_options options;
  CO_TRY(fill_options(c, options));
  CO_TRY_ASSIGN(auto may, co_await access_of(std::move(options.auth_token)));
  if (!has_access(*may, c.route.row->acl, options.namespace_)) co_return fail(errc::permission_denied, "Permission denied");
  co_return result<>{};
}

}  // namespace drover::api
