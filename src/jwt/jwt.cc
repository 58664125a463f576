#include "jwt/jwt.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/ensure.h"
#include "base/text.h"
#include "codec/json.h"
#include "jwt/limits.h"

namespace drover::jwt {
namespace {

result<value> read_object(std::string_view text, std::string_view what) {
  auto parsed = codec::value_from_json(text);
  if (!parsed || parsed->as_object() == nullptr) return fail(errc::invalid, "the {} of the token is no JSON object", what);
  return parsed;
}

result<std::string> text_member(const value& header, std::string_view name) {
  const auto* found = header.find(name);
  if (found == nullptr) return std::string();
  if (found->as_string() == nullptr) return fail(errc::invalid, "\"{}\" in the token's header is a {}, not a text", name, found->kind());
  return *found->as_string();
}

result<> read_header(std::string_view encoded, token& into) {
  auto text = base64url_decode(encoded);
  if (!text) return wrap(std::move(text).error(), "the header of the token");
  if (text->size() > header_bytes_max) return fail(errc::too_large, "the header of the token has {} bytes; the limit is {}", text->size(), header_bytes_max);
  TRY_ASSIGN(auto header, read_object(*text, "header"));
  TRY_ASSIGN(auto algorithm, text_member(header, "alg"));
  auto known = crypto::signature_algorithm_named(algorithm);
  if (!known) return fail(errc::invalid, "the token is signed with \"{}\", which is not accepted", algorithm);
  into.algorithm = *known;
  TRY_ASSIGN(into.key_id, text_member(header, "kid"));
  TRY_ASSIGN(into.type, text_member(header, "typ"));
  if (header.find("crit") != nullptr) return fail(errc::invalid, "the token has critical extensions, which are not known here");
  return {};
}

std::unexpected<error> refused(std::string_view why) { return fail(errc::permission_denied, "{}", why); }

result<std::string> number_member(const value& jwk, std::string_view name) {
  const auto* found = jwk.find(name);
  if (found == nullptr || found->as_string() == nullptr) return std::string();
  return base64url_decode(*found->as_string());
}

// Nothing: a key that is not for us.
result<std::optional<jwk>> read_jwk(const value& v) {
  auto kind = text_claim(v, "kty"), use = text_claim(v, "use");
  if ((kind != "RSA" && kind != "EC" && kind != "OKP") || (!use.empty() && use != "sig")) return std::nullopt;
  auto algorithm_name = text_claim(v, "alg");
  auto algorithm = crypto::signature_algorithm_named(algorithm_name);
  if (!algorithm_name.empty() && !algorithm) return std::nullopt;
  crypto::public_key_numbers numbers{.kind = kind, .curve = text_claim(v, "crv"), .a = {}, .b = {}};
  TRY_ASSIGN(numbers.a, number_member(v, kind == "RSA" ? "n" : "x"));
  TRY_ASSIGN(numbers.b, number_member(v, kind == "RSA" ? "e" : "y"));
  auto key = crypto::public_key::from_numbers(numbers);
  if (!key) return wrap(std::move(key).error(), fmt::format("key \"{}\" of the set", text_claim(v, "kid")));
  return jwk{.key_id = text_claim(v, "kid"), .use = use, .algorithm = algorithm, .key = *std::move(key)};
}

}  // namespace

std::string base64url_encode(std::string_view data) {
  auto out = base64_encode(data);
  while (out.ends_with('=')) out.pop_back();
  std::ranges::replace(out, '+', '-');
  std::ranges::replace(out, '/', '_');
  return out;
}

result<std::string> base64url_decode(std::string_view text) {
  if (text.find_first_of("+/=") != std::string_view::npos) return fail(errc::invalid, "is no base64url: it has \"+\", \"/\" or \"=\"");
  std::string standard(text);
  std::ranges::replace(standard, '-', '+');
  std::ranges::replace(standard, '_', '/');
  while (standard.size() % 4 != 0) standard += '=';
  auto out = base64_decode(standard);
  // One text for one content: bits that are left over must be zero.
  if (!out || base64url_encode(*out) != text) return fail(errc::invalid, "is no base64url");
  return out;
}

result<token> parse(std::string_view text) {
  if (text.size() > token_bytes_max) return fail(errc::too_large, "a token of {} bytes is too long; the limit is {}", text.size(), token_bytes_max);
  auto parts = split(text, '.');
  if (parts.size() != 3) return fail(errc::invalid, "a token has three parts with dots between them; this one has {}", parts.size());
  token out;
  TRY(read_header(parts[0], out));
  auto claims = base64url_decode(parts[1]);
  if (!claims) return wrap(std::move(claims).error(), "the claims of the token");
  TRY_ASSIGN(out.claims, read_object(*claims, "claims"));
  auto signature = base64url_decode(parts[2]);
  if (!signature) return wrap(std::move(signature).error(), "the signature of the token");
  out.signature = *std::move(signature);
  out.signed_text = text.substr(0, parts[0].size() + 1 + parts[1].size());
  return out;
}

result<> check_signature(const token& t, const crypto::public_key& key, std::span<const signature_algorithm> allowed) {
  if (!allowed.empty() && std::ranges::find(allowed, t.algorithm) == allowed.end())
    return fail(errc::permission_denied, "the token is signed with {}, which is not accepted here", crypto::name(t.algorithm));
  if (!key.verify(t.algorithm, t.signed_text, t.signature)) return refused("invalid signature");
  return {};
}

std::optional<timestamp> time_claim(const value& claims, std::string_view name) {
  const auto* found = claims.find(name);
  double seconds_since = 0;
  if (found == nullptr || !found->number(seconds_since)) return std::nullopt;
  constexpr double limit = 9.2e9;  // what nanoseconds since 1970 can hold
  return timestamp(static_cast<int64_t>(std::clamp(seconds_since, -limit, limit) * 1e9));
}

result<> check_times(const value& claims, timestamp now, const leeway& allowed) {
  for (const char* name : {"exp", "nbf", "iat"})
    if (const auto* found = claims.find(name); found != nullptr && !found->is_null() && !time_claim(claims, name))
      return fail(errc::permission_denied, "claim \"{}\" is a {}, not a number", name, found->kind());
  if (auto expires = time_claim(claims, "exp"); expires && now - allowed.expiration > *expires) return refused("token is expired (exp)");
  if (auto begins = time_claim(claims, "nbf"); begins && now + allowed.not_before < *begins) return refused("token not valid yet (nbf)");
  if (auto issued = time_claim(claims, "iat"); issued && now + allowed.issued_at < *issued) return refused("token issued in the future (iat)");
  return {};
}

std::vector<std::string> audiences(const value& claims) {
  std::vector<std::string> out;
  const auto* found = claims.find("aud");
  if (found == nullptr) return out;
  if (const auto* one = found->as_string()) out.push_back(*one);
  if (const auto* list = found->as_list())
    for (const auto& each : *list)
      if (const auto* text = each.as_string()) out.push_back(*text);
  return out;
}

std::string text_claim(const value& claims, std::string_view name) {
  const auto* found = claims.find(name);
  const auto* text = found == nullptr ? nullptr : found->as_string();
  return text == nullptr ? std::string() : *text;
}

namespace {
std::string text_to_sign(std::string_view algorithm, value::object header, const value& claims) {
  ENSURE(claims.as_object() != nullptr, "claims are an object");
  value::object all;
  all.set("alg", std::string(algorithm));
  for (auto& [name, v] : header) all.set(name, std::move(v));
  all.set("typ", "JWT");
  return base64url_encode(codec::value_to_json(all)) + "." + base64url_encode(codec::value_to_json(claims));
}
}  // namespace

std::string sign_with_secret(std::string_view secret, crypto::mac_kind kind, value::object header, const value& claims) {
  using enum crypto::mac_kind;
  auto text = text_to_sign(kind == sha256 ? "HS256" : kind == sha384 ? "HS384" : "HS512", std::move(header), claims);
  return text + "." + base64url_encode(crypto::mac(kind, secret, text));
}

result<std::string> sign_with_header(const crypto::private_key& key, signature_algorithm a, value::object header, const value& claims) {
  auto text = text_to_sign(crypto::name(a), std::move(header), claims);
  TRY_ASSIGN(auto signature, key.sign(a, text));
  return text + "." + base64url_encode(signature);
}

result<std::string> sign(const crypto::private_key& key, signature_algorithm a, std::string_view key_id, const value& claims) {
  value::object header;
  if (!key_id.empty()) header.set("kid", std::string(key_id));
  return sign_with_header(key, a, std::move(header), claims);
}

result<std::vector<jwk>> parse_key_set(std::string_view json) {
  if (json.size() > key_set_bytes_max) return fail(errc::too_large, "a key set of {} bytes is too long; the limit is {}", json.size(), key_set_bytes_max);
  TRY_ASSIGN(auto parsed, codec::value_from_json(json));
  const auto* keys = parsed.find("keys");
  if (keys == nullptr || keys->as_list() == nullptr) return fail(errc::invalid, "a key set is an object with a list \"keys\"");
  if (keys->as_list()->size() > key_set_keys_max)
    return fail(errc::too_large, "a key set of {} keys is too long; the limit is {}", keys->as_list()->size(), key_set_keys_max);
  std::vector<jwk> out;
  for (const auto& each : *keys->as_list()) {
    TRY_ASSIGN(auto key, read_jwk(each));
    if (key) out.push_back(*std::move(key));
  }
  return out;
}

result<value> to_jwk(const crypto::public_key& key, std::string_view key_id, signature_algorithm a, std::string_view use) {
  TRY_ASSIGN(auto numbers, key.numbers());
  value::object out;
  out.set("use", std::string(use));
  out.set("kty", numbers.kind);
  out.set("kid", std::string(key_id));
  if (!numbers.curve.empty()) out.set("crv", numbers.curve);
  out.set("alg", std::string(crypto::name(a)));
  out.set(numbers.kind == "RSA" ? "n" : "x", base64url_encode(numbers.a));
  if (!numbers.b.empty()) out.set(numbers.kind == "RSA" ? "e" : "y", base64url_encode(numbers.b));
  return value(std::move(out));
}

}  // namespace drover::jwt
