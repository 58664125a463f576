#include "base/text.h"
#include "client/client_state.h"
#include "client/system.h"
#include "codec/json.h"
#include "jwt/jwt.h"

namespace drover::client {

void endpoints::add_node(rpc::method_table& table) {
  table.add<schema::node_specific_request, schema::client_stats_response>(
      "ClientStats.Stats", [this](context c, schema::node_specific_request r) { return host_stats(std::move(c), std::move(r)); });
  table.add<schema::node_specific_request, schema::node_meta_response>(
      "NodeMeta.Read", [this](context c, schema::node_specific_request r) { return read_meta(std::move(c), std::move(r)); });
  table.add<schema::node_meta_apply_request, schema::node_meta_response>(
      "NodeMeta.Apply", [this](context c, schema::node_meta_apply_request r) { return apply_meta(std::move(c), std::move(r)); });
  table.add<schema::node_identity_get_req, schema::node_identity_get_resp>(
      "NodeIdentity.Get", [this](context c, schema::node_identity_get_req r) { return get_identity(std::move(c), std::move(r)); });
  table.add<schema::node_identity_renew_req, schema::node_identity_renew_resp>(
      "NodeIdentity.Renew", [this](context c, schema::node_identity_renew_req r) { return renew_identity(std::move(c), std::move(r)); });
}

endpoints::answer<schema::client_stats_response> endpoints::host_stats(context, schema::node_specific_request) {
  double mhz = 0;
  auto node = state_.link->node();
  if (auto it = node->attributes.find("cpu.totalcompute"); it != node->attributes.end()) mhz = parse_double(it->second).value_or(0);
  schema::client_stats_response out;
  out.host_stats = state_.host_stats.read(state_.alloc_root, mhz);
  out.host_stats->device_stats = state_.devices->stats();
  co_return out;
}

schema::node_meta_response endpoints::meta_now() const {
  schema::node_meta_response out;
  out.meta = state_.link->node()->meta;
  out.dynamic = state_.dynamic_meta;
  out.static_ = state_.options.meta;
  return out;
}

endpoints::answer<schema::node_meta_response> endpoints::read_meta(context, schema::node_specific_request) { co_return meta_now(); }

// Null unsets a key, also one of the configuration file. Kept over a restart; the servers learn it by a new registration.
endpoints::answer<schema::node_meta_response> endpoints::apply_meta(context, schema::node_meta_apply_request request) {
  if (request.meta.empty()) co_return fail(errc::invalid, "missing required Meta object");
  for (auto& [key, text] : request.meta)
    if (key.empty()) co_return fail(errc::invalid, "metadata keys must not be empty");
  auto merged = state_.dynamic_meta;
  for (auto& [key, text] : request.meta) {
    if (!text && !state_.options.meta.contains(key)) merged.erase(key);
    else merged[key] = text;
  }
  CO_TRY(state_.db->put_fact("dynamic_meta", codec::to_json(schema::view(merged))));
  state_.dynamic_meta = std::move(merged);
  auto node = std::make_shared<schema::node>(*state_.link->node());
  node->meta = state_.options.meta;
  for (auto& [key, text] : state_.dynamic_meta) {
    if (text) node->meta[key] = *text;
    else node->meta.erase(key);
  }
  state_.link->set_node(std::move(node));
  co_return meta_now();
}

// What the identity says, never the identity.
endpoints::answer<schema::node_identity_get_resp> endpoints::get_identity(context, schema::node_identity_get_req) {
  const auto& token = state_.link->identity();
  if (token.empty()) co_return fail(errc::not_found, "this node has no identity yet; it gets one with its next heartbeat, if its servers give any");
  CO_TRY_ASSIGN(auto read, jwt::parse(token));
  schema::node_identity_get_resp out;
  for (const auto& [name, claim] : *read.claims.as_object()) out.claims[name] = claim;
  co_return out;
}

endpoints::answer<schema::node_identity_renew_resp> endpoints::renew_identity(context, schema::node_identity_renew_req) {
  state_.link->renew_identity();
  co_return schema::node_identity_renew_resp{};
}

}  // namespace drover::client
