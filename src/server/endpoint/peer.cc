// What only other servers of the region ask.
#include "schema/peer_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/reads.h"

namespace drover::server {
namespace {

// Answered from memory: the term is never behind what this server has told others (leader_check.h says why that is enough).
awaitable<result<schema::leader_check_response>> check_leader(server_context& context, schema::leader_check_request) {
  schema::leader_check_response out;
  out.term = context.raft->term();
  co_return out;
}

}  // namespace

void add_peer_methods(rpc::method_table& table, server_context& context) { add_here(table, context, "Status.CheckLeader", &check_leader); }

}  // namespace drover::server
