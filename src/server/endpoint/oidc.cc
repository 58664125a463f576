#include "server/endpoint/oidc.h"

#include "codec/json.h"
#include "crypto/digest.h"
#include "server/client_assertion.h"
#include "server/endpoint/acl_common.h"
#include "server/endpoint/login_token.h"
#include "server/keyring.h"
#include "server/oidc.h"

namespace drover::server {
namespace {

using auth_url_request = schema::acloidc_auth_url_request;
using auth_url_response = schema::acloidc_auth_url_response;
using complete_request = schema::acloidc_complete_auth_request;

// What begun logins and their providers' documents are kept in, as long as the methods.
struct oidc_parts {
  std::shared_ptr<login_keys> keys;
  oidc_logins logins;
};

result<> need_text(const std::string& text, std::string_view what) {
  if (text.empty()) return fail(errc::invalid, "missing {}", what);
  if (text.size() > acl_token_bytes_max) return fail(errc::invalid, "{} has more than {} bytes", what, acl_token_bytes_max);
  return {};
}

awaitable<result<auth_url_response>> auth_url(server_context& context, std::shared_ptr<oidc_parts> parts, auth_url_request request) {
  auth_url_response response;
  CO_TRY_ASSIGN(bool answered, co_await answered_elsewhere(context, "ACL.OIDCAuthURL", "OIDC", request, response));
  if (answered) co_return std::move(response);
  CO_TRY(need_acl(context));
  CO_TRY(need_text(request.auth_method_name, "auth method name"));
  CO_TRY(need_text(request.client_nonce, "client nonce"));
  CO_TRY(need_text(request.redirect_uri, "redirect URI"));
  CO_TRY_ASSIGN(auto method, auth_method_for(context.state(), request.auth_method_name, "OIDC"));
  if (!is_allowed_redirect(*method->config, request.redirect_uri))
    co_return fail(errc::invalid, "redirect URI \"{}\" is none of the auth method's AllowedRedirectURIs", request.redirect_uri);
  CO_TRY_ASSIGN(auto provider, co_await parts->keys->discover(method));
  if (provider.authorization_endpoint.empty() || provider.token_endpoint.empty())
    co_return fail(errc::unavailable, "the discovery document of {} names no authorization_endpoint or no token_endpoint", method->config->oidc_discovery_url);
  oidc_login fresh{.method = method->name,
                   .redirect_uri = request.redirect_uri,
                   .nonce = request.client_nonce,
                   .state = context.random.uuid(),
                   .verifier = context.random.uuid() + context.random.uuid()};
  CO_TRY_ASSIGN(auto login, parts->logins.begin(std::move(fresh), net::now()));
  response.auth_url = authorization_url(provider, *method->config, login);
  co_return std::move(response);
}

awaitable<result<std::string>> client_assertion(server_context& context, ref<schema::acl_auth_method> method) {
  const auto& config = *method->config;
  auto now = context.clock.now();
  auto claims = assertion_claims(config, now, context.random.uuid());
  auto signed_text = is_signed_by_cluster(config) ? co_await context.keyring->sign_with_header(assertion_header(config), std::move(claims))
                                                  : sign_client_assertion(config, claims, now);
  if (!signed_text) co_return fail(errc::unavailable, "the client assertion of auth method \"{}\": {}", method->name, signed_text.error().text());
  co_return signed_text;
}

// The claims of whom the code stands for.
awaitable<result<value>> claims_for_code(server_context& context, std::shared_ptr<login_keys> keys, ref<schema::acl_auth_method> method, oidc_login login,
                                         std::string code) {
  const auto& config = *method->config;
  CO_TRY_ASSIGN(auto provider, co_await keys->discover(method));
  oidc_proof proof{.code = std::move(code)};
  if (config.oidc_client_assertion) {
    CO_TRY_ASSIGN(proof.assertion, co_await client_assertion(context, method));
  }
  auto answer = co_await keys->fetch({.url = provider.token_endpoint,
                                      .trusted = trusted_of(config),
                                      .authorization = token_authorization(provider, config),
                                      .form = token_form(provider, config, login, proof)});
  if (!answer) co_return fail(errc::permission_denied, "Permission denied: the code was not exchanged for a token: {}", answer.error().text());
  auto tokens = codec::value_from_json(*answer);
  auto id_token = tokens ? jwt::text_claim(*tokens, "id_token") : std::string();
  if (id_token.empty() || id_token.size() > acl_token_bytes_max)
    co_return fail(errc::unavailable, "the identity provider at {} answers without an id_token", provider.token_endpoint);
  CO_TRY_ASSIGN(auto claims, co_await keys->verify(method, std::move(id_token)));
  CO_TRY(check_id_claims(provider, config, login, claims));
  CO_TRY(check_claims(*method, claims, context.clock.now()));
  auto access = jwt::text_claim(*tokens, "access_token");
  if (config.oidc_disable_user_info || provider.userinfo_endpoint.empty() || access.empty()) co_return claims;
  CO_TRY_ASSIGN(auto body, co_await keys->fetch({.url = provider.userinfo_endpoint, .trusted = trusted_of(config), .authorization = "Bearer " + access}));
  auto user = codec::value_from_json(body);
  if (!user) co_return fail(errc::unavailable, "the identity provider at {} answers something else than JSON", provider.userinfo_endpoint);
  co_return with_user_claims(claims, *user);
}

awaitable<result<schema::acl_login_response>> complete(server_context& context, std::shared_ptr<oidc_parts> parts, complete_request request) {
  schema::acl_login_response response;
  CO_TRY_ASSIGN(bool answered, co_await answered_elsewhere(context, "ACL.OIDCCompleteAuth", "OIDC", request, response));
  if (answered) co_return std::move(response);
  CO_TRY(need_acl(context));
  CO_TRY(need_text(request.auth_method_name, "auth method name"));
  CO_TRY(need_text(request.client_nonce, "client nonce"));
  CO_TRY(need_text(request.state, "state"));
  CO_TRY(need_text(request.code, "code"));
  CO_TRY(need_text(request.redirect_uri, "redirect URI"));
  CO_TRY_ASSIGN(auto method, auth_method_for(context.state(), request.auth_method_name, "OIDC"));
  auto login = parts->logins.take(request.client_nonce, method->name, net::now());
  if (!login) co_return fail(errc::permission_denied, "Permission denied: no OIDC request found for client nonce: begin the login anew");
  if (!crypto::same_digest(login->state, request.state) || login->redirect_uri != request.redirect_uri)
    co_return fail(errc::permission_denied, "Permission denied: the state or the redirect URI is not that of the login");
  CO_TRY_ASSIGN(auto provider, co_await parts->keys->discover(method));
  if (provider.answers_with_issuer && request.iss != provider.issuer)
    co_return fail(errc::permission_denied, "Permission denied: invalid or missing issuer parameter in callback");
  CO_TRY_ASSIGN(auto raw, co_await claims_for_code(context, parts->keys, method, *std::move(login), std::move(request.code)));
  CO_TRY_ASSIGN(auto claims, mapped_claims(*method, raw));
  co_return co_await give_login_token(context, std::move(method), std::move(claims));
}

}  // namespace

void add_oidc_methods(rpc::method_table& table, server_context& context, std::shared_ptr<login_keys> keys) {
  auto parts = std::make_shared<oidc_parts>();
  parts->keys = std::move(keys);
  table.add<auth_url_request, auth_url_response>(
      "ACL.OIDCAuthURL", [&context, parts](rpc::call_context, auth_url_request request) { return auth_url(context, parts, std::move(request)); });
  table.add<complete_request, schema::acl_login_response>(
      "ACL.OIDCCompleteAuth", [&context, parts](rpc::call_context, complete_request request) { return complete(context, parts, std::move(request)); });
}

}  // namespace drover::server
