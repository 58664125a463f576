#include "api/diagnosis.h"

#include "api/http_api.h"
#include "api/node_stream.h"
#include "base/text.h"
#include "codec/json.h"
#include "schema/operator_rpc.h"
#include "schema/stats.h"

namespace drover::api {
namespace {

using net::awaitable;

// This agent's own methods, or the servers, who find everybody else.
template <class Request>
result<rpc::channel*> asked(const call& c, const Request& request) {
  if (!request.node_id.empty() && !request.server_id.empty()) return fail(errc::invalid, "Cannot target node and server simultaneously");
  bool own_region = request.region.empty() || request.region == c.with.region;
  bool own_node = request.node_id.empty() || (c.with.client != nullptr && c.with.client->node_id() == request.node_id);
  if (own_region && own_node && request.server_id.empty() && c.with.own != nullptr) return c.with.own;
  return servers_of(c);
}

std::string own_id(const call& c) { return c.with.server != nullptr ? c.with.server->id() : c.with.client != nullptr ? c.with.client->node_id() : ""; }

awaitable<result<reply>> host(call& c) {
  schema::host_data_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.node_id = c.query("node_id");
  request.server_id = c.query("server_id");
  CO_TRY_ASSIGN(auto* channel, asked(c, request));
  const bool is_own = request.node_id.empty() && request.server_id.empty();
  auto id = request.node_id.empty() ? own_id(c) : request.node_id;
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::host_data_response>(*channel, "Agent.Host", std::move(request)));
  if (response.agent_id.empty()) response.agent_id = std::move(id);
  if (!is_own || !response.host_data) co_return json_reply(c, schema::view(response));
  // An agent that speaks of itself does so without the member around it; Nomad's client looks for that member all the same.
  auto shown = codec::to_value(schema::view(*response.host_data));
  auto wrapped = codec::to_value(schema::view(response));
  for (const auto& [name, each] : *wrapped.as_object()) shown.as_object()->set(name, each);
  co_return reply{.body = codec::value_to_json(shown, {.pretty = is_pretty(c)})};
}

awaitable<result<reply>> profile_named(call& c, std::string type, std::string profile) {
  schema::agent_pprof_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.req_type = std::move(type);
  request.profile = std::move(profile);
  request.node_id = c.query("node_id");
  request.server_id = c.query("server_id");
  for (const auto& [name, member] : {std::pair("seconds", &request.seconds), std::pair("debug", &request.debug), std::pair("gc", &request.gc)}) {
    CO_TRY_ASSIGN(*member, int_param(c, name, 0));
  }
  CO_TRY_ASSIGN(auto* channel, asked(c, request));
  CO_TRY_ASSIGN(auto response, co_await rpc::call<schema::agent_pprof_response>(*channel, "Agent.Profile", std::move(request)));
  reply out{.body = std::move(response.payload.data), .content_type = {}};
  for (const auto& [name, text] : response.http_headers) out.headers.add(name, text);
  co_return out;
}

awaitable<result<reply>> command_line(call& c) { return profile_named(c, "cmdline", {}); }
awaitable<result<reply>> cpu_profile(call& c) { return profile_named(c, "cpu", {}); }
awaitable<result<reply>> trace(call& c) { return profile_named(c, "trace", {}); }
awaitable<result<reply>> any_profile(call& c) { return profile_named(c, "lookup", c.path_value("profile")); }

awaitable<result<reply>> profiles(call& c) {
  if (!c.with.enable_debug) co_return text_reply(404, "profiles are shown only with enable_debug = true");
  co_return text_reply(200, "/debug/pprof/\n\nallocs\ncmdline\ngoroutine\nheap\nprofile\nthreadcreate\n");
}

// As pprof asks for the names of places ("0x1+0x2" in the body or after the "?"); our profiles have them inside, and need no answer but this one.
awaitable<result<reply>> symbol(call& c) {
  if (!c.with.enable_debug) co_return text_reply(404, "profiles are shown only with enable_debug = true");
  co_return text_reply(200, "num_symbols: 1\n");
}

awaitable<result<reply>> monitor_export(call& c) {
  schema::monitor_export_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.node_id = c.query("node_id");
  request.server_id = c.query("server_id");
  request.service_name = c.query("service_name");
  request.logs_since = c.query("logs_since");
  CO_TRY_ASSIGN(request.on_disk, bool_param(c, "on_disk"));
  CO_TRY_ASSIGN(request.follow, bool_param(c, "follow"));
  CO_TRY_ASSIGN(request.plain_text, bool_param(c, "plain"));
  if (request.on_disk && !request.service_name.empty()) co_return text_reply(422, "on_disk and service_name exclude each other: give one of them");
  CO_TRY_ASSIGN(auto* channel, asked(c, request));
  std::string type = request.plain_text ? "text/plain" : "application/json";
  CO_TRY_ASSIGN(auto stream, co_await rpc::open(*channel, "Agent.MonitorExport", std::move(request)));
  co_return co_await send_stream(c, std::move(stream), std::move(type));
}

}  // namespace

void add_diagnosis_routes(std::vector<route>& t) {
  t.insert(t.end(), {
                        {.methods = "GET", .path = "/v1/agent/host", .acl = "agent:read", .flags = of_agent, .handle = &host},
                        {.methods = "GET", .path = "/v1/agent/monitor/export", .acl = "agent:read", .flags = of_agent | streaming, .handle = &monitor_export},
                        {.methods = "GET", .path = "/v1/agent/pprof/cmdline", .acl = "agent:write", .flags = of_agent, .handle = &command_line},
                        {.methods = "GET", .path = "/v1/agent/pprof/profile", .acl = "agent:write", .flags = of_agent, .handle = &cpu_profile},
                        {.methods = "GET", .path = "/v1/agent/pprof/trace", .acl = "agent:write", .flags = of_agent, .handle = &trace},
                        {.methods = "GET", .path = "/v1/agent/pprof/:profile", .acl = "agent:write", .flags = of_agent, .handle = &any_profile},
                        {.methods = "GET", .path = "/debug/pprof/", .acl = "agent:write", .flags = of_agent, .handle = &profiles},
                        {.methods = "GET", .path = "/debug/pprof/cmdline", .acl = "agent:write", .flags = of_agent, .handle = &command_line},
                        {.methods = "GET", .path = "/debug/pprof/profile", .acl = "agent:write", .flags = of_agent, .handle = &cpu_profile},
                        {.methods = "GET", .path = "/debug/pprof/symbol", .acl = "agent:write", .flags = of_agent, .handle = &symbol},
                        {.methods = "GET", .path = "/debug/pprof/trace", .acl = "agent:write", .flags = of_agent, .handle = &trace},
                        {.methods = "GET", .path = "/debug/pprof/:profile", .acl = "agent:write", .flags = of_agent, .handle = &any_profile},
                    });
}

}  // namespace drover::api
