// CSI volumes and plugins. What only names a method of the servers is a row; a volume is shown without the servers' claims and without secrets.
#include <memory>

#include "api/call.h"
#include "api/http_api.h"
#include "base/text.h"
#include "schema/csi_view.h"
#include "server/endpoint/stubs.h"

namespace drover::api {
namespace {

using net::awaitable;

constexpr size_t csi_secrets_max = 64;

// X-Nomad-CSI-Secrets: key=value,key=value
result<std::map<std::string, std::string>> secrets_of(const call& c) {
  std::map<std::string, std::string> out;
  auto header = c.request.headers.get("X-Nomad-CSI-Secrets");
  if (!header || header->empty()) return out;
  for (auto part : split(*header, ',')) {
    auto equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0) return fail(errc::invalid, "X-Nomad-CSI-Secrets must be a list of key=value, separated by commas");
    out[std::string(trim(part.substr(0, equals)))] = part.substr(equals + 1);
    if (out.size() > csi_secrets_max) return fail(errc::too_large, "X-Nomad-CSI-Secrets has more than {} secrets", csi_secrets_max);
  }
  return out;
}

template <class Response, class Request>
awaitable<result<Response>> ask(call& c, std::string method, Request request) {
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  co_return co_await rpc::call<Response>(*servers, std::move(method), std::move(request));
}

template <class Response>
reply empty_reply_of(const Response& response) {
  auto out = empty_reply();
  out.meta = meta_of(static_cast<const schema::query_meta&>(response));
  return out;
}

template <class Response>
reply shown(const call& c, const Response& response) {
  auto out = json_reply(c, schema::view(response));
  out.meta = meta_of(static_cast<const schema::query_meta&>(response));
  return out;
}

awaitable<result<reply>> get_volume(call& c) {
  schema::csi_volume_get_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.id = c.path_value("id");
  CO_TRY_ASSIGN(auto response, co_await ask<schema::csi_volume_get_response>(c, "CSIVolume.Get", std::move(request)));
  if (!response.volume) co_return fail(errc::not_found, "volume not found");
  auto view = schema::view_of(*response.volume);
  for (const auto* side : {&response.volume->read_allocs, &response.volume->write_allocs})
    for (const auto& [id, alloc] : *side)
      if (alloc) view.allocations.push_back(server::alloc_stub(*alloc, false, true));
  auto out = json_reply(c, schema::view(view));
  out.meta = meta_of(static_cast<const schema::query_meta&>(response));
  co_return out;
}

// Volumes of the body say their namespace themselves; those that do not are in the request's. Secrets are not sent back.
template <class Request, class Response>
awaitable<result<reply>> put_volumes(call& c, std::string method) {
  Request request;
  CO_TRY(decode_body(c, schema::slot(request)));
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  CO_TRY_ASSIGN(auto response, co_await ask<Response>(c, std::move(method), std::move(request)));
  for (auto& v : response.volumes) {
    if (!v || v->secrets.empty()) continue;
    auto hidden = std::make_shared<schema::csi_volume>(*v);
    for (auto& [key, secret] : hidden->secrets) secret = "[REDACTED]";
    v = std::move(hidden);
  }
  co_return shown(c, response);
}

awaitable<result<reply>> register_volumes(call& c) {
  return put_volumes<schema::csi_volume_register_request, schema::csi_volume_register_response>(c, "CSIVolume.Register");
}
awaitable<result<reply>> create_volumes(call& c) {
  return put_volumes<schema::csi_volume_create_request, schema::csi_volume_create_response>(c, "CSIVolume.Create");
}

awaitable<result<reply>> deregister_volume(call& c) {
  schema::csi_volume_deregister_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.volume_ids = {c.path_value("id")};
  CO_TRY_ASSIGN(request.force, bool_param(c, "force"));
  CO_TRY_ASSIGN(auto response, co_await ask<schema::csi_volume_deregister_response>(c, "CSIVolume.Deregister", std::move(request)));
  co_return empty_reply_of(response);
}

awaitable<result<reply>> delete_volume(call& c) {
  schema::csi_volume_delete_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.volume_ids = {c.path_value("id")};
  CO_TRY_ASSIGN(request.secrets, secrets_of(c));
  CO_TRY_ASSIGN(auto response, co_await ask<schema::csi_volume_delete_response>(c, "CSIVolume.Delete", std::move(request)));
  co_return empty_reply_of(response);
}

awaitable<result<reply>> detach_volume(call& c) {
  schema::csi_volume_unpublish_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.volume_id = c.path_value("id");
  request.claim.emplace();
  request.claim->node_id = c.query("node");
  request.claim->mode = 2;
  if (request.claim->node_id.empty()) co_return fail(errc::invalid, "detach requires node ID");
  CO_TRY_ASSIGN(auto response, co_await ask<schema::csi_volume_unpublish_response>(c, "CSIVolume.Unpublish", std::move(request)));
  co_return empty_reply_of(response);
}

awaitable<result<reply>> list_external(call& c) {
  schema::csi_volume_external_list_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.plugin_id = c.query("plugin_id");
  CO_TRY_ASSIGN(auto response, co_await ask<schema::csi_volume_external_list_response>(c, "CSIVolume.ListExternal", std::move(request)));
  co_return shown(c, response);
}

awaitable<result<reply>> list_snapshots(call& c) {
  schema::csi_snapshot_list_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.plugin_id = c.query("plugin_id");
  CO_TRY_ASSIGN(request.secrets, secrets_of(c));
  CO_TRY_ASSIGN(auto response, co_await ask<schema::csi_snapshot_list_response>(c, "CSIVolume.ListSnapshots", std::move(request)));
  co_return shown(c, response);
}

awaitable<result<reply>> create_snapshots(call& c) {
  schema::csi_snapshot_create_request request;
  CO_TRY(decode_body(c, schema::slot(request)));
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  CO_TRY_ASSIGN(auto response, co_await ask<schema::csi_snapshot_create_response>(c, "CSIVolume.CreateSnapshot", std::move(request)));
  co_return shown(c, response);
}

awaitable<result<reply>> delete_snapshot(call& c) {
  schema::csi_snapshot_delete_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  auto& wanted = request.snapshots.emplace_back();
  wanted.plugin_id = c.query("plugin_id");
  wanted.id = c.query("snapshot_id");
  CO_TRY_ASSIGN(wanted.secrets, secrets_of(c));
  CO_TRY_ASSIGN(auto response, co_await ask<schema::csi_snapshot_delete_response>(c, "CSIVolume.DeleteSnapshot", std::move(request)));
  co_return empty_reply_of(response);
}

// No type: an empty list, as Nomad answers.
awaitable<result<reply>> list_plugins(call& c) {
  schema::csi_plugin_list_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  // Asked in any case: it also knows who may.
  CO_TRY_ASSIGN(auto response, co_await ask<schema::csi_plugin_list_response>(c, "CSIPlugin.List", std::move(request)));
  if (c.query("type") != "csi") response.plugins.clear();
  auto out = json_reply(c, schema::view(response.plugins));
  out.meta = meta_of(static_cast<const schema::query_meta&>(response));
  co_return out;
}

}  // namespace

