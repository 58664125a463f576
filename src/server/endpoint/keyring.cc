// Keyring.* methods.
#include "server/keyring.h"
#include "base/text.h"
#include "schema/acl.h"
#include "server/endpoint/endpoints.h"
#include "server/reads.h"
#include "server/replicator.h"

namespace drover::server {
namespace {

using state::table;

result<> list_keys(const read& r, const schema::keyring_list_root_key_meta_request&, schema::keyring_list_root_key_meta_response& out) {
  r.watch(state::watch_table(table::root_keys));
  state::visit<table::root_keys>(r.state, state::starting({}), [&](const auto& key) {
    out.keys.push_back(*key);
    return true;
  });
  out.index = r.state.index(table::root_keys);
  return {};
}

result<> list_public(const read& r, const schema::generic_request&, schema::keyring_list_public_response& out) {
  r.watch(state::watch_table(table::root_keys));
  TRY_ASSIGN(out.public_keys, r.keyring->public_keys(r.state));
  out.rotation_threshold = r.keyring->options().rotation_threshold;
  out.index = r.state.index(table::root_keys);
  return {};
}

result<> get_key(const read& r, const schema::keyring_get_root_key_request& request, schema::keyring_get_root_key_response& out) {
  if (request.key_id.empty()) return fail(errc::invalid, "root key ID is required");
  r.watch(state::watch_record(table::root_keys, request.key_id));
  out.index = r.state.index(table::root_keys);
  if (!state::find<table::root_keys>(r.state, {request.key_id, {}, {}})) return {};
  TRY_ASSIGN(out.key, r.keyring->unwrapped(r.state, request.key_id));
  return {};
}

awaitable<result<schema::keyring_get_config_response>> get_config(server_context& context, schema::generic_request) {
  schema::keyring_get_config_response out;
  const auto& issuer = context.options.keyring.oidc_issuer;
  if (!issuer.empty()) {
    auto base = issuer;
    while (base.ends_with('/')) base.pop_back();
    out.oidc_discovery = schema::oidc_discovery_config{
        .issuer = issuer, .jwks = base + "/.well-known/jwks.json", .id_token_algs = {"RS256", "EdDSA"}, .response_types = {"code"}, .subjects = {"public"}};
  }
  co_return out;
}

awaitable<result<schema::keyring_rotate_root_key_response>> rotate_key(server_context& context, schema::keyring_rotate_root_key_request request) {
  if (!request.algorithm.empty() && request.algorithm != "aes256-gcm")
    co_return fail(errc::invalid, "invalid algorithm \"{}\": use \"aes256-gcm\"", request.algorithm);
  if (request.full && request.publish_time > 0) co_return fail(errc::invalid, "keyring cannot be prepublished and full rotated at the same time");
  if (request.publish_time < 0) co_return fail(errc::invalid, "the publish time is negative; it counts nanoseconds since 1970");
  co_return co_await context.keyring->rotate({.full = request.full, .publish_time = request.publish_time});
}

awaitable<result<schema::keyring_update_root_key_response>> update_key(server_context& context, schema::keyring_update_root_key_request request) {
  if (!request.root_key || !request.root_key->meta) co_return fail(errc::invalid, "root key metadata is required");
  const auto& meta = *request.root_key->meta;
  if (!is_uuid(meta.key_id)) co_return fail(errc::invalid, "root key UUID is required");
  if (meta.algorithm != "aes256-gcm") co_return fail(errc::invalid, "root key algorithm is required: \"aes256-gcm\"");
  if (meta.state != "active" && meta.state != "inactive" && meta.state != "prepublished")
    co_return fail(errc::invalid, "root key state \"{}\" is invalid", meta.state);
  if (request.root_key->key.size() != 32) co_return fail(errc::invalid, "root key material of 32 bytes is required");
  schema::keyring_update_root_key_response out;
  CO_TRY_ASSIGN(out.index, co_await context.keyring->store(*request.root_key));
  co_return out;
}

awaitable<result<schema::keyring_delete_root_key_response>> delete_key(server_context& context, schema::keyring_delete_root_key_request request) {
  if (request.key_id.empty()) co_return fail(errc::invalid, "root key ID is required");
  auto state = context.state();
  auto stored = state::find<table::root_keys>(state, {request.key_id, {}, {}});
  if (!stored) co_return fail(errc::not_found, "root key not found");
  if (stored->state == "active") co_return fail(errc::invalid, "active root key cannot be deleted - call rotate first");
  bool used = !state::visit<table::variables>(state, state::tree_id::variables_by_key, state::within(request.key_id), [](const auto&) { return false; });
  if (used && !request.force) co_return fail(errc::invalid, "root key in use, cannot delete");
  schema::keyring_delete_root_key_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::root_key_delete>({{}, request.key_id}));
  co_return out;
}

// Whoever has the keys has the secrets: a caller that TLS does not prove to be a server gets none, even where others trust the network.
result<> check_is_server(const server_context& context, const rpc::call_context& call) {
  const auto& is_server = context.options.tls.is_server;
  if (call.in_process || (!call.tls_names.empty() && is_server && is_server(call.tls_names))) return {};
  return fail(errc::permission_denied, "Permission denied");
}

}  // namespace

void add_keyring_methods(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Keyring.List", &list_keys);
  add_read(table, context, "Keyring.ListPublic", &list_public);
  add_write(table, context, "Keyring.Rotate", &rotate_key);
  add_write(table, context, "Keyring.Update", &update_key);
  add_write(table, context, "Keyring.Delete", &delete_key);
  add_here(table, context, "Keyring.GetConfig", &get_config);
  // Keys leave a server only for another server.
  auto getting = method_of<schema::keyring_get_root_key_request>(context, "Keyring.Get");
  table.add_in_place<schema::keyring_get_root_key_request, schema::keyring_get_root_key_response>(
      "Keyring.Get",
      [&context, getting](rpc::call_context call, const schema::keyring_get_root_key_request& request,
                          schema::keyring_get_root_key_response& response) -> awaitable<result<>> {
        CO_TRY(check_is_server(context, call));
        co_return co_await run_read(context, attempt_of(getting, &get_key, request, response));
      });
}

}  // namespace drover::server
