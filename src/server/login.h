// Single sign-on with JWTs: from a token that somebody else signed to what its bearer gets here (roles, policies, management).
//
// login_keys fetches and keeps the keys of identity providers; loop thread only. The rest is pure.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/value.h"
#include "jwt/jwt.h"
#include "net/loop.h"
#include "schema/acl.h"
#include "schema/describe.h"
#include "state/snapshot.h"

namespace drover::server {

// Of a JWT, by the method's claim mappings: what selectors and bind names read as value.NAME and list.NAME.
struct login_claims {
  std::map<std::string, std::string> value;
  std::map<std::string, std::vector<std::string>> list;
  DROVER_RECORD(login_claims);
};

// errc::invalid with what is wrong. Fills defaults.
result<> complete_auth_method(schema::acl_auth_method& method, duration expiration_min, duration expiration_max);
result<> check_binding_rule(const schema::acl_binding_rule& rule);

// Audience, issuer and times of claims whose signature is good.
result<> check_claims(const schema::acl_auth_method& method, const value& claims, timestamp now);
// errc::invalid: a mapped claim is missing or of another kind.
result<login_claims> mapped_claims(const schema::acl_auth_method& method, const value& claims);

// What the matching rules bind. Roles and policies that do not exist bind nothing.
struct bindings {
  bool management = false;
  std::vector<std::string> policies;
  std::vector<schema::acl_token_role_link> roles;
  bool empty() const { return !management && policies.empty() && roles.empty(); }
};
result<bindings> bindings_for(const state::snapshot& state, const std::string& method, const login_claims& claims);

// "${value.name}" and "${auth_method_name}" replaced. errc::invalid: there is no such thing.
result<std::string> filled_in(std::string_view text, const login_claims& claims, const std::map<std::string, std::string>& more = {});

// "https://id.example.com/.well-known/openid-configuration", as far as logins need it.
struct provider_document {
  std::string issuer, authorization_endpoint, token_endpoint, userinfo_endpoint, jwks_uri;
  bool client_secret_in_body = false;  // it takes it nowhere else
  bool answers_with_issuer = false;    // RFC 9207
};

// What is asked of an identity provider. `trusted`: the CAs of its certificate as PEM; "": the system's. `form` empty: a GET.
struct login_fetch {
  std::string url{}, trusted{}, authorization{}, form{};
};
// "DiscoveryCaPem" or "JWKSCACert", for login_fetch.
std::string trusted_of(const schema::acl_auth_method_config& config);

class login_keys {
 public:
  // The claims of a token that the method's keys signed. errc::permission_denied otherwise; errc::unavailable: the provider does not answer.
  net::awaitable<result<value>> verify(schema::ref<schema::acl_auth_method> method, std::string token);
  // errc::unavailable: the provider does not answer, or with something else.
  net::awaitable<result<provider_document>> discover(schema::ref<schema::acl_auth_method> method);
  // The body of a 200; errc::unavailable otherwise.
  net::awaitable<result<std::string>> fetch(login_fetch from);

 private:
  using key_set = std::vector<jwt::jwk>;
  struct fetched {
    std::shared_ptr<const key_set> keys;
    net::time_point until;
  };
  net::awaitable<result<std::shared_ptr<const key_set>>> keys_of(schema::ref<schema::acl_auth_method> method, bool anew);

  struct discovered {
    provider_document document;
    net::time_point until;
  };
  // By the URL and the CAs that were trusted.
  std::map<std::string, fetched> kept_;
  std::map<std::string, discovered> documents_;
};

}  // namespace drover::server
