// Methods that a client node answers, reached through a server: ClientAllocations.*, ClientStats.*, FileSystem.*, Allocations.Exec, NodeMeta.*. The
// server finds the node and passes the request on.
#include "net/task_scope.h"
#include "schema/alloc_rpc.h"
#include "schema/node_rpc.h"
#include "schema/operator_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/node_connections.h"
#include "server/reads.h"

namespace drover::server {
namespace {

result<rpc::channel*> channel_to(server_context& context, const std::string& node_id) {
  auto* through = context.nodes->find(node_id);
  if (through == nullptr) return fail(errc::not_found, "No path to node");
  return through;
}

// Which node a request is about: it names one, or an allocation that is on one.
result<std::string> node_of(server_context& context, const std::string& alloc_id) {
  if (alloc_id.empty()) return fail(errc::invalid, "missing allocation ID");
  auto alloc = context.state().alloc(alloc_id);
  if (!alloc) return fail(errc::not_found, "Unknown allocation \"{}\"", alloc_id);
  return alloc->node_id;
}

template <class Request>
result<std::string> node_for(server_context& context, const Request& request) {
  if constexpr (requires { request.alloc_id; }) {
    return node_of(context, request.alloc_id);
  } else {
    if (request.node_id.empty()) return fail(errc::invalid, "missing node ID");
    if (!context.state().node(request.node_id)) return fail(errc::not_found, "Unknown node \"{}\"", request.node_id);
    return request.node_id;
  }
}

template <class Request, class Response>
void pass_on(rpc::method_table& table, server_context& context, std::string method, std::string on_client) {
  table.add<Request, Response>(std::move(method), [&context, on_client](rpc::call_context, Request request) -> awaitable<result<Response>> {
    return [](server_context& c, std::string to_method, Request r) -> awaitable<result<Response>> {
      CO_TRY_ASSIGN(auto node_id, node_for(c, r));
      CO_TRY_ASSIGN(auto* through, channel_to(c, node_id));
      co_return co_await rpc::call<Response>(*through, std::move(to_method), std::move(r));
    }(context, on_client, std::move(request));
  });
}

// Carries messages one way until that way ends.
awaitable<result<>> pump(rpc::message_stream* from, rpc::message_stream* to) {
  for (;;) {
    CO_TRY_ASSIGN(auto message, co_await from->read());
    if (!message) break;
    CO_TRY(co_await to->write(*std::move(message)));
  }
  to->close_write();
  co_return result<>{};
}

template <class Request>
awaitable<result<>> relay(server_context& context, std::string method, Request request, std::unique_ptr<rpc::message_stream> caller) {
  CO_TRY_ASSIGN(auto node_id, node_for(context, request));
  CO_TRY_ASSIGN(auto* through, channel_to(context, node_id));
  CO_TRY_ASSIGN(auto node, co_await rpc::open(*through, std::move(method), std::move(request)));
  net::task_scope input(context.loop, context.logger);
  input.spawn(pump(caller.get(), node.get()));
  result<> done = fail(errc::cancelled, "the stream was given up");
  try {
    done = co_await pump(node.get(), caller.get());
  } catch (const std::exception& e) {
    if (!net::is_cancellation(e)) throw;
  }
  // Also when cancelled: the other way uses both streams.
  co_await net::keep_going();
  co_await input.stop();
  co_return done;
}

template <class Request>
void relay_stream(rpc::method_table& table, server_context& context, std::string method) {
  table.add_stream<Request>(method, [&context, method](rpc::call_context, Request request, std::unique_ptr<rpc::message_stream> caller) {
    return relay<Request>(context, method, std::move(request), std::move(caller));
  });
}

}  // namespace

void add_client_methods(rpc::method_table& table, server_context& context) {
  pass_on<schema::alloc_signal_request, schema::generic_response>(table, context, "ClientAllocations.Signal", "Allocations.Signal");
  pass_on<schema::alloc_restart_request, schema::generic_response>(table, context, "ClientAllocations.Restart", "Allocations.Restart");
  pass_on<schema::alloc_stats_request, schema::alloc_stats_response>(table, context, "ClientAllocations.Stats", "Allocations.Stats");
  pass_on<schema::alloc_checks_request, schema::alloc_checks_response>(table, context, "ClientAllocations.Checks", "Allocations.Checks");
  pass_on<schema::alloc_specific_request, schema::generic_response>(table, context, "ClientAllocations.GarbageCollect", "Allocations.GarbageCollect");
  pass_on<schema::node_specific_request, schema::generic_response>(table, context, "ClientAllocations.GarbageCollectAll", "Allocations.GarbageCollectAll");
  pass_on<schema::node_specific_request, schema::client_stats_response>(table, context, "ClientStats.Stats", "ClientStats.Stats");
  pass_on<schema::fs_list_request, schema::fs_list_response>(table, context, "FileSystem.List", "FileSystem.List");
  pass_on<schema::fs_stat_request, schema::fs_stat_response>(table, context, "FileSystem.Stat", "FileSystem.Stat");
  pass_on<schema::node_specific_request, schema::node_meta_response>(table, context, "NodeMeta.Read", "NodeMeta.Read");
  pass_on<schema::node_meta_apply_request, schema::node_meta_response>(table, context, "NodeMeta.Apply", "NodeMeta.Apply");
  relay_stream<schema::fs_logs_request>(table, context, "FileSystem.Logs");
  relay_stream<schema::fs_stream_request>(table, context, "FileSystem.Stream");
  relay_stream<schema::alloc_exec_request>(table, context, "Allocations.Exec");
}

}  // namespace drover::server
