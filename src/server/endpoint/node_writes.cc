// Node.* methods that change nodes, and what client nodes report.
#include <algorithm>

#include "crypto/digest.h"
#include "sched/computed_class.h"
#include "sched/reconcile/reconciler.h"
#include "schema/alloc_rpc.h"
#include "schema/node_rpc.h"
#include "schema/operator_rpc.h"
#include "server/alloc_updates.h"
#include "server/endpoint/acl_common.h"
#include "server/endpoint/endpoints.h"
#include "server/evals.h"
#include "server/forward.h"
#include "server/heartbeats.h"
#include "server/identities.h"
#include "server/limits.h"
#include "server/lost_nodes.h"
#include "server/node_connections.h"
#include "server/node_way.h"
#include "server/peers.h"
#include "server/reads.h"
#include "server/replicator.h"

namespace drover::server {
namespace {

schema::node_event event_of(server_context& context, std::string subsystem, std::string message) {
  schema::node_event event;
  event.subsystem = std::move(subsystem);
  event.message = std::move(message);
  event.timestamp = context.clock.now();
  return event;
}

bool is_node_status(std::string_view status) { return status == "initializing" || status == "ready" || status == "down" || status == "disconnected"; }

result<> check_node(const schema::node& node) {
  if (node.id.empty()) return fail(errc::invalid, "missing node ID for client registration");
  if (node.datacenter.empty()) return fail(errc::invalid, "missing datacenter for client registration");
  if (node.name.empty()) return fail(errc::invalid, "missing node name for client registration");
  if (node.attributes.empty()) return fail(errc::invalid, "missing attributes for client registration");
  if (node.secret_id.empty()) return fail(errc::invalid, "missing node secret ID for client registration");
  if (node.node_pool == "all") return fail(errc::invalid, "node is not allowed to register in node pool \"all\"");
  if (!is_node_status(node.status)) return fail(errc::invalid, "invalid status \"{}\" for node", node.status);
  return {};
}

// Does this change of a node call for looking at its jobs again?
bool needs_evals(const schema::node* before, const schema::node& after) {
  if (before == nullptr) return after.status == "ready";
  bool came = after.status == "ready" && before->status != "ready";
  bool went = after.status == "down" && before->status != "down";
  bool changed = before->computed_class != after.computed_class || before->datacenter != after.datacenter || before->node_pool != after.node_pool;
  return came || went || after.status == "disconnected" || (changed && after.status == "ready");
}

// Clients keep this list: the servers of the region that are alive now, and which of them leads.
void describe_servers(server_context& context, schema::node_update_response& out) {
  auto add = [&](std::string address, std::string datacenter) {
    out.servers.push_back({.rpc_advertise_addr = std::move(address), .rpc_major_version = 1, .rpc_minor_version = 1, .datacenter = std::move(datacenter)});
  };
  if (context.peers != nullptr)
    for (auto& each : context.peers->alive_in(context.options.region)) add(std::move(each.rpc_address), std::move(each.datacenter));
  if (out.servers.empty()) add(context.options.rpc_address, context.options.datacenter);
  if (context.is_leader) out.leader_rpc_addr = context.options.rpc_address;
  out.num_nodes = static_cast<int32_t>(context.state().node_count());
}

// Writes the evaluations that the node's new state calls for.
awaitable<result<>> create_evals(server_context& context, std::string node_id, schema::node_update_response& out) {
  auto state = context.state();
  auto node = state.node(node_id);
  if (!node) co_return result<>{};
  auto evals = node_evals(context, state, *node, "node-update");
  if (evals.empty()) co_return result<>{};
  schema::eval_update_request update;
  for (auto& eval : evals) {
    out.eval_ids.push_back(eval.id);
    update.evals.push_back(std::make_shared<const schema::evaluation>(std::move(eval)));
  }
  CO_TRY_ASSIGN(out.eval_create_index, co_await context.replicate->apply<fsm::command_type::eval_update>(update));
  co_return result<>{};
}

// Two agents with copies of one data directory have the same id and the same secret; they differ in their address. A node that comes back with a new
// address has no session any more, or a dead one.
awaitable<result<>> check_no_twin(server_context& context, const schema::node& node) {
  auto before = context.state().node(node.id);
  if (!before || before->secret_id != node.secret_id || before->http_addr == node.http_addr) co_return result<>{};
  auto way = co_await find_way(context, node.id, false);
  if (!way) co_return result<>{};
  schema::node_specific_request request;
  request.node_id = node.id;
  schema::client_stats_response response;
  auto asked = way->through ? context.forward->to_server(*way->through, route_of("ClientStats.Stats", request, schema::slot(response)))
                            : way->node->call("ClientStats.Stats", schema::view(request), schema::slot(response));
  if (!co_await net::with_deadline(std::move(asked), net::after(node_search_timeout))) co_return result<>{};
  context.logger.warn(
      "a node was not registered: two agents have its id, and the first one answers; the data directory of one was copied from the "
      "other: stop one of them and empty its data_dir",
      {{"node_id", node.id}, {"name", node.name}, {"address", node.http_addr}, {"registered_address", before->http_addr}});
  co_return fail(errc::permission_denied, "node ID {} belongs to the agent at {}, which answers. Not registering node.", node.id, before->http_addr);
}

awaitable<result<schema::node_update_response>> register_node(server_context& context, schema::node_register_request request) {
  if (!request.node) co_return fail(errc::invalid, "missing node for client registration");
  CO_TRY(check_node(*request.node));
  auto node = std::make_shared<schema::node>(*request.node);
  CO_TRY(co_await check_no_twin(context, *node));
  auto before = context.state().node(node->id);
  if (before && !crypto::same_digest(before->secret_id, node->secret_id)) {
    context.logger.warn("a node was not registered: its id belongs to another node with another secret",
                        {{"node_id", node->id}, {"name", node->name}, {"registered_name", before->name}});
    co_return fail(errc::permission_denied, "node secret ID does not match. Not registering node.");
  }
  if (node->node_pool.empty()) node->node_pool = "default";
  if (node->scheduling_eligibility.empty()) node->scheduling_eligibility = "eligible";
  // Only a heartbeat changes the status of a node that is known.
  if (before) node->status = before->status;
  node->computed_class = sched::computed_class(*node);
  node->status_updated_at = context.clock.now().unix_seconds();
  if (!before) CO_TRY(check_introduction(context, *node, request.auth_token));
  if (before) node->identity_signing_key_id = before->identity_signing_key_id;
  // A node that comes with its secret has lost its identity, or never had one.
  auto identity = co_await identity_for(context, node, {.token = request.auth_token, .force = !request.auth_token.starts_with("eyJ")});
  if (identity) node->identity_signing_key_id = identity->key_id;
  schema::node_register_request command = request;
  command.auth_token.clear();
  command.node_event.reset();  // the state machine writes what happened
  command.create_node_pool = true;
  command.node = node;
  bool evaluate = needs_evals(before.get(), *node);

  schema::node_update_response out;
  CO_TRY_ASSIGN(out.node_modify_index, co_await context.replicate->apply<fsm::command_type::node_register>(command));
  out.index = out.node_modify_index;
  if (evaluate) CO_TRY(co_await create_evals(context, node->id, out));
  out.heartbeat_ttl = context.heartbeats->renew(node->id);
  context.lost->heard(node->id);
  out.scheduling_eligibility = node->scheduling_eligibility;
  if (identity) out.signed_identity = std::move(identity->jwt);
  describe_servers(context, out);
  co_return out;
}

bool is_unresponsive(std::string_view status) { return status == "down" || status == "disconnected"; }

// A node that was cut off is ready again only after it has said how its allocations are.
std::string next_status(const server_context& context, const schema::node& node, std::string wanted) {
  if (wanted != "ready") return wanted;
  if (node.status == "disconnected") return "initializing";
  if (node.status != "initializing" || node.last_missed_heartbeat_index == 0 || node.last_alloc_update_index > node.last_missed_heartbeat_index) return wanted;
  bool has_live = false;
  context.state().visit_allocs_by_node(node.id, [&](const ref<schema::allocation>& alloc) {
    has_live = !sched::client_terminal(*alloc);
    return !has_live;
  });
  return has_live ? "initializing" : wanted;
}

awaitable<result<schema::node_update_response>> update_status(server_context& context, schema::node_update_status_request request) {
  if (request.node_id.empty()) co_return fail(errc::invalid, "missing node ID for client status update");
  if (!is_node_status(request.status)) co_return fail(errc::invalid, "invalid status for node");
  auto before = context.state().node(request.node_id);
  if (!before) co_return fail(errc::not_found, "node not found");
  request.status = next_status(context, *before, std::move(request.status));
  schema::node_update_response out;
  auto identity = co_await identity_for(context, before, {.token = request.auth_token, .force = request.force_identity_renewal});
  request.identity_signing_key_id = identity ? identity->key_id : "";
  if (identity) out.signed_identity = std::move(identity->jwt);
  bool new_key = identity && identity->key_id != before->identity_signing_key_id;
  if (before->status != request.status || new_key) {
    if (before->status == "down" && request.status == "ready" && !request.node_event)
      request.node_event = event_of(context, "Cluster", "Node reregistered by heartbeat");
    request.updated_at = context.clock.now().unix_seconds();
    request.auth_token.clear();
    CO_TRY_ASSIGN(out.node_modify_index, co_await context.replicate->apply<fsm::command_type::node_update_status>(request));
    out.index = out.node_modify_index;
    auto after = context.state().node(request.node_id);
    if (after && needs_evals(before.get(), *after)) CO_TRY(co_await create_evals(context, request.node_id, out));
  }
  if (is_unresponsive(request.status)) {
    context.heartbeats->forget(request.node_id);
  } else {
    out.heartbeat_ttl = context.heartbeats->renew(request.node_id);
    context.lost->heard(request.node_id);
  }
  out.scheduling_eligibility = before->scheduling_eligibility;
  describe_servers(context, out);
  co_return out;
}

awaitable<result<schema::node_update_response>> deregister(server_context& context, schema::node_batch_deregister_request request) {
  if (request.node_ids.empty()) co_return fail(errc::invalid, "missing node IDs for client deregistration");
  auto state = context.state();
  std::vector<schema::evaluation> evals;
  for (const auto& id : request.node_ids) {
    auto node = state.node(id);
    if (!node) co_return fail(errc::not_found, "node not found");
    for (auto& eval : node_evals(context, state, *node, "node-update")) evals.push_back(std::move(eval));
  }
  request.auth_token.clear();
  schema::node_update_response out;
  CO_TRY_ASSIGN(out.node_modify_index, co_await context.replicate->apply<fsm::command_type::node_batch_deregister>(request));
  out.index = out.node_modify_index;
  for (const auto& id : request.node_ids) context.heartbeats->forget(id);
  if (evals.empty()) co_return out;
  schema::eval_update_request update;
  for (auto& eval : evals) {
    out.eval_ids.push_back(eval.id);
    update.evals.push_back(std::make_shared<const schema::evaluation>(std::move(eval)));
  }
  CO_TRY_ASSIGN(out.eval_create_index, co_await context.replicate->apply<fsm::command_type::eval_update>(update));
  co_return out;
}

awaitable<result<schema::node_update_response>> deregister_one(server_context& context, schema::node_deregister_request request) {
  schema::node_batch_deregister_request batch;
  batch.node_ids = {request.node_id};
  co_return co_await deregister(context, std::move(batch));
}

awaitable<result<schema::node_drain_update_response>> update_drain(server_context& context, schema::node_update_drain_request request) {
  auto before = context.state().node(request.node_id);
  if (!before) co_return fail(errc::not_found, "node not found");
  request.updated_at = context.now_ns();
  request.auth_token.clear();
  if (request.drain_strategy) {
    auto& strategy = *request.drain_strategy;
    strategy.started_at = context.clock.now();
    if (strategy.deadline.ns > 0) strategy.force_deadline = context.clock.now() + strategy.deadline;
    request.node_event = event_of(context, "Drain", before->drain_strategy ? "Node drain strategy updated" : "Node drain strategy set");
  } else {
    request.node_event = event_of(context, "Drain", "Node drain disabled");
  }
  schema::node_drain_update_response out;
  CO_TRY_ASSIGN(out.node_modify_index, co_await context.replicate->apply<fsm::command_type::node_update_drain>(request));
  out.index = out.node_modify_index;
  schema::node_update_response evals;
  CO_TRY(co_await create_evals(context, request.node_id, evals));
  out.eval_ids = evals.eval_ids;
  out.eval_create_index = evals.eval_create_index;
  co_return out;
}

awaitable<result<schema::node_eligibility_update_response>> update_eligibility(server_context& context, schema::node_update_eligibility_request request) {
  if (request.eligibility != "eligible" && request.eligibility != "ineligible")
    co_return fail(errc::invalid, "invalid scheduling eligibility \"{}\": use \"eligible\" or \"ineligible\"", request.eligibility);
  auto before = context.state().node(request.node_id);
  if (!before) co_return fail(errc::not_found, "node not found");
  if (before->drain_strategy && request.eligibility == "eligible")
    co_return fail(errc::invalid, "can not set node's scheduling eligibility to eligible while it is draining");
  request.updated_at = context.now_ns();
  request.auth_token.clear();
  request.node_event = event_of(context, "Cluster", "Node marked as " + request.eligibility + " for scheduling");
  schema::node_eligibility_update_response out;
  CO_TRY_ASSIGN(out.node_modify_index, co_await context.replicate->apply<fsm::command_type::node_update_eligibility>(request));
  out.index = out.node_modify_index;
  if (before->scheduling_eligibility == request.eligibility || request.eligibility == "ineligible") co_return out;
  schema::node_update_response evals;
  CO_TRY(co_await create_evals(context, request.node_id, evals));
  out.eval_ids = evals.eval_ids;
  out.eval_create_index = evals.eval_create_index;
  co_return out;
}

awaitable<result<schema::node_update_response>> evaluate_node(server_context& context, schema::node_evaluate_request request) {
  if (!context.state().node(request.node_id)) co_return fail(errc::not_found, "node not found");
  schema::node_update_response out;
  CO_TRY(co_await create_evals(context, request.node_id, out));
  out.index = out.eval_create_index;
  co_return out;
}

awaitable<result<schema::generic_response>> update_allocs(server_context& context, schema::alloc_update_request request) {
  if (request.alloc.empty()) co_return fail(errc::invalid, "must update at least one allocation");
  auto node = context.state().node(request.alloc.front()->node_id);
  // It says that it lives first: otherwise what it reports would be judged as of a node that is lost.
  if (node && is_unresponsive(node->status))
    co_return fail(errc::invalid, "node {} is not allowed to update allocs while in status {}", node->id, node->status);
  schema::generic_response out;
  CO_TRY_ASSIGN(out.index, co_await context.alloc_updates->submit(std::move(request.alloc)));
  co_return out;
}

awaitable<result<schema::emit_node_events_response>> emit_events(server_context& context, schema::emit_node_events_request request) {
  if (request.node_events.empty()) co_return fail(errc::invalid, "no node events given");
  request.auth_token.clear();
  schema::emit_node_events_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::node_events>(request));
  co_return out;
}

bool is_pool_name(std::string_view name) {
  return name.size() <= 128 && std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
}

awaitable<result<schema::generic_response>> upsert_pools(server_context& context, schema::node_pool_upsert_request request) {
  if (request.node_pools.empty()) co_return fail(errc::invalid, "must specify at least one node pool");
  for (const auto& pool : request.node_pools) {
    if (!pool) co_return fail(errc::invalid, "a node pool is null: send at least its Name");
    if (pool->name.empty()) co_return fail(errc::invalid, "a node pool needs a name");
    if (!is_pool_name(pool->name)) co_return fail(errc::invalid, "invalid node pool name \"{}\": use 1 to 128 letters, digits, \"-\" and \"_\"", pool->name);
    if (pool->name == "all" || pool->name == "default") co_return fail(errc::invalid, "modifying node pool \"{}\" is not allowed", pool->name);
    const auto algorithm = pool->scheduler_configuration ? pool->scheduler_configuration->scheduler_algorithm : std::string();
    if (!algorithm.empty() && algorithm != "binpack" && algorithm != "spread")
      co_return fail(errc::invalid, "invalid scheduler algorithm \"{}\" of node pool \"{}\": use \"binpack\" or \"spread\"", algorithm, pool->name);
  }
  request.auth_token.clear();
  schema::generic_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::node_pool_upsert>(request));
  co_return out;
}

