// Volumes: dynamic host volumes. /v1/volumes lists both kinds, told apart by ?type.
#include <memory>

#include "api/call.h"
#include "api/http_api.h"
#include "schema/volume.h"

namespace drover::api {
namespace {

using net::awaitable;

template <class Response, class Request>
awaitable<result<reply>> shown(call& c, std::string method, Request request) {
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<Response>(*servers, std::move(method), std::move(request)));
  auto out = json_reply(c, schema::view(response));
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

// No type: an empty list, as Nomad answers.
awaitable<result<reply>> list_volumes(call& c) {
  auto type = c.query("type");
  if (type == "csi") co_return co_await list_csi_volumes(c);
  if (type != "host") {
    if (!type.empty()) co_return fail(errc::not_found, "No volume type \"{}\": ask for type=host or type=csi", type);
    co_return json_reply(c, schema::view(std::vector<schema::host_volume_stub>()));
  }
  schema::host_volume_list_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.node_id = c.query("node_id");
  request.node_pool = c.query("node_pool");
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::host_volume_list_response>(*servers, "HostVolume.List", std::move(request)));
  auto out = json_reply(c, schema::view(response.volumes));
  out.meta = meta_of(static_cast<const schema::query_meta&>(response));
  co_return out;
}

// The volume's own namespace counts before the request's.
template <class Request>
awaitable<result<Request>> written(call& c) {
  Request request;
  CO_TRY(decode_body(c, schema::slot(request)));
  auto body_namespace = request.volume ? request.volume->namespace_ : std::string();
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  if (!body_namespace.empty()) request.namespace_ = body_namespace;
  co_return request;
}

awaitable<result<reply>> create_volume(call& c) {
  CO_TRY_ASSIGN(auto request, co_await written<schema::host_volume_create_request>(c));
  co_return co_await shown<schema::host_volume_create_response>(c, "HostVolume.Create", std::move(request));
}

awaitable<result<reply>> register_volume(call& c) {
  CO_TRY_ASSIGN(auto request, co_await written<schema::host_volume_register_request>(c));
  co_return co_await shown<schema::host_volume_register_response>(c, "HostVolume.Register", std::move(request));
}

awaitable<result<reply>> delete_volume(call& c) {
  schema::host_volume_delete_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.volume_id = c.path_value("id");
  CO_TRY_ASSIGN(request.force, bool_param(c, "force"));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::host_volume_delete_response>(*servers, "HostVolume.Delete", std::move(request)));
  // Nomad's Go client wants a body here, and refuses none.
  auto out = json_reply(c, schema::view(response));
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

awaitable<result<reply>> delete_claim(call& c) {
  schema::task_group_volume_claim_delete_request request;
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  request.claim_id = c.path_value("claim_id");
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  CO_TRY_ASSIGN(auto response,
                co_await rpc::call<schema::task_group_volume_claim_delete_response>(*servers, "TaskGroupHostVolumeClaim.Delete", std::move(request)));
  auto out = empty_reply();
  out.meta = meta_of(static_cast<const schema::write_meta&>(response));
  co_return out;
}

}  // namespace

void add_volume_routes(std::vector<route>& t) {
  using namespace schema;
  t.insert(
      t.end(),
      {
          {.methods = "GET", .path = "/v1/volumes", .acl = "ns:host-volume-read", .flags = blocking | list, .handle = &list_volumes},
          {.methods = "GET",
           .path = "/v1/volumes/claims",
           .acl = "ns:host-volume-read",
           .flags = blocking | list,
           .handle = &call_rpc,
           .rpc = rpc_of<task_group_volume_claim_list_request, task_group_volume_claim_list_response>("TaskGroupHostVolumeClaim.List"),
           .answer = "claims",
           .params = "job_id task_group volume_name"},
          {.methods = "DELETE", .path = "/v1/volumes/claim/:claim_id", .acl = "ns:host-volume-delete", .handle = &delete_claim},
          {.methods = "POST PUT", .path = "/v1/volume/host/create", .acl = "ns:host-volume-create", .flags = body_required, .handle = &create_volume},
          {.methods = "POST PUT", .path = "/v1/volume/host/register", .acl = "ns:host-volume-register", .flags = body_required, .handle = &register_volume},
          {.methods = "GET",
           .path = "/v1/volume/host/:id",
           .acl = "ns:host-volume-read",
           .flags = blocking,
           .handle = &call_rpc,
           .rpc = rpc_of<host_volume_get_request, host_volume_get_response>("HostVolume.Get"),
           .answer = "volume",
           .absent = "volume not found"},
          {.methods = "DELETE", .path = "/v1/volume/host/:id", .acl = "ns:host-volume-delete", .handle = &delete_volume},
          {.methods = "DELETE", .path = "/v1/volume/host/:id/delete", .acl = "ns:host-volume-delete", .handle = &delete_volume},
      });
}

}  // namespace drover::api
