// A login with OpenID Connect (authorization code flow, RFC 6749 and OpenID Connect Core 1.0; PKCE: RFC 7636), as far as it needs no network: the
// URL to which a person is sent, and what is remembered until they come back.
//
// oidc_logins: loop thread only, in the memory of the leader that made the URL: a login that a change of leaders interrupts begins anew.
// The rest is pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/value.h"
#include "net/loop.h"
#include "schema/acl.h"
#include "server/login.h"

namespace drover::server {

// A login that was begun: what the answer of the provider must fit.
struct oidc_login {
  std::string method, redirect_uri, nonce, state, verifier;
};

class oidc_logins {
 public:
  // The one that was begun with this nonce, or `fresh`. errc::unavailable: too many have begun; errc::invalid: the nonce is another login's.
  result<oidc_login> begin(oidc_login fresh, net::time_point now);
  // Each once. Nothing: it was not begun, is over, or was of another method.
  std::optional<oidc_login> take(const std::string& nonce, const std::string& method, net::time_point now);

 private:
  struct kept {
    oidc_login login;
    net::time_point until;
  };
  std::map<std::string, kept> by_nonce_;
};

// One of those allowed; of one to this machine ("http://localhost:1/x") the port does not count (RFC 8252, 7.3).
bool is_allowed_redirect(const schema::acl_auth_method_config& config, const std::string& uri);

// "S256" of RFC 7636.
std::string code_challenge(const std::string& verifier);
std::string authorization_url(const provider_document& provider, const schema::acl_auth_method_config& config, const oidc_login& login);
// What proves who this client is: the code that is exchanged, and a signed assertion where the method has one ("" otherwise).
struct oidc_proof {
  std::string code{}, assertion{};
};
// The body of the request that turns the code into tokens.
std::string token_form(const provider_document& provider, const schema::acl_auth_method_config& config, const oidc_login& login, const oidc_proof& proof);
// The header that goes with it; "": none.
std::string token_authorization(const provider_document& provider, const schema::acl_auth_method_config& config);

// What an id token must say beyond check_claims(): for this client, from this provider, for this login.
result<> check_id_claims(const provider_document& provider, const schema::acl_auth_method_config& config, const oidc_login& login, const value& claims);
// The claims of the id token with those of the user's document. errc::permission_denied: they are of different people.
result<value> with_user_claims(const value& id_claims, const value& user_claims);

}  // namespace drover::server
