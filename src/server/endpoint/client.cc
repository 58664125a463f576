// Methods that a client node answers, reached through a server: ClientAllocations.*, ClientStats.*, FileSystem.*, Allocations.Exec, NodeMeta.*, NodeIdentity.*. The
// server finds the node (its own session, another server's, another region) and passes the request on. Agent.Monitor also reaches servers.
#include "codec/msgpack.h"
#include "schema/acl.h"
#include "schema/alloc_rpc.h"
#include "schema/node_rpc.h"
#include "schema/operator_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/node_way.h"
#include "server/peers.h"
#include "server/reads.h"
#include "server/relay.h"

namespace drover::server {
namespace {

// What a request is about. The namespace is the allocation's; for a node it has no meaning.
struct place_on_node {
  std::string node_id, namespace_;
};

// Where an allocation is. This server's state may be behind whoever made the allocation: then the leader knows, and is asked in the caller's name.
awaitable<result<place_on_node>> place_of(server_context& context, std::string alloc_id, std::string token) {
  if (alloc_id.empty()) co_return fail(errc::invalid, "missing allocation ID");
  if (auto alloc = context.state().alloc(alloc_id)) co_return place_on_node{alloc->node_id, alloc->namespace_};
  schema::alloc_specific_request request;
  request.alloc_id = alloc_id;
  request.auth_token = std::move(token);
  CO_TRY_ASSIGN(auto answer, co_await context.call<schema::single_alloc_response>("Alloc.GetAlloc", std::move(request)));
  if (!answer.alloc) co_return fail(errc::not_found, "Unknown allocation \"{}\"", alloc_id);
  co_return place_on_node{answer.alloc->node_id, answer.alloc->namespace_};
}

awaitable<result<>> check_node_exists(server_context& context, std::string node_id, std::string token) {
  if (node_id.empty()) co_return fail(errc::invalid, "missing node ID");
  if (context.state().node(node_id)) co_return result<>{};
  schema::node_specific_request request;
  request.node_id = node_id;
  request.auth_token = std::move(token);
  CO_TRY_ASSIGN(auto answer, co_await context.call<schema::single_node_response>("Node.GetNode", std::move(request)));
  if (!answer.node) co_return fail(errc::not_found, "Unknown node \"{}\"", node_id);
  co_return result<>{};
}

// The way there for a caller who may go it.
template <class Request>
awaitable<result<node_way>> way_for(server_context& context, called_method method, const Request& request, bool last_hop) {
  result<place_on_node> at = place_on_node{};
  if constexpr (requires { request.alloc_id; }) at = co_await place_of(context, request.alloc_id, request.auth_token);
  else at->node_id = request.node_id;
  // Of what does not exist the request's own namespace counts: who may see nothing there does not learn that it is not there.
  std::string ns = at && !at->namespace_.empty() ? at->namespace_ : request.namespace_;
  if (context.authority->enabled()) CO_TRY(co_await check_here(context, method, request.auth_token, ns, schema::view(request)));
  if (!at) co_return std::unexpected(std::move(at).error());
  if constexpr (!requires { request.alloc_id; }) CO_TRY(co_await check_node_exists(context, at->node_id, request.auth_token));
  co_return co_await find_way(context, std::move(at->node_id), last_hop);
}

// Called with `request` in the caller's frame.
template <class Request, class Response>
awaitable<result<>> pass(server_context& context, called_method method, std::string on_client, const Request& request, Response& response) {
  auto route = route_of(method.name, request, schema::slot(response));
  if (context.forward != nullptr && !context.forward->is_own(request.region)) co_return co_await context.forward->to_region(route);
  CO_TRY_ASSIGN(auto way, co_await way_for(context, method, request, forwarder::is_last_hop(route)));
  if (way.through) co_return co_await context.forward->to_server(*way.through, route);
  co_return co_await way.node->call(on_client, schema::view(request), schema::slot(response));
}

template <class Request, class Response>
void pass_on(rpc::method_table& table, server_context& context, std::string method, std::string on_client) {
  auto called = method_of<Request>(context, method);
  table.add_in_place<Request, Response>(method, [&context, called, on_client](rpc::call_context call, const Request& request, Response& response) {
    return pass<Request, Response>(context, as_called(called, call), on_client, request, response);
  });
}

// The message that ends a stream with an error (client/streams.h), which the caller shows.
std::string client_failure(const error& e) {
  schema::stream_err_wrapper message;
  message.error = schema::rpc_error{e.text(), http_status(e.code())};
  return codec::to_msgpack(message);
}

// The other end of a stream: the node, or a server that is nearer to it.
template <class Request>
awaitable<result<std::unique_ptr<rpc::message_stream>>> open_towards_node(server_context& context, called_method method, const Request& request) {
  auto route = route_of(method.name, request, {});
  if (context.forward != nullptr && !context.forward->is_own(request.region)) {
    CO_TRY_ASSIGN(auto there, co_await context.forward->server_in(request.region));
    co_return co_await context.forward->open_at(std::move(there), route);
  }
  CO_TRY_ASSIGN(auto way, co_await way_for(context, method, request, forwarder::is_last_hop(route)));
  if (way.through) co_return co_await context.forward->open_at(*way.through, route);
  co_return co_await way.node->open(std::string(method.name), schema::view(request));
}

template <class Request>
awaitable<result<>> relay(server_context& context, called_method method, Request request, std::unique_ptr<rpc::message_stream> caller) {
  CO_TRY_ASSIGN(auto node, co_await open_towards_node(context, method, request));
  co_return co_await join_streams(std::move(caller), std::move(node));
}

template <class Request>
void relay_stream(rpc::method_table& table, server_context& context, std::string method) {
  auto called = method_of<Request>(context, method);
  table.add_stream<Request>(method, [&context, called](rpc::call_context call, Request request, std::unique_ptr<rpc::message_stream> caller) {
    return relay<Request>(context, as_called(called, call), std::move(request), std::move(caller));
  });
}

// ---- Agent.Monitor: the log of a node, of a server, or of this one

// The server that `id` means: its id, its gossip name (NODE.REGION) or "leader". Nothing: this one.
result<std::optional<server_address>> monitored_server(const server_context& context, const std::string& id) {
  bool is_own = id == context.server_id || id == context.options.name + "." + context.options.region;
  if (id.empty() || is_own || (id == "leader" && context.leadership.is_self)) return std::nullopt;
  if (id == "leader" && context.leadership.leader_id == 0) return fail(errc::unavailable, "No cluster leader");
  const peer* found = nullptr;
  if (context.peers != nullptr) found = id == "leader" ? context.peers->by_raft_id(context.leadership.leader_id) : context.peers->by_name(id);
  if (found == nullptr && context.peers != nullptr) found = context.peers->by_id(id);
  if (found == nullptr || context.forward == nullptr)
    return fail(errc::invalid, "unknown Nomad server {}: name it as \"server members\" does, or \"leader\"", id);
  return server_address{found->rpc_address, found->region};
}

using stream = std::unique_ptr<rpc::message_stream>;

// Null: this server itself.
template <class Request>
awaitable<result<stream>> open_agent_stream(server_context& context, called_method method, Request& request) {
  if (!request.node_id.empty()) co_return co_await open_towards_node(context, method, request);
  auto route = route_of(method.name, request, {});
  if (context.forward != nullptr && !context.forward->is_own(request.region)) {
    CO_TRY_ASSIGN(auto there, co_await context.forward->server_in(request.region));
    co_return co_await context.forward->open_at(std::move(there), route);
  }
  if (context.authority->enabled()) CO_TRY(co_await check_here(context, method, request.auth_token, request.namespace_, schema::view(request)));
  CO_TRY_ASSIGN(auto to, monitored_server(context, request.server_id));
  if (!to) co_return nullptr;
  // It is asked for its own log.
  request.server_id.clear();
  co_return co_await context.forward->open_at(*std::move(to), route);
}

template <class Request>
awaitable<result<>> agent_stream(server_context& context, called_method method, rpc::call_context call, Request request, stream caller) {
  auto opened = co_await open_agent_stream(context, method, request);
  const auto* own = context.options.own_methods == nullptr ? nullptr : context.options.own_methods->find_stream(std::string(method.name));
  if (opened && !*opened && own == nullptr) opened = fail(errc::unsupported, "this agent does not show its log");
  if (!opened) co_return co_await caller->write(client_failure(opened.error()));
  if (*opened) co_return co_await join_streams(std::move(caller), *std::move(opened));
  co_return co_await own->handle(std::move(call), schema::view(request), std::move(caller));
}

template <class Request>
void add_agent_stream(rpc::method_table& table, server_context& context, std::string name) {
  auto method = method_of<Request>(context, name);
  table.add_stream<Request>(name, [&context, method](rpc::call_context call, Request request, stream caller) {
    return agent_stream<Request>(context, as_called(method, call), std::move(call), std::move(request), std::move(caller));
  });
}

// ---- Agent.Host, Agent.Profile: the same for calls

template <class Request, class Response>
awaitable<result<>> agent_call(server_context& context, called_method method, rpc::call_context call, const Request& request, Response& response) {
  if (!request.node_id.empty()) {
    CO_TRY(co_await pass(context, method, std::string(method.name), request, response));
    response.agent_id = request.node_id;
    co_return result<>{};
  }
  auto route = route_of(method.name, request, schema::slot(response));
  if (context.forward != nullptr && !context.forward->is_own(request.region)) co_return co_await context.forward->to_region(route);
  if (context.authority->enabled()) CO_TRY(co_await check_here(context, method, request.auth_token, request.namespace_, schema::view(request)));
  CO_TRY_ASSIGN(auto to, monitored_server(context, request.server_id));
  if (to) {
    // It is asked for itself.
    auto asked = request;
    asked.server_id.clear();
    co_return co_await context.forward->to_server(*std::move(to), route_of(method.name, asked, schema::slot(response)));
  }
  const auto* own = context.options.own_methods == nullptr ? nullptr : context.options.own_methods->find(std::string(method.name));
  if (own == nullptr) co_return fail(errc::unsupported, "this agent does not answer {}", method.name);
  CO_TRY(co_await own->handle(std::move(call), schema::view(request), schema::slot(response)));
  response.agent_id = context.server_id;
  co_return result<>{};
}

template <class Request, class Response>
void add_agent_call(rpc::method_table& table, server_context& context, std::string name) {
  auto method = method_of<Request>(context, name);
  table.add_in_place<Request, Response>(name, [&context, method](rpc::call_context call, const Request& request, Response& response) {
    return agent_call<Request, Response>(context, as_called(method, call), std::move(call), request, response);
  });
}

}  // namespace

void add_client_methods(rpc::method_table& table, server_context& context) {
  pass_on<schema::alloc_signal_request, schema::generic_response>(table, context, "ClientAllocations.Signal", "Allocations.Signal");
  pass_on<schema::alloc_pause_request, schema::generic_response>(table, context, "ClientAllocations.SetPauseState", "Allocations.SetPauseState");
  pass_on<schema::alloc_get_pause_state_request, schema::alloc_get_pause_state_response>(table, context, "ClientAllocations.GetPauseState",
                                                                                         "Allocations.GetPauseState");
  pass_on<schema::alloc_restart_request, schema::generic_response>(table, context, "ClientAllocations.Restart", "Allocations.Restart");
  pass_on<schema::alloc_stats_request, schema::alloc_stats_response>(table, context, "ClientAllocations.Stats", "Allocations.Stats");
  pass_on<schema::alloc_checks_request, schema::alloc_checks_response>(table, context, "ClientAllocations.Checks", "Allocations.Checks");
  pass_on<schema::alloc_specific_request, schema::generic_response>(table, context, "ClientAllocations.GarbageCollect", "Allocations.GarbageCollect");
  pass_on<schema::node_specific_request, schema::generic_response>(table, context, "ClientAllocations.GarbageCollectAll", "Allocations.GarbageCollectAll");
  pass_on<schema::node_specific_request, schema::client_stats_response>(table, context, "ClientStats.Stats", "ClientStats.Stats");
  pass_on<schema::fs_list_request, schema::fs_list_response>(table, context, "FileSystem.List", "FileSystem.List");
  pass_on<schema::fs_stat_request, schema::fs_stat_response>(table, context, "FileSystem.Stat", "FileSystem.Stat");
  pass_on<schema::node_specific_request, schema::node_meta_response>(table, context, "NodeMeta.Read", "NodeMeta.Read");
  pass_on<schema::node_identity_get_req, schema::node_identity_get_resp>(table, context, "NodeIdentity.Get", "NodeIdentity.Get");
  pass_on<schema::node_identity_renew_req, schema::node_identity_renew_resp>(table, context, "NodeIdentity.Renew", "NodeIdentity.Renew");
  pass_on<schema::node_meta_apply_request, schema::node_meta_response>(table, context, "NodeMeta.Apply", "NodeMeta.Apply");
  relay_stream<schema::fs_logs_request>(table, context, "FileSystem.Logs");
  relay_stream<schema::fs_stream_request>(table, context, "FileSystem.Stream");
  relay_stream<schema::alloc_exec_request>(table, context, "Allocations.Exec");
  add_agent_stream<schema::monitor_request>(table, context, "Agent.Monitor");
  add_agent_stream<schema::monitor_export_request>(table, context, "Agent.MonitorExport");
  add_agent_call<schema::host_data_request, schema::host_data_response>(table, context, "Agent.Host");
  add_agent_call<schema::agent_pprof_request, schema::agent_pprof_response>(table, context, "Agent.Profile");
}

}  // namespace drover::server
