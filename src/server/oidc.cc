#include "server/oidc.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "jwt/jwt.h"
#include "net/http.h"
#include "server/client_assertion.h"
#include "server/login_limits.h"

namespace drover::server {
namespace {

error not_allowed(std::string_view why) { return {errc::permission_denied, fmt::format("Permission denied: {}", why)}; }

bool is_this_machine(const net::http_url& url) { return url.host == "localhost" || url.host == "127.0.0.1" || url.host == "::1"; }

// "openid" is asked for whether it was configured or not.
std::string scopes_of(const schema::acl_auth_method_config& config) {
  std::string out = "openid";
  for (const auto& scope : config.oidc_scopes)
    if (scope != "openid") (out += ' ') += scope;
  return out;
}

}  // namespace

result<oidc_login> oidc_logins::begin(oidc_login fresh, net::time_point now) {
  std::erase_if(by_nonce_, [&](const auto& each) { return each.second.until <= now; });
  auto found = by_nonce_.find(fresh.nonce);
  if (found != by_nonce_.end()) {
    const auto& known = found->second.login;
    if (known.method != fresh.method || known.redirect_uri != fresh.redirect_uri) return fail(errc::invalid, "the client nonce was used for another login");
    return known;
  }
  if (by_nonce_.size() >= oidc_logins_max)
    return fail(errc::unavailable, "too many auth requests: {} logins have begun, try again in a few minutes", by_nonce_.size());
  auto out = fresh;
  auto nonce = fresh.nonce;
  by_nonce_.emplace(std::move(nonce), kept{std::move(fresh), now + std::chrono::nanoseconds(oidc_login_lifetime.ns)});
  return out;
}

std::optional<oidc_login> oidc_logins::take(const std::string& nonce, const std::string& method, net::time_point now) {
  auto found = by_nonce_.find(nonce);
  if (found == by_nonce_.end()) return std::nullopt;
  auto known = std::move(found->second);
  by_nonce_.erase(found);
  if (known.until <= now || known.login.method != method) return std::nullopt;
  return std::move(known.login);
}

bool is_allowed_redirect(const schema::acl_auth_method_config& config, const std::string& uri) {
  if (std::ranges::find(config.allowed_redirect_ur_is, uri) != config.allowed_redirect_ur_is.end()) return true;
  auto asked = net::parse_url(uri);
  if (!asked || !is_this_machine(*asked)) return false;
  return std::ranges::any_of(config.allowed_redirect_ur_is, [&](const std::string& each) {
    auto allowed = net::parse_url(each);
    return allowed && is_this_machine(*allowed) && allowed->host == asked->host && allowed->scheme == asked->scheme && allowed->target == asked->target;
  });
}

std::string code_challenge(const std::string& verifier) { return jwt::base64url_encode(crypto::sha256(verifier)); }

std::string authorization_url(const provider_document& provider, const schema::acl_auth_method_config& config, const oidc_login& login) {
  net::http_query query;
  query.add("client_id", config.oidc_client_id);
  query.add("nonce", login.nonce);
  query.add("redirect_uri", login.redirect_uri);
  query.add("response_type", "code");
  query.add("scope", scopes_of(config));
  query.add("state", login.state);
  if (config.oidc_enable_pkce) {
    query.add("code_challenge", code_challenge(login.verifier));
    query.add("code_challenge_method", "S256");
  }
  const auto& base = provider.authorization_endpoint;
  return fmt::format("{}{}{}", base, base.find('?') == base.npos ? '?' : '&', query.text());
}

std::string token_form(const provider_document& provider, const schema::acl_auth_method_config& config, const oidc_login& login, const oidc_proof& proof) {
  net::http_query form;
  form.add("grant_type", "authorization_code");
  form.add("code", proof.code);
  form.add("redirect_uri", login.redirect_uri);
  if (config.oidc_enable_pkce) form.add("code_verifier", login.verifier);
  if (!proof.assertion.empty()) {
    form.add("client_id", config.oidc_client_id);
    form.add("client_assertion_type", std::string(client_assertion_type));
    form.add("client_assertion", proof.assertion);
    return form.text();
  }
  if (provider.client_secret_in_body || config.oidc_client_secret.empty()) form.add("client_id", config.oidc_client_id);
  if (provider.client_secret_in_body && !config.oidc_client_secret.empty()) form.add("client_secret", config.oidc_client_secret);
  return form.text();
}

std::string token_authorization(const provider_document& provider, const schema::acl_auth_method_config& config) {
  // A secret only signs where there is an assertion.
  if (config.oidc_client_assertion || provider.client_secret_in_body || config.oidc_client_secret.empty()) return {};
  // RFC 6749, 2.3.1: both encoded before they are joined.
  return "Basic " + base64_encode(fmt::format("{}:{}", net::percent_encode(config.oidc_client_id), net::percent_encode(config.oidc_client_secret)));
}

result<> check_id_claims(const provider_document& provider, const schema::acl_auth_method_config& config, const oidc_login& login, const value& claims) {
  if (jwt::text_claim(claims, "iss") != provider.issuer) return std::unexpected(not_allowed("the id token's issuer is not the provider's"));
  auto audiences = jwt::audiences(claims);
  if (std::ranges::find(audiences, config.oidc_client_id) == audiences.end()) return std::unexpected(not_allowed("the id token is for another client"));
  auto party = jwt::text_claim(claims, "azp");
  if (!party.empty() && party != config.oidc_client_id) return std::unexpected(not_allowed("the id token was made for another client"));
  if (!crypto::same_digest(jwt::text_claim(claims, "nonce"), login.nonce)) return std::unexpected(not_allowed("the id token is of another login"));
  if (jwt::text_claim(claims, "sub").empty()) return std::unexpected(not_allowed("the id token names nobody"));
  return {};
}

result<value> with_user_claims(const value& id_claims, const value& user_claims) {
  const auto* first = id_claims.as_object();
  const auto* more = user_claims.as_object();
  if (first == nullptr || more == nullptr) return std::unexpected(not_allowed("the provider says nothing readable about the user"));
  if (jwt::text_claim(user_claims, "sub") != jwt::text_claim(id_claims, "sub"))
    return std::unexpected(not_allowed("the provider's user document is of somebody else than its id token"));
  auto out = *first;
  for (const auto& [name, each] : *more)
    if (name != "iss" && name != "sub") out.set(name, each);
  return value(std::move(out));
}

}  // namespace drover::server