net::awaitable<result<reply>> list_csi_volumes(call& c) {
  schema::csi_volume_list_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.plugin_id = c.query("plugin_id");
  request.node_id = c.query("node_id");
  CO_TRY_ASSIGN(auto response, co_await ask<schema::csi_volume_list_response>(c, "CSIVolume.List", std::move(request)));
  auto out = json_reply(c, schema::view(response.volumes));
  out.meta = meta_of(static_cast<const schema::query_meta&>(response));
  co_return out;
}

void add_csi_routes(std::vector<route>& t) {
  using namespace schema;
  t.insert(t.end(),
           {
               {.methods = "POST PUT", .path = "/v1/volumes", .acl = "ns:csi-write-volume", .flags = body_required, .handle = &register_volumes},
               {.methods = "GET", .path = "/v1/volumes/external", .acl = "ns:csi-list-volume", .flags = list, .handle = &list_external},
               {.methods = "GET", .path = "/v1/volumes/snapshot", .acl = "ns:csi-list-volume", .flags = list, .handle = &list_snapshots},
               {.methods = "POST PUT", .path = "/v1/volumes/snapshot", .acl = "ns:csi-write-volume", .flags = body_required, .handle = &create_snapshots},
               {.methods = "DELETE", .path = "/v1/volumes/snapshot", .acl = "ns:csi-write-volume", .handle = &delete_snapshot},
               {.methods = "GET", .path = "/v1/volume/csi/:id", .acl = "ns:csi-read-volume", .flags = blocking, .handle = &get_volume},
               {.methods = "PUT", .path = "/v1/volume/csi/:id", .acl = "ns:csi-write-volume", .flags = body_required, .handle = &register_volumes},
               {.methods = "DELETE", .path = "/v1/volume/csi/:id", .acl = "ns:csi-write-volume", .handle = &deregister_volume},
               {.methods = "PUT", .path = "/v1/volume/csi/:id/create", .acl = "ns:csi-write-volume", .flags = body_required, .handle = &create_volumes},
               {.methods = "DELETE", .path = "/v1/volume/csi/:id/delete", .acl = "ns:csi-write-volume", .handle = &delete_volume},
               {.methods = "DELETE", .path = "/v1/volume/csi/:id/detach", .acl = "ns:csi-mount-volume", .handle = &detach_volume},
               {.methods = "GET", .path = "/v1/plugins", .acl = "plugin:list", .flags = blocking | list, .handle = &list_plugins},
               {.methods = "GET",
                .path = "/v1/plugin/csi/:id",
                .acl = "plugin:read",
                .flags = blocking,
                .handle = &call_rpc,
                .rpc = rpc_of<csi_plugin_get_request, csi_plugin_get_response>("CSIPlugin.Get"),
                .answer = "plugin",
                .absent = "plugin not found"},
           });
}

}  // namespace drover::api
