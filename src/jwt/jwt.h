// JSON Web Tokens: compact JWS (RFC 7515) with claims (RFC 7519), and JWK sets (RFC 7517).
//
// Pure, but for the generator behind ECDSA and PSS signatures; any thread. Parsing is strict: three parts, unpadded base64url, JSON objects, no
// "crit". Which algorithm is tried is decided by the caller's key and the caller's list, never by the token alone; "none" and
// HMACs do not exist here, except for signing.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/value.h"
#include "crypto/mac.h"
#include "crypto/signature.h"

namespace drover::jwt {

using crypto::signature_algorithm;

// What a token says. Trust nothing of it before check_signature().
struct token {
  signature_algorithm algorithm{};
  std::string key_id;  // "kid"; "" if there is none
  std::string type;    // "typ"
  value claims;        // always an object
  std::string signed_text, signature;
};
result<token> parse(std::string_view text);

// errc::permission_denied if the signature is not `key`'s, or its algorithm is none of `allowed` (empty: any that the key serves).
result<> check_signature(const token& t, const crypto::public_key& key, std::span<const signature_algorithm> allowed = {});

// How far clocks may be apart, for each claim. Go-jose's default is a minute.
struct leeway {
  duration expiration = minutes(1), not_before = minutes(1), issued_at = minutes(1);
};
// "exp", "nbf" and "iat", where they are present. errc::permission_denied says which one refuses.
result<> check_times(const value& claims, timestamp now, const leeway& allowed = {});

// "aud" is a text or a list of them.
std::vector<std::string> audiences(const value& claims);
// A claim that is a text; "" if it is absent or none.
std::string text_claim(const value& claims, std::string_view name);
// A claim in seconds since 1970 ("exp", "iat"); nothing if it is absent or no number.
std::optional<timestamp> time_claim(const value& claims, std::string_view name);

// A signed token. `claims` is an object.
result<std::string> sign(const crypto::private_key& key, signature_algorithm a, std::string_view key_id, const value& claims);
// The same with further header members ("x5t#S256"); they stand after alg and kid.
result<std::string> sign_with_header(const crypto::private_key& key, signature_algorithm a, value::object header, const value& claims);
// For somebody who knows the same secret: HS256 (sha256), HS384 or HS512.
std::string sign_with_secret(std::string_view secret, crypto::mac_kind kind, value::object header, const value& claims);

struct jwk {
  std::string key_id, use;
  std::optional<signature_algorithm> algorithm;  // nothing: not said
  crypto::public_key key;
};
// {"keys": [...]}. Keys of unknown kinds, and those for encryption, are left out, as RFC 7517 asks.
result<std::vector<jwk>> parse_key_set(std::string_view json);
// As a JWKS shows it: kid, kty, alg, use, and the key's numbers.
result<value> to_jwk(const crypto::public_key& key, std::string_view key_id, signature_algorithm a, std::string_view use = "sig");

// RFC 4648 section 5, without padding. Decoding refuses padding, other characters and bits that are left over.
std::string base64url_encode(std::string_view data);
result<std::string> base64url_decode(std::string_view text);

}  // namespace drover::jwt
