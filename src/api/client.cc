// What nodes answer: allocations, files, logs, exec, statistics, metadata.
#include "api/call.h"
#include "api/http_api.h"
#include "api/node_stream.h"
#include "schema/alloc_rpc.h"
#include "schema/node_rpc.h"
#include "schema/operator_rpc.h"

namespace drover::api {
namespace {

void default_path(void* request) { static_cast<schema::fs_list_request*>(request)->path = "/"; }

net::awaitable<result<reply>> stat_file(call& c) {
  if (c.query("path").empty()) co_return fail(errc::invalid, "must provide a file name: ?path=");
  co_return co_await call_rpc(c);
}

// "pause", "run" and "scheduled" are the words of this route alone.
net::awaitable<result<reply>> set_pause(call& c) {
  schema::alloc_pause_request request;
  CO_TRY(decode_body(c, schema::slot(request)));
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.alloc_id = c.path_value("alloc_id");
  if (request.schedule_state == "pause") request.schedule_state = "force_pause";
  else if (request.schedule_state == "run") request.schedule_state = "force_run";
  else if (request.schedule_state == "scheduled") request.schedule_state = "schedule_resume";
  else co_return fail(errc::invalid, "Not a valid task schedule state: \"{}\"; pause, run and scheduled are", request.schedule_state);
  CO_TRY_ASSIGN(auto target, target_of(c, "ClientAllocations.SetPauseState", &request.alloc_id, nullptr));
  auto answer = co_await rpc::call<schema::generic_response>(*target.channel, std::move(target.method), std::move(request));
  if (!answer) co_return fail(std::move(answer).error());
  co_return json_reply(c, schema::view(*answer));
}

}  // namespace

void add_client_routes(std::vector<route>& t) {
  using namespace schema;
  t.insert(t.end(),
           {
               {.methods = "GET",
                .path = "/v1/client/allocation/:alloc_id/stats",
                .acl = "ns:read-job",
                .flags = on_node,
                .handle = &call_rpc,
                .rpc = rpc_of<alloc_stats_request, alloc_stats_response>("ClientAllocations.Stats"),
                .answer = "stats",
                .params = "task"},
               {.methods = "GET",
                .path = "/v1/client/allocation/:alloc_id/checks",
                .acl = "ns:read-job",
                .flags = on_node,
                .handle = &call_rpc,
                .rpc = rpc_of<alloc_checks_request, alloc_checks_response>("ClientAllocations.Checks"),
                .answer = "results"},
               {.methods = "POST PUT",
                .path = "/v1/client/allocation/:alloc_id/restart",
                .acl = "ns:alloc-lifecycle",
                .flags = on_node | body_optional,
                .handle = &call_rpc,
                .rpc = rpc_of<alloc_restart_request, generic_response>("ClientAllocations.Restart")},
               {.methods = "POST PUT",
                .path = "/v1/client/allocation/:alloc_id/signal",
                .acl = "ns:alloc-lifecycle",
                .flags = on_node | body_required,
                .handle = &call_rpc,
                .rpc = rpc_of<alloc_signal_request, generic_response>("ClientAllocations.Signal")},
               {.methods = "GET",
                .path = "/v1/client/allocation/:alloc_id/pause",
                .acl = "ns:read-job",
                .flags = on_node,
                .handle = &call_rpc,
                .rpc = rpc_of<alloc_get_pause_state_request, alloc_get_pause_state_response>("ClientAllocations.GetPauseState"),
                .params = "task"},
               {.methods = "POST PUT",
                .path = "/v1/client/allocation/:alloc_id/pause",
                .acl = "ns:pause-allocation",
                .flags = on_node | body_required,
                .handle = &set_pause,
                .rpc = rpc_of<alloc_pause_request, generic_response>("ClientAllocations.SetPauseState")},
               {.methods = "GET POST PUT",
                .path = "/v1/client/allocation/:alloc_id/gc",
                .acl = "ns:gc-allocation",
                .flags = on_node,
                .handle = &call_rpc,
                .rpc = rpc_of<alloc_specific_request, generic_response>("ClientAllocations.GarbageCollect"),
                .answer = "-"},
               // Its token is no ACL token.
               {.methods = "GET", .path = "/v1/client/allocation/:alloc_id/snapshot", .acl = "none", .flags = of_agent | streaming, .handle = &send_snapshot},
               {.methods = "GET", .path = "/v1/client/allocation/:alloc_id/exec", .acl = "ns:alloc-exec", .flags = on_node | streaming, .handle = &exec},
               {.methods = "GET",
                .path = "/v1/client/fs/ls/:alloc_id",
                .acl = "ns:read-fs",
                .flags = on_node,
                .handle = &call_rpc,
                .rpc = rpc_of<fs_list_request, fs_list_response>("FileSystem.List"),
                .answer = "files",
                .params = "path",
                .prepare = &default_path},
               {.methods = "GET",
                .path = "/v1/client/fs/stat/:alloc_id",
                .acl = "ns:read-fs",
                .flags = on_node,
                .handle = &stat_file,
                .rpc = rpc_of<fs_stat_request, fs_stat_response>("FileSystem.Stat"),
                .answer = "info",
                .params = "path"},
               {.methods = "GET", .path = "/v1/client/fs/cat/:alloc_id", .acl = "ns:read-fs", .flags = on_node | streaming, .handle = &cat_file},
               {.methods = "GET", .path = "/v1/client/fs/readat/:alloc_id", .acl = "ns:read-fs", .flags = on_node | streaming, .handle = &read_file_at},
               {.methods = "GET", .path = "/v1/client/fs/stream/:alloc_id", .acl = "ns:read-fs", .flags = on_node | streaming, .handle = &stream_file},
               {.methods = "GET", .path = "/v1/client/fs/logs/:alloc_id", .acl = "ns:read-logs", .flags = on_node | streaming, .handle = &stream_logs},
               {.methods = "GET POST PUT",
                .path = "/v1/client/gc",
                .acl = "node:write",
                .flags = on_node,
                .handle = &call_rpc,
                .rpc = rpc_of<node_specific_request, generic_response>("ClientAllocations.GarbageCollectAll"),
                .answer = "-",
                .params = "node_id"},
               {.methods = "GET",
                .path = "/v1/client/stats",
                .acl = "node:read",
                .flags = on_node,
                .handle = &call_rpc,
                .rpc = rpc_of<node_specific_request, client_stats_response>("ClientStats.Stats"),
                .answer = "host_stats",
                .params = "node_id"},
               {.methods = "GET",
                .path = "/v1/client/metadata",
                .acl = "node:read",
                .flags = on_node,
                .handle = &call_rpc,
                .rpc = rpc_of<node_specific_request, node_meta_response>("NodeMeta.Read"),
                .params = "node_id"},
               {.methods = "POST",
                .path = "/v1/client/metadata",
                .acl = "node:write",
                .flags = on_node | body_required,
                .handle = &call_rpc,
                .rpc = rpc_of<node_meta_apply_request, node_meta_response>("NodeMeta.Apply"),
                .params = "node_id"},
           });
}

}  // namespace drover::api
