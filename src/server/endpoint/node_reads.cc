// Node.* and NodePool.* methods that only read, the client's allocation watch among them.
#include <algorithm>

#include "crypto/digest.h"
#include "crypto/migrate_token.h"
#include "jobspec/redact.h"
#include "schema/node_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/endpoint/filter_view.h"
#include "server/endpoint/shown_alloc.h"
#include "server/endpoint/stubs.h"
#include "server/node_connections.h"
#include "server/reads.h"

namespace drover::server {
namespace {

using state::table;

result<> list_nodes(const read& r, const schema::node_list_request& request, schema::node_list_response& out) {
  r.watch(state::watch_table(table::nodes));
  page on(request);
  r.state.visit_nodes(request.prefix, [&](const ref<schema::node>& node) {
    if (on.takes(node->id, *node)) out.nodes.push_back(node_stub(*node, request.fields && request.fields->resources, request.fields && request.fields->os));
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::nodes);
  return {};
}

result<> get_node(const read& r, const schema::node_specific_request& request, schema::single_node_response& out) {
  r.watch(state::watch_node(request.node_id));
  auto node = r.state.node(request.node_id);
  out.index = node ? node->modify_index : r.state.index(table::nodes);
  if (!node) return {};
  auto shown = std::make_shared<schema::node>(*node);
  shown->secret_id.clear();
  shown->drain = node->drain_strategy.has_value();
  out.node = std::move(shown);
  return {};
}

result<> node_allocs(const read& r, const schema::node_specific_request& request, schema::node_allocs_response& out) {
  r.watch(state::watch_allocs_of_node(request.node_id));
  out.allocs = r.state.allocs_by_node(request.node_id);
  std::erase_if(out.allocs, [&](const auto& each) { return !r.shows(each->namespace_); });
  filter_view shown(r);
  for (auto& each : out.allocs) each = shown(shown_alloc(each));
  out.index = r.state.index(table::allocs);
  return {};
}

// For a node that goes on with the disk of an allocation that ran elsewhere; empty: there is nothing to fetch.
std::string token_for_disk(const read& r, const schema::allocation& alloc) {
  if (alloc.previous_allocation.empty() || !alloc.job || alloc.desired_status != "run") return {};
  auto group = std::ranges::find_if(alloc.job->task_groups, [&](auto& g) { return g.name == alloc.task_group; });
  if (group == alloc.job->task_groups.end() || !group->ephemeral_disk || !group->ephemeral_disk->sticky || !group->ephemeral_disk->migrate) return {};
  auto previous = r.state.alloc(alloc.previous_allocation);
  if (!previous || previous->node_id == alloc.node_id) return {};
  auto node = r.state.node(previous->node_id);
  if (!node || node->secret_id.empty() || node->secret_id.size() > 64) return {};
  return crypto::migrate_token(node->secret_id, previous->id);
}

// What a client asks for in a loop. The secret proves that it is the node.
result<> client_allocs(const read& r, const schema::node_specific_request& request, schema::node_client_allocs_response& out) {
  if (request.secret_id.empty()) return fail(errc::invalid, "missing secret ID for node \"{}\"", request.node_id);
  auto node = r.state.node(request.node_id);
  if (!node) return fail(errc::not_found, "node not found");
  if (!crypto::same_digest(node->secret_id, request.secret_id)) return fail(errc::permission_denied, "Permission denied");
  r.watch(state::watch_allocs_of_node(request.node_id));
  r.watch(state::watch_node(request.node_id));
  r.state.visit_allocs_by_node(request.node_id, [&](const ref<schema::allocation>& alloc) {
    out.allocs[alloc->id] = alloc->alloc_modify_index;
    out.index = std::max(out.index, alloc->alloc_modify_index);
    if (auto token = token_for_disk(r, *alloc); !token.empty()) out.migrate_tokens[alloc->id] = std::move(token);
    return true;
  });
  // Removals change no allocation's index; the table's does.
  out.index = std::max(out.index, r.state.index(table::allocs));
  if (out.index == 0) out.index = 1;
  return {};
}

result<> list_pools(const read& r, const schema::node_pool_list_request& request, schema::node_pool_list_response& out) {
  r.watch(state::watch_table(table::node_pools));
  page on(request);
  r.state.visit_node_pools(request.prefix, [&](const ref<schema::node_pool>& pool) {
    if (r.by != nullptr && !r.by->may->sees_pool(pool->name)) return true;
    if (on.takes(pool->name, *pool)) out.node_pools.push_back(pool);
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::node_pools);
  return {};
}

result<> get_pool(const read& r, const schema::node_pool_specific_request& request, schema::single_node_pool_response& out) {
  r.watch(state::watch_record(table::node_pools, request.name));
  out.node_pool = r.state.node_pool(request.name);
  out.index = out.node_pool ? out.node_pool->modify_index : r.state.index(table::node_pools);
  return {};
}

result<> pool_nodes(const read& r, const schema::node_pool_nodes_request& request, schema::node_pool_nodes_response& out) {
  r.watch(state::watch_table(table::nodes));
  if (!r.state.node_pool(request.name)) return fail(errc::not_found, "node pool not found");
  page on(request);
  r.state.visit_nodes("", [&](const ref<schema::node>& node) {
    if ((request.name == "all" || node->node_pool == request.name) && on.takes(node->id, *node))
      out.nodes.push_back(node_stub(*node, request.fields && request.fields->resources, request.fields && request.fields->os));
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::nodes);
  return {};
}

result<> pool_jobs(const read& r, const schema::node_pool_jobs_request& request, schema::node_pool_jobs_response& out) {
  r.watch(state::watch_table(table::jobs));
  if (!r.state.node_pool(request.name)) return fail(errc::not_found, "node pool not found");
  page on(request);
  filter_view shown(r);
  r.state.visit_jobs(namespace_of(request), "", [&](const ref<schema::job>& job) {
    if (job->node_pool != request.name || !r.shows(job->namespace_) || !on.takes(job->namespace_ + "." + job->id, job, shown)) return !on.full();
    auto summary = r.state.job_summary(job->namespace_, job->id);
    auto& stub = out.jobs.emplace_back(job_stub(*job, summary.get(), request.fields && request.fields->meta));
    if (!r.reveals(job->namespace_)) jobspec::redact(stub.meta);
    return true;
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index({table::jobs, table::job_summaries});
  return {};
}

// A node that asks for its work can be called back over the session by which it asks: the first thing it does after a server was away.
awaitable<result<>> answer_client(server_context& context, called_method method, rpc::call_context call, const schema::node_specific_request& request,
                                  schema::node_client_allocs_response& response) {
  if (call.back && !request.forwarded) {
    auto node = context.state().node(request.node_id);
    if (node && !request.secret_id.empty() && crypto::same_digest(node->secret_id, request.secret_id))
      context.nodes->add(request.node_id, std::move(call.back), context.clock.now());
  }
  return run_read(context, attempt_of(as_called(method, call), &client_allocs, request, response));
}

}  // namespace

void add_node_reads(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Node.List", &list_nodes);
  add_read(table, context, "Node.GetNode", &get_node);
  add_read(table, context, "Node.GetAllocs", &node_allocs);
  auto client_allocs = method_of<schema::node_specific_request>(context, "Node.GetClientAllocs");
  table.add_in_place<schema::node_specific_request, schema::node_client_allocs_response>(
      "Node.GetClientAllocs",
      [&context, client_allocs](rpc::call_context call, const schema::node_specific_request& request, schema::node_client_allocs_response& response) {
        return answer_client(context, client_allocs, std::move(call), request, response);
      });
  add_read(table, context, "NodePool.List", &list_pools);
  add_read(table, context, "NodePool.GetNodePool", &get_pool);
  add_read(table, context, "NodePool.ListNodes", &pool_nodes);
  add_read(table, context, "NodePool.ListJobs", &pool_jobs);
}

}  // namespace drover::server
