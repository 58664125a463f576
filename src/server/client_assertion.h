// How this cluster proves to an OpenID provider who it is without sending it a secret: with a token that it signs (RFC 7523, section 2.2;
// "private_key_jwt" and "client_secret_jwt" of OpenID Connect Core, section 9).
//
// Functions of their arguments, but that a method may name files, which are read each time: a key that was replaced counts at once. Any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "base/value.h"
#include "schema/acl.h"

namespace drover::server {

// "client_assertion_type"
inline constexpr std::string_view client_assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

// Fills defaults of config.oidc_client_assertion. errc::invalid: what is wrong with it, as far as can be seen without reading files.
result<> complete_client_assertion(schema::acl_auth_method_config& config);

// `id`: unique ("jti"). Requires: the method has an assertion.
value assertion_claims(const schema::acl_auth_method_config& config, timestamp now, std::string id);
// Beyond what the key brings along. Requires: the method has an assertion.
value::object assertion_header(const schema::acl_auth_method_config& config);
// Whether the cluster's own key signs (the keyring has it).
bool is_signed_by_cluster(const schema::acl_auth_method_config& config);

// The token. errc::invalid: the key or the certificate cannot be read, or is not valid at `now`.
// Requires: the method has an assertion that complete_client_assertion() accepted, and the cluster's key does not sign it.
result<std::string> sign_client_assertion(const schema::acl_auth_method_config& config, const value& claims, timestamp now);

}  // namespace drover::server
