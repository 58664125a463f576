// What only other servers of the region ask.
#include "schema/node_rpc.h"
#include "schema/peer_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/node_connections.h"
#include "server/reads.h"

namespace drover::server {
namespace {

// Answered from memory: the term is never behind what this server has told others (leader_check.h says why that is enough).
awaitable<result<schema::leader_check_response>> check_leader(server_context& context, schema::leader_check_request) {
  schema::leader_check_response out;
  out.term = context.raft->term();
  co_return out;
}

awaitable<result<schema::node_conn_query_response>> has_node(server_context& context, schema::node_specific_request request) {
  if (request.node_id.empty()) co_return fail(errc::invalid, "Must provide the NodeID");
  schema::node_conn_query_response out;
  out.connected = context.nodes->find(request.node_id) != nullptr;
  if (out.connected) out.established = context.nodes->established(request.node_id);
  out.index = context.state().index(state::table::nodes);
  out.known_leader = context.has_leader();
  co_return out;
}

}  // namespace

void add_peer_methods(rpc::method_table& table, server_context& context) {
  add_here(table, context, "Status.CheckLeader", &check_leader);
  // Not by add_here(): a server of another region asks about our nodes and names its own region.
  table.add<schema::node_specific_request, schema::node_conn_query_response>(
      "Status.HasNodeConn", [&context](rpc::call_context, schema::node_specific_request request) { return has_node(context, std::move(request)); });
}

}  // namespace drover::server
