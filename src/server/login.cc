#include "server/login.h"

#include <algorithm>

#include "acl/policy.h"
#include "base/text.h"
#include "codec/filter.h"
#include "codec/json.h"
#include "net/http_client.h"
#include "net/tls_trusting.h"
#include "server/client_assertion.h"
#include "server/login_limits.h"
#include "state/tables.h"

namespace drover::server {

namespace {

using state::table;

error not_allowed(std::string_view why) { return {errc::permission_denied, fmt::format("Permission denied: {}", why)}; }

// "groups", or a JSON pointer "/realm/roles".
const value* claim_at(const value& claims, std::string_view path) {
  if (!path.starts_with('/')) return claims.find(path);
  const value* at = &claims;
  for (auto part : split(path.substr(1), '/')) {
    if (at == nullptr) return nullptr;
    at = at->find(part);
  }
  return at;
}

std::optional<std::string> as_text(const value& v) {
  if (const auto* text = v.as_string()) return *text;
  if (const auto* number = v.as_int()) return std::to_string(*number);
  if (const auto* truth = v.as_bool()) return *truth ? "true" : "false";
  return std::nullopt;
}

std::vector<jwt::signature_algorithm> algorithms_of(const schema::acl_auth_method_config& config) {
  std::vector<jwt::signature_algorithm> out;
  for (const auto& name : config.signing_algs)
    if (auto a = crypto::signature_algorithm_named(name)) out.push_back(*a);
  return out;
}

duration or_default(duration given, duration otherwise) { return given.ns == 0 ? otherwise : given.ns < 0 ? duration() : given; }

result<> check_oidc_config(schema::acl_auth_method_config& config) {
  if (config.oidc_discovery_url.empty()) return fail(errc::invalid, "missing OIDCDiscoveryURL");
  if (config.oidc_client_id.empty()) return fail(errc::invalid, "missing OIDCClientID");
  if (config.allowed_redirect_ur_is.empty())
    return fail(errc::invalid, "missing AllowedRedirectURIs: of the command line it is http://localhost:4649/oidc/callback");
  if (auto completed = complete_client_assertion(config); !completed)
    return fail(errc::invalid, "invalid client assertion config: {}", completed.error().text());
  return {};
}

result<> check_trusted(const schema::acl_auth_method_config& config) {
  if (!config.jwks_ca_cert.empty() && config.jwks_url.empty()) return fail(errc::invalid, "JWKSCACert goes with JWKSURL, which is missing");
  if (!config.discovery_ca_pem.empty() && config.oidc_discovery_url.empty())
    return fail(errc::invalid, "DiscoveryCaPem goes with OIDCDiscoveryURL, which is missing");
  auto pem = trusted_of(config);
  if (pem.empty()) return {};
  if (auto made = net::tls_client_trusting(pem); !made)
    return fail(errc::invalid, "{}: {}", config.jwks_url.empty() ? "DiscoveryCaPem" : "JWKSCACert", made.error().text());
  return {};
}

}  // namespace

std::string trusted_of(const schema::acl_auth_method_config& config) {
  return config.jwks_url.empty() ? join(config.discovery_ca_pem, "\n") : config.jwks_ca_cert;
}

result<> complete_auth_method(schema::acl_auth_method& method, duration expiration_min, duration expiration_max) {
  if (!acl::is_policy_name(method.name)) return fail(errc::invalid, "invalid name '{}': a method's name is 1 to 128 letters, digits and dashes", method.name);
  if (method.type != "JWT" && method.type != "OIDC") return fail(errc::invalid, "invalid token type '{}': it is JWT or OIDC", method.type);
  if (method.token_locality != "local" && method.token_locality != "global")
    return fail(errc::invalid, "invalid token locality '{}': it is local or global", method.token_locality);
  if (method.max_token_ttl < expiration_min || method.max_token_ttl > expiration_max)
    return fail(errc::invalid, "invalid MaxTokenTTL value '{}': it must be between {} and {}", to_string(method.max_token_ttl), to_string(expiration_min),
                to_string(expiration_max));
  if (method.token_name_format.empty()) method.token_name_format = "${auth_method_type}-${auth_method_name}";
  if (!method.config) return fail(errc::invalid, "missing auth method Config");
  auto& config = *method.config;
  if (method.type == "OIDC") TRY(check_oidc_config(config));
  int sources = !config.jwt_validation_pub_keys.empty() + !config.jwks_url.empty() + !config.oidc_discovery_url.empty();
  if (sources != 1) return fail(errc::invalid, "exactly one of JWTValidationPubKeys, JWKSURL and OIDCDiscoveryURL must be set, not {}", sources);
  TRY(check_trusted(config));
  for (const auto& pem : config.jwt_validation_pub_keys)
    if (auto key = crypto::public_key::from_pem(pem); !key) return fail(errc::invalid, "a key of JWTValidationPubKeys cannot be read: {}", key.error().text());
  for (const auto& name : config.signing_algs)
    if (!crypto::signature_algorithm_named(name))
      return fail(errc::invalid, "unknown signing algorithm '{}' in SigningAlgs: such as RS256, ES256 or EdDSA", name);
  return {};
}

result<> check_binding_rule(const schema::acl_binding_rule& rule) {
  if (rule.auth_method.empty()) return fail(errc::invalid, "auth method is missing");
  if (rule.description.size() > 256) return fail(errc::invalid, "description longer than 256");
  if (rule.bind_type != "role" && rule.bind_type != "policy" && rule.bind_type != "management")
    return fail(errc::invalid, "unsupported bind type: \"{}\"; it is role, policy or management", rule.bind_type);
  if (rule.bind_type == "management" && !rule.bind_name.empty()) return fail(errc::invalid, "bind name must be empty for management");
  if (rule.bind_type != "management" && rule.bind_name.empty()) return fail(errc::invalid, "bind name is missing");
  if (!rule.selector.empty())
    if (auto parsed = codec::filter::parse(rule.selector); !parsed) return fail(errc::invalid, "invalid selector: {}", parsed.error().text());
  return {};
}

result<> check_claims(const schema::acl_auth_method& method, const value& claims, timestamp now) {
  const auto& config = *method.config;
  if (!config.bound_issuer.empty() && std::ranges::find(config.bound_issuer, jwt::text_claim(claims, "iss")) == config.bound_issuer.end())
    return std::unexpected(not_allowed("the token's issuer is none of BoundIssuer"));
  if (!config.bound_audiences.empty()) {
    auto given = jwt::audiences(claims);
    if (!std::ranges::any_of(given, [&](const auto& each) { return std::ranges::find(config.bound_audiences, each) != config.bound_audiences.end(); }))
      return std::unexpected(not_allowed("the token's audience is none of BoundAudiences"));
  }
  jwt::leeway allowed{.expiration = or_default(config.expiration_leeway, seconds(150)),
                      .not_before = or_default(config.not_before_leeway, seconds(150)),
                      .issued_at = or_default(config.clock_skew_leeway, seconds(60))};
  return jwt::check_times(claims, now, allowed);
}

result<login_claims> mapped_claims(const schema::acl_auth_method& method, const value& claims) {
  login_claims out;
  for (const auto& [from, to] : method.config->claim_mappings) {
    const auto* found = claim_at(claims, from);
    auto text = found == nullptr ? std::nullopt : as_text(*found);
    if (!text) return std::unexpected(not_allowed(fmt::format("the token has no claim \"{}\" that is a text", from)));
    out.value[to] = *std::move(text);
  }
  for (const auto& [from, to] : method.config->list_claim_mappings) {
    const auto* found = claim_at(claims, from);
    auto& list = out.list[to];
    if (found == nullptr) continue;
    if (auto single = as_text(*found)) {
      list.push_back(*std::move(single));
    } else if (const auto* several = found->as_list()) {
      for (const auto& each : *several)
        if (auto text = as_text(each)) list.push_back(*std::move(text));
    }
  }
  return out;
}

result<std::string> filled_in(std::string_view text, const login_claims& claims, const std::map<std::string, std::string>& more) {
  std::string out;
  for (;;) {
    auto begin = text.find("${");
    out += text.substr(0, begin);
    if (begin == text.npos) return out;
    auto end = text.find('}', begin);
    if (end == text.npos) return fail(errc::invalid, "\"{}\" has no \"}}\"", text);
    std::string name(trim(text.substr(begin + 2, end - begin - 2)));
    text.remove_prefix(end + 1);
    const auto& from = name.starts_with("value.") ? claims.value : more;
    auto found = from.find(name.starts_with("value.") ? name.substr(6) : name);
    if (found == from.end()) return fail(errc::invalid, "\"${{{}}}\" is nothing that the claim mappings give", name);
    out += found->second;
  }
}

result<bindings> bindings_for(const state::snapshot& state, const std::string& method, const login_claims& claims) {
  bindings out;
  result<> outcome;
  state::visit<table::acl_binding_rules>(state, state::starting({}), [&](const schema::ref<schema::acl_binding_rule>& rule) {
    if (rule->auth_method != method) return true;
    if (!rule->selector.empty()) {
      auto selector = codec::filter::parse(rule->selector);
      auto matches = selector ? selector->matches(schema::view(claims)) : result<bool>(false);
      if (!matches || !*matches) return true;
    }
    if (rule->bind_type == "management") {
      out.management = true;
      return true;
    }
    auto name = filled_in(rule->bind_name, claims);
    if (!name) {
      outcome = std::unexpected(std::move(name).error());
      return false;
    }
    if (rule->bind_type == "policy") {
      if (state::find<table::acl_policies>(state, {*name, {}, {}}) && std::ranges::find(out.policies, *name) == out.policies.end())
        out.policies.push_back(*name);
      return true;
    }
    for (const auto& role : state::collect<table::acl_roles>(state, state::tree_id::acl_roles_by_name, state::within(*name)))
      out.roles.push_back({.id = role->id, .name = role->name});
    return true;
  });
  TRY(outcome);
  return out;
}

net::awaitable<result<std::string>> login_keys::fetch(login_fetch from) {
  CO_TRY_ASSIGN(auto parsed, net::parse_url(from.url));
  net::http_client_options options;
  if (!from.trusted.empty()) {
    CO_TRY_ASSIGN(options.tls, net::tls_client_trusting(from.trusted));
  }
  bool brackets = parsed.host.find(':') != std::string::npos;
  options.address = fmt::format("{}://{}{}{}:{}", parsed.scheme, brackets ? "[" : "", parsed.host, brackets ? "]" : "", parsed.port);
  CO_TRY_ASSIGN(auto client, net::http_client::create(std::move(options)));
  net::http_client_request request;
  request.target = parsed.target.empty() ? "/" : parsed.target;
  request.timeout = login_fetch_timeout;
  request.response_bytes_max = login_fetch_bytes_max;
  request.headers.set("Accept", "application/json");
  if (!from.authorization.empty()) request.headers.set("Authorization", std::move(from.authorization));
  if (!from.form.empty()) {
    request.method = "POST";
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
    request.body = std::move(from.form);
  }
  auto answer = co_await client->request(std::move(request));
  if (!answer) co_return fail(errc::unavailable, "the identity provider at {} does not answer: {}", from.url, answer.error().text());
  if (answer->status != 200) co_return fail(errc::unavailable, "the identity provider at {} answers {}", from.url, answer->status);
  co_return std::move(answer->body);
}

net::awaitable<result<provider_document>> login_keys::discover(schema::ref<schema::acl_auth_method> method) {
  auto url = method->config->oidc_discovery_url;
  auto trusted = trusted_of(*method->config);
  while (url.ends_with('/')) url.pop_back();
  // Who trusts others sees another document.
  auto key = url + "\n" + trusted;
  if (auto kept = documents_.find(key); kept != documents_.end() && kept->second.until > net::now()) co_return kept->second.document;
  CO_TRY_ASSIGN(auto body, co_await fetch({.url = url + "/.well-known/openid-configuration", .trusted = std::move(trusted)}));
  auto read = codec::value_from_json(body);
  if (!read || read->as_object() == nullptr) co_return fail(errc::unavailable, "the discovery document of {} is not a JSON object", url);
  provider_document out;
  out.issuer = jwt::text_claim(*read, "issuer");
  out.authorization_endpoint = jwt::text_claim(*read, "authorization_endpoint");
  out.token_endpoint = jwt::text_claim(*read, "token_endpoint");
  out.userinfo_endpoint = jwt::text_claim(*read, "userinfo_endpoint");
  out.jwks_uri = jwt::text_claim(*read, "jwks_uri");
  if (out.jwks_uri.empty()) co_return fail(errc::unavailable, "the discovery document of {} names no jwks_uri", url);
  if (const auto* ways = read->find("token_endpoint_auth_methods_supported"); ways != nullptr && ways->as_list() != nullptr)
    out.client_secret_in_body = std::ranges::none_of(*ways->as_list(), [](const value& each) { return each == value("client_secret_basic"); });
  if (const auto* says = read->find("authorization_response_iss_parameter_supported"); says != nullptr) out.answers_with_issuer = *says == value(true);
  if (documents_.size() >= login_providers_max) documents_.clear();
  documents_[key] = {out, net::after(login_keys_kept_for)};
  co_return out;
}

net::awaitable<result<std::shared_ptr<const login_keys::key_set>>> login_keys::keys_of(schema::ref<schema::acl_auth_method> method, bool anew) {
  const auto& config = *method->config;
  auto trusted = trusted_of(config);
  auto from = config.jwks_url;
  auto key = (from.empty() ? config.oidc_discovery_url : from) + "\n" + trusted;
  auto kept = kept_.find(key);
  if (!anew && kept != kept_.end() && kept->second.until > net::now()) co_return kept->second.keys;
  if (from.empty()) {
    CO_TRY_ASSIGN(auto document, co_await discover(method));
    from = document.jwks_uri;
  }
  CO_TRY_ASSIGN(auto body, co_await fetch({.url = std::move(from), .trusted = std::move(trusted)}));
  CO_TRY_ASSIGN(auto keys, jwt::parse_key_set(body));
  auto made = std::make_shared<const key_set>(std::move(keys));
  if (kept_.size() >= login_providers_max) kept_.clear();
  kept_[key] = {made, net::after(login_keys_kept_for)};
  co_return made;
}

net::awaitable<result<value>> login_keys::verify(schema::ref<schema::acl_auth_method> method, std::string text) {
  const auto& config = *method->config;
  auto token = jwt::parse(text);
  if (!token) co_return std::unexpected(not_allowed(token.error().text()));
  auto allowed = algorithms_of(config);
  if (!config.jwt_validation_pub_keys.empty()) {
    for (const auto& pem : config.jwt_validation_pub_keys)
      if (auto key = crypto::public_key::from_pem(pem); key && jwt::check_signature(*token, *key, allowed)) co_return token->claims;
    co_return std::unexpected(not_allowed("none of the method's keys signed the token"));
  }
  // A provider may have turned its keys since they were fetched.
  for (bool anew : {false, true}) {
    CO_TRY_ASSIGN(auto keys, co_await keys_of(method, anew));
    for (const auto& each : *keys)
      if ((token->key_id.empty() || each.key_id.empty() || each.key_id == token->key_id) && jwt::check_signature(*token, each.key, allowed))
        co_return token->claims;
  }
  co_return std::unexpected(not_allowed("none of the provider's keys signed the token"));
}

}  // namespace drover::server
