// Root keys, and what strangers need to check what they signed: the key set and the OpenID discovery document.
#include <algorithm>

#include "api/call.h"
#include "api/http_api.h"
#include "base/text.h"
#include "codec/json.h"
#include "env/clock.h"
#include "jwt/jwt.h"
#include "schema/acl.h"

namespace drover::api {
namespace {

using net::awaitable;

// Who keeps a key set shall ask again when half of the time to the next key is over, but not all the time.
constexpr duration key_set_age_min = minutes(15);

result<crypto::public_key> key_of(const schema::keyring_public_key& shown) {
  if (shown.algorithm == "RS256") return crypto::public_key::from_rsa_der(shown.public_key.data);
  return crypto::public_key::from_numbers({.kind = "OKP", .curve = "Ed25519", .a = shown.public_key.data, .b = {}});
}

std::string text_of(const call& c, const value& v) { return codec::value_to_json(v, {.pretty = is_pretty(c)}); }

awaitable<result<reply>> key_set(call& c) {
  schema::generic_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::keyring_list_public_response>(*servers, "Keyring.ListPublic", std::move(request)));
  value::list keys;
  int64_t newest = 0;
  for (const auto& each : response.public_keys) {
    newest = std::max(newest, each.create_time);
    auto algorithm = crypto::signature_algorithm_named(each.algorithm);
    // A newer server may have kinds of keys that this agent does not know.
    if (!algorithm) continue;
    CO_TRY_ASSIGN(auto key, key_of(each));
    CO_TRY_ASSIGN(auto shown, jwt::to_jwk(key, each.key_id, *algorithm, each.use));
    keys.push_back(std::move(shown));
  }
  value::object set;
  set.set("keys", std::move(keys));
  reply out{.body = text_of(c, std::move(set))};
  out.meta = meta_of(static_cast<const schema::query_meta&>(response));
  if (newest > 0 && response.rotation_threshold.ns > 0) {
    auto left = timestamp(newest) + response.rotation_threshold - env::real_clock().now();
    auto age = std::max(key_set_age_min, left / 2);
    out.headers.set("Cache-Control", fmt::format("max-age={}", age.ns / 1'000'000'000));
  }
  co_return out;
}

awaitable<result<reply>> discovery(call& c) {
  schema::generic_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::keyring_get_config_response>(*servers, "Keyring.GetConfig", std::move(request)));
  if (!response.oidc_discovery) co_return fail(errc::not_found, "OIDC Discovery endpoint disabled");
  const auto& from = *response.oidc_discovery;
  auto list_of = [](const std::vector<std::string>& texts) {
    value::list out;
    for (const auto& each : texts) out.emplace_back(each);
    return out;
  };
  value::object document;
  document.set("issuer", from.issuer);
  document.set("jwks_uri", from.jwks);
  document.set("id_token_signing_alg_values_supported", list_of(from.id_token_algs));
  document.set("response_types_supported", list_of(from.response_types));
  document.set("subject_types_supported", list_of(from.subjects));
  co_return reply{.body = text_of(c, std::move(document))};
}

awaitable<result<reply>> rotate(call& c) {
  schema::keyring_rotate_root_key_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.algorithm = c.query("algo");
  CO_TRY_ASSIGN(request.full, bool_param(c, "full", c.request.query.has("full")));
  CO_TRY_ASSIGN(request.publish_time, int_param(c, "publish_time", 0));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::keyring_rotate_root_key_response>(*servers, "Keyring.Rotate", std::move(request)));
  auto out = json_reply(c, schema::view(response));
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

}  // namespace

void add_keyring_routes(std::vector<route>& t) {
  using namespace schema;
  t.insert(t.end(), {
                        {.methods = "GET",
                         .path = "/v1/operator/keyring/keys",
                         .acl = "operator:keyring-read",
                         .flags = blocking,
                         .handle = &call_rpc,
                         .rpc = rpc_of<keyring_list_root_key_meta_request, keyring_list_root_key_meta_response>("Keyring.List"),
                         .answer = "keys"},
                        {.methods = "PUT POST", .path = "/v1/operator/keyring/rotate", .acl = "operator:keyring-rotate", .handle = &rotate},
                        {.methods = "DELETE",
                         .path = "/v1/operator/keyring/key/:key_id",
                         .acl = "operator:keyring-delete",
                         .handle = &call_rpc,
                         .rpc = rpc_of<keyring_delete_root_key_request, keyring_delete_root_key_response>("Keyring.Delete"),
                         .params = "force"},
                        {.methods = "GET", .path = "/.well-known/jwks.json", .acl = "none", .flags = blocking, .handle = &key_set},
                        {.methods = "GET", .path = "/.well-known/openid-configuration", .acl = "none", .handle = &discovery},
                    });
}

}  // namespace drover::api
