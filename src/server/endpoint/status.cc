// Status.* and Region.* methods, and what servers of a region ask each other to form a cluster (Cluster.*).
#include "raft/raft.h"
#include "schema/operator_rpc.h"
#include "server/bootstrap.h"
#include "server/endpoint/endpoints.h"
#include "server/membership.h"
#include "server/reads.h"
#include "server/shown_member.h"

namespace drover::server {
namespace {

awaitable<result<schema::generic_response>> ping(server_context&, schema::generic_request) { co_return schema::generic_response(); }

awaitable<result<std::string>> leader_address(server_context& context, schema::generic_request) {
  auto leader = context.raft->leader();
  co_return leader.leader_id == 0 ? std::string() : context.membership->rpc_address_of(leader.leader_id);
}

awaitable<result<std::vector<std::string>>> raft_peers(server_context& context, schema::generic_request) {
  std::vector<std::string> out;
  for (const auto& server : context.raft->stats().servers) out.push_back(context.membership->rpc_address_of(server.id));
  co_return out;
}

awaitable<result<schema::server_members_response>> members(server_context& context, schema::generic_request) {
  schema::server_members_response out;
  out.server_name = context.options.name;
  out.server_region = context.options.region;
  out.server_dc = context.options.datacenter;
  for (const auto& each : context.membership->members()) out.members.push_back(shown_member(each));
  co_return out;
}

awaitable<result<schema::raft_stats>> raft_stats(server_context& context, schema::generic_request) {
  auto stats = context.raft->stats();
  schema::raft_stats out;
  out.last_contact = stats.last_contact < nanoseconds(0) ? "never" : stats.last_contact == duration() ? "0" : to_string(stats.last_contact);
  out.last_term = stats.term;
  out.last_index = stats.last_log_index;
  co_return out;
}

awaitable<result<std::vector<std::string>>> regions(server_context& context, schema::generic_request) { co_return context.peers->regions(); }

// With TLS only servers may ask these.
awaitable<result<cluster_report>> report(server_context& context, cluster_report_request request) {
  if (request.region != context.options.region)
    co_return fail(errc::invalid, "this server is of region \"{}\", not of \"{}\"", context.options.region, request.region);
  co_return context.bootstrap->report();
}

awaitable<result<first_configuration_answer>> prepare(server_context& context, first_configuration_request request) {
  co_return context.bootstrap->prepare(request);
}

awaitable<result<first_configuration_answer>> bootstrap(server_context& context, first_configuration_request request) {
  co_return co_await context.bootstrap->take(std::move(request));
}

template <class Request, class Response>
void add_between_servers(rpc::method_table& table, server_context& context, std::string name,
                         awaitable<result<Response>> (*function)(server_context&, Request)) {
  const auto* by = context.authority->guard_of(name, schema::type_of<Request>());
  table.add<Request, Response>(std::move(name), [&context, by, function](rpc::call_context call, Request request) {
    if (auto peer = context.authority->check_peer(*by, call); !peer) return refused<Response>(std::move(peer).error());
    return function(context, std::move(request));
  });
}

}  // namespace

void add_status_methods(rpc::method_table& table, server_context& context) {
  add_here(table, context, "Status.Ping", &ping);
  add_here(table, context, "Status.Leader", &leader_address);
  add_here(table, context, "Status.Peers", &raft_peers);
  add_here(table, context, "Status.Members", &members);
  add_here(table, context, "Status.RaftStats", &raft_stats);
  add_here(table, context, "Region.List", &regions);
  add_between_servers(table, context, "Cluster.Report", &report);
  add_between_servers(table, context, "Cluster.Prepare", &prepare);
  add_between_servers(table, context, "Cluster.Bootstrap", &bootstrap);
}

}  // namespace drover::server