awaitable<result<schema::generic_response>> delete_pools(server_context& context, schema::node_pool_delete_request request) {
  if (request.names.empty()) co_return fail(errc::invalid, "must specify at least one node pool to delete");
  request.auth_token.clear();
  schema::generic_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::node_pool_delete>(request));
  co_return out;
}

// Whoever says that a node lives over a session of its own can be called back over it.
template <class Request>
awaitable<result<schema::node_update_response>> answer_node(server_context& context, called_method method,
                                                            write_function<Request, schema::node_update_response> function, rpc::call_context call,
                                                            Request request) {
  auto back = request.forwarded ? nullptr : std::move(call.back);
  std::string node_id;
  if constexpr (requires { request.node_id; }) node_id = request.node_id;
  else if (request.node) node_id = request.node->id;
  auto answer = co_await finish_write<Request, schema::node_update_response>(context, method, function, std::move(request));
  if (answer && back) context.nodes->add(std::move(node_id), std::move(back), context.clock.now());
  co_return answer;
}

template <class Request>
void add_for_node(rpc::method_table& table, server_context& context, std::string name,
                  awaitable<result<schema::node_update_response>> (*function)(server_context&, Request)) {
  auto method = method_of<Request>(context, name);
  table.add<Request, schema::node_update_response>(name, [&context, method, function](rpc::call_context call, Request request) {
    return answer_node<Request>(context, as_called(method, call), function, std::move(call), std::move(request));
  });
}

}  // namespace

void add_node_writes(rpc::method_table& table, server_context& context) {
  add_for_node(table, context, "Node.Register", &register_node);
  add_for_node(table, context, "Node.UpdateStatus", &update_status);
  add_write(table, context, "Node.Deregister", &deregister_one);
  add_write(table, context, "Node.BatchDeregister", &deregister);
  add_write(table, context, "Node.UpdateDrain", &update_drain);
  add_write(table, context, "Node.UpdateEligibility", &update_eligibility);
  add_write(table, context, "Node.Evaluate", &evaluate_node);
  add_write(table, context, "Node.UpdateAlloc", &update_allocs);
  add_write(table, context, "Node.EmitEvents", &emit_events);
  add_authoritative_write(table, context, "NodePool.UpsertNodePools", &upsert_pools);
  add_authoritative_write(table, context, "NodePool.DeleteNodePools", &delete_pools);
}

}  // namespace drover::server
