// HostVolume.*: dynamic host volumes. The state says which there are; the node that has one makes and deletes it on our word
// (ClientHostVolume.*, which other servers pass through us to a node whose session is ours).
#include <algorithm>
#include <set>

#include "base/text.h"
#include "sched/feasible/operators.h"
#include "schema/volume.h"
#include "server/ask_node.h"
#include "server/endpoint/endpoints.h"
#include "server/limits.h"
#include "server/reads.h"
#include "server/replicator.h"
#include "state/tables.h"

namespace drover::server {
namespace {

using state::table;
using volume = schema::host_volume;

// -- reads

schema::host_volume_stub stub_of(const volume& v) {
  schema::host_volume_stub out;
  out.namespace_ = v.namespace_;
  out.id = v.id;
  out.name = v.name;
  out.plugin_id = v.plugin_id;
  out.node_pool = v.node_pool;
  out.node_id = v.node_id;
  out.capacity_bytes = v.capacity_bytes;
  out.state = v.state;
  out.create_index = v.create_index;
  out.create_time = v.create_time;
  out.modify_index = v.modify_index;
  out.modify_time = v.modify_time;
  return out;
}

result<> list_volumes(const read& r, const schema::host_volume_list_request& request, schema::host_volume_list_response& out) {
  r.watch(state::watch_table(table::host_volumes));
  page on(request);
  auto ns = namespace_of(request);
  auto prefix = ns == "*" ? state::starting({}) : state::within(ns, request.prefix);
  state::visit<table::host_volumes>(r.state, prefix, [&](const ref<volume>& each) {
    if (!each->id.starts_with(request.prefix)) return true;
    if (!r.shows(each->namespace_)) return true;
    if (!request.node_id.empty() && each->node_id != request.node_id) return true;
    if (!request.node_pool.empty() && each->node_pool != request.node_pool) return true;
    if (on.takes(each->namespace_ + "." + each->id, *each)) out.volumes.push_back(stub_of(*each));
    return !on.full();
  });
  TRY_ASSIGN(out.next_token, on.end());
  out.index = r.state.index(table::host_volumes);
  return {};
}

// Does the allocation's group ask for that volume, and is it where the volume is?
bool uses(const schema::allocation& alloc, const volume& v) {
  if (alloc.node_id != v.node_id || !alloc.job) return false;
  auto group = std::ranges::find(alloc.job->task_groups, alloc.task_group.str(), &schema::task_group::name);
  if (group == alloc.job->task_groups.end()) return false;
  return std::ranges::any_of(group->volumes, [&](const auto& each) {
    const auto& wanted = each.second;
    if (wanted.type != "host") return false;
    return wanted.per_alloc ? v.name.starts_with(wanted.source + "[") : wanted.source == v.name;
  });
}

std::vector<ref<schema::allocation>> users_of(const state::snapshot& state, const volume& v) {
  std::vector<ref<schema::allocation>> out;
  for (auto& alloc : state.allocs_by_node(v.node_id)) {
    bool ended = alloc->client_status == "complete" || alloc->client_status == "failed" || alloc->client_status == "lost";
    if (!ended && uses(*alloc, v)) out.push_back(alloc);
  }
  return out;
}

result<> get_volume(const read& r, const schema::host_volume_get_request& request, schema::host_volume_get_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_record(table::host_volumes, ns, request.id));
  auto found = state::find<table::host_volumes>(r.state, {ns, request.id, {}});
  if (found) {
    r.watch(state::watch_allocs_of_node(found->node_id));
    auto shown = std::make_shared<volume>(*found);
    for (const auto& alloc : users_of(r.state, *found)) shown->allocations.push_back(alloc_stub(*alloc, false, false));
    out.volume = std::move(shown);
  }
  // Allocations come and go without the volume.
  out.index = found ? std::max(found->modify_index, r.state.index(table::allocs)) : r.state.index(table::host_volumes);
  return {};
}

// -- the node's side

template <class Request>
std::string node_of(const Request& request) {
  return request.node_id;
}

// -- writes

struct modes {
  std::set<std::string, std::less<>> access = {"single-node-reader-only", "single-node-writer", "single-node-single-writer", "single-node-multi-writer"};
  std::set<std::string, std::less<>> attachment = {"file-system", "block-device"};
};

result<> check_volume(const volume& v) {
  static const modes known;
  std::vector<std::string> wrong;
  if (v.name.empty()) wrong.push_back("missing name");
  if (v.name.size() > host_volume_name_max) wrong.push_back(fmt::format("the name is longer than {} bytes", host_volume_name_max));
  if (v.requested_capacity_min_bytes < 0 || v.requested_capacity_max_bytes < 0) wrong.push_back("capacity_min and capacity_max must not be negative");
  if (v.requested_capacity_max_bytes != 0 && v.requested_capacity_max_bytes < v.requested_capacity_min_bytes)
    wrong.push_back(fmt::format("capacity_max ({}) must be larger than capacity_min ({})", v.requested_capacity_max_bytes, v.requested_capacity_min_bytes));
  if (v.requested_capabilities.empty()) wrong.push_back("must include at least one capability block");
  for (const auto& each : v.requested_capabilities) {
    if (!known.access.contains(each.access_mode))
      wrong.push_back(fmt::format("access_mode \"{}\" is unknown: use {}", each.access_mode,
                                  join(std::vector<std::string>(known.access.begin(), known.access.end()), ", ")));
    if (!known.attachment.contains(each.attachment_mode))
      wrong.push_back(fmt::format("attachment_mode \"{}\" is unknown: use file-system or block-device", each.attachment_mode));
  }
  for (const auto& each : v.constraints)
    if (each.operand == "distinct_hosts" || each.operand == "distinct_property")
      wrong.push_back(fmt::format("constraint operand {} is not for volumes", each.operand));
  if (wrong.empty()) return {};
  return fail(errc::invalid, "volume validation failed: {}", join(wrong, "; "));
}

// What must not change when a volume is made or registered again.
result<> check_update(const volume& v, const volume& stored) {
  if (v.name != stored.name) return fail(errc::invalid, "volume {} is named \"{}\": its name cannot be changed to \"{}\"", stored.id, stored.name, v.name);
  if (!v.node_id.empty() && v.node_id != stored.node_id)
    return fail(errc::invalid, "volume {} is on node {}: its node cannot be changed", stored.id, stored.node_id);
  if (!v.node_pool.empty() && v.node_pool != stored.node_pool)
    return fail(errc::invalid, "volume {} is in node pool \"{}\": its node pool cannot be changed", stored.id, stored.node_pool);
  if (!v.plugin_id.empty() && v.plugin_id != stored.plugin_id)
    return fail(errc::invalid, "volume {} was made by plugin \"{}\": its plugin cannot be changed", stored.id, stored.plugin_id);
  if (v.requested_capacity_max_bytes != 0 && v.requested_capacity_max_bytes < stored.capacity_bytes)
    return fail(errc::invalid, "capacity_max ({}) cannot be less than the volume's capacity ({})", v.requested_capacity_max_bytes, stored.capacity_bytes);
  return {};
}

result<> check_place(const state::snapshot& state, const volume& v) {
  if (!state.namespace_named(v.namespace_)) return fail(errc::invalid, "volume validation failed: no such namespace \"{}\"", v.namespace_);
  if (!v.node_pool.empty() && !state.node_pool(v.node_pool)) return fail(errc::invalid, "node pool \"{}\" does not exist", v.node_pool);
  if (v.node_id.empty()) return {};
  auto node = state.node(v.node_id);
  if (!node) return fail(errc::invalid, "node \"{}\" does not exist", v.node_id);
  if (!v.node_pool.empty() && v.node_pool != node->node_pool) return fail(errc::invalid, "node ID \"{}\" is not in pool \"{}\"", v.node_id, v.node_pool);
  return {};
}

// The checked volume as it will be stored, but for where it is.
result<volume> prepare(server_context& context, const ref<volume>& asked, const std::string& ns) {
  if (!asked) return fail(errc::invalid, "missing volume definition");
  auto v = *asked;
  if (v.namespace_.empty()) v.namespace_ = ns;
  TRY(check_volume(v));
  auto state = context.state();
  v.allocations.clear();
  v.host_path = asked->host_path;
  v.modify_time = context.now_ns();
  if (v.id.empty()) {
    v.id = context.random.uuid();
    v.create_time = v.modify_time;
  } else {
    auto stored = state::find<table::host_volumes>(state, {v.namespace_, v.id, {}});
    if (!stored) return fail(errc::invalid, "cannot update volume \"{}\": volume does not exist", v.id);
    TRY(check_update(v, *stored));
    v.node_id = stored->node_id;
    v.node_pool = stored->node_pool;
    v.plugin_id = stored->plugin_id;
    v.create_time = stored->create_time;
    if (v.host_path.empty()) v.host_path = stored->host_path;
    v.capacity_bytes = stored->capacity_bytes;
  }
  TRY(check_place(state, v));
  return v;
}

// Why a node will not do; empty: it will.
std::string refusal(const schema::node& node, const volume& v, sched::operator_set& operators) {
  if (node.status != "ready") return "is not ready";
  if (!node.attributes.contains("plugins.host_volume." + v.plugin_id + ".version")) return "has no plugin " + v.plugin_id;
  auto taken = node.host_volumes.find(v.name);
  if (taken != node.host_volumes.end() && taken->second.id != v.id) return "has a volume of that name already";
  for (const auto& each : v.constraints)
    if (!operators.holds(each, node)) return "does not meet the constraint " + sched::text_of(each);
  return {};
}

// The node with the fewest volumes of those that will do: on a word of its own, the first by id.
result<std::string> choose_node(const state::snapshot& state, const volume& v) {
  sched::operator_set operators;
  std::string best;
  size_t fewest = SIZE_MAX, looked_at = 0;
  std::map<std::string, size_t> refused;
  state.visit_nodes({}, [&](const ref<schema::node>& node) {
    if (!v.node_id.empty() && node->id != v.node_id) return true;
    if (!v.node_pool.empty() && node->node_pool != v.node_pool) return true;
    ++looked_at;
    auto why = refusal(*node, v, operators);
    if (why.empty() && v.node_id.empty() && node->scheduling_eligibility != "eligible") why = "is not eligible";
    if (!why.empty()) ++refused[why];
    else if (node->host_volumes.size() < fewest) {
      fewest = node->host_volumes.size();
      best = node->id;
    }
    return true;
  });
  if (!best.empty()) return best;
  if (!v.node_id.empty())
    return fail(errc::invalid, "could not place volume \"{}\": node {} is not feasible: it {}", v.name, v.node_id,
                refused.empty() ? "is gone" : refused.begin()->first);
  std::vector<std::string> reasons;
  for (const auto& [why, count] : refused) reasons.push_back(fmt::format("{} of {} {}", count, looked_at, why));
  return fail(errc::invalid, "could not place volume \"{}\": {}", v.name,
              reasons.empty() ? "there is no node in that pool" : "of the nodes, " + join(reasons, "; "));
}

awaitable<result<schema::host_volume_create_response>> create_volume(server_context& context, schema::host_volume_create_request request) {
  CO_TRY_ASSIGN(auto v, prepare(context, request.volume, namespace_of(request)));
  if (v.plugin_id.empty()) co_return fail(errc::invalid, "volume validation failed: plugin_id is missing: give \"mkdir\", or a plugin of the nodes");
  CO_TRY_ASSIGN(v.node_id, choose_node(context.state(), v));
  if (auto node = context.state().node(v.node_id)) v.node_pool = node->node_pool;
  schema::client_host_volume_create_request order;
  order.id = v.id;
  order.name = v.name;
  order.plugin_id = v.plugin_id;
  order.namespace_ = v.namespace_;
  order.node_id = v.node_id;
  order.requested_capacity_min_bytes = v.requested_capacity_min_bytes;
  order.requested_capacity_max_bytes = v.requested_capacity_max_bytes;
  order.parameters = v.parameters;
  auto made = co_await ask_node<schema::client_host_volume_create_request, schema::client_host_volume_create_response>(context, order.node_id,
                                                                                                                       "ClientHostVolume.Create", order);
  if (!made) co_return wrap(made.error(), fmt::format("could not create volume \"{}\" on node {}", v.name, v.node_id));
  v.host_path = made->host_path;
  v.capacity_bytes = made->capacity_bytes;
  schema::host_volume_register_request command;
  command.namespace_ = v.namespace_;
  auto stored = std::make_shared<volume>(std::move(v));
  command.volume = stored;
  schema::host_volume_create_response out;
  // If this fails, asking again with the same name finds the directory; a node's volume that no state knows is shown by its name.
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::host_volume_register>(command));
  out.volume = state::find<table::host_volumes>(context.state(), {stored->namespace_, stored->id, {}});
  co_return out;
}

awaitable<result<schema::host_volume_register_response>> register_volume(server_context& context, schema::host_volume_register_request request) {
  CO_TRY_ASSIGN(auto v, prepare(context, request.volume, namespace_of(request)));
  if (v.node_id.empty()) co_return fail(errc::invalid, "cannot register volume: node ID is required");
  if (v.host_path.empty()) co_return fail(errc::invalid, "cannot register volume: host path is required");
  if (!v.plugin_id.empty()) co_return fail(errc::invalid, "cannot register volume: a volume that is registered has no plugin; leave plugin_id out");
  if (auto node = context.state().node(v.node_id)) v.node_pool = node->node_pool;
  schema::client_host_volume_register_request order;
  order.id = v.id;
  order.name = v.name;
  order.node_id = v.node_id;
  order.host_path = v.host_path;
  order.capacity_bytes = v.capacity_bytes;
  order.parameters = v.parameters;
  auto done = co_await ask_node<schema::client_host_volume_register_request, schema::client_host_volume_register_response>(context, order.node_id,
                                                                                                                           "ClientHostVolume.Register", order);
  if (!done) co_return wrap(done.error(), fmt::format("could not register volume \"{}\" on node {}", v.name, v.node_id));
  schema::host_volume_register_request command;
  command.namespace_ = v.namespace_;
  auto stored = std::make_shared<volume>(std::move(v));
  command.volume = stored;
  schema::host_volume_register_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::host_volume_register>(command));
  out.volume = state::find<table::host_volumes>(context.state(), {stored->namespace_, stored->id, {}});
  co_return out;
}

awaitable<result<schema::host_volume_delete_response>> delete_volume(server_context& context, schema::host_volume_delete_request request) {
  if (request.volume_id.empty()) co_return fail(errc::invalid, "missing volume ID to delete");
  auto ns = namespace_of(request);
  auto state = context.state();
  auto found = state::find<table::host_volumes>(state, {ns, request.volume_id, {}});
  if (!found) co_return fail(errc::not_found, "no such volume: {}", request.volume_id);
  std::vector<std::string> users;
  for (const auto& alloc : users_of(state, *found)) users.push_back(alloc->id);
  if (!users.empty()) co_return fail(errc::conflict, "volume {} in use by allocations: [{}]", request.volume_id, join(users, " "));
  schema::client_host_volume_delete_request order;
  order.id = found->id;
  order.name = found->name;
  order.plugin_id = found->plugin_id;
  order.namespace_ = found->namespace_;
  order.node_id = found->node_id;
  order.host_path = found->host_path;
  order.parameters = found->parameters;
  auto done = co_await ask_node<schema::client_host_volume_delete_request, schema::client_host_volume_delete_response>(context, order.node_id,
                                                                                                                       "ClientHostVolume.Delete", order);
  if (!done && !request.force)
    co_return wrap(done.error(), fmt::format("could not delete volume {} on node {}; -force forgets it all the same", found->id, found->node_id));
  schema::host_volume_delete_request command;
  command.namespace_ = ns;
  command.volume_id = request.volume_id;
  schema::host_volume_delete_response out;
  CO_TRY_ASSIGN(out.index, co_await context.replicate->apply<fsm::command_type::host_volume_delete>(command));
  co_return out;
}

}  // namespace

void add_host_volume_methods(rpc::method_table& table, server_context& context) {
  using namespace schema;
  add_read(table, context, "HostVolume.List", &list_volumes);
  add_read(table, context, "HostVolume.Get", &get_volume);
  add_write(table, context, "HostVolume.Create", &create_volume);
  add_write(table, context, "HostVolume.Register", &register_volume);
  add_write(table, context, "HostVolume.Delete", &delete_volume);
  pass_to_node<client_host_volume_create_request, client_host_volume_create_response>(table, context, "ClientHostVolume.Create", &node_of);
  pass_to_node<client_host_volume_register_request, client_host_volume_register_response>(table, context, "ClientHostVolume.Register", &node_of);
  pass_to_node<client_host_volume_delete_request, client_host_volume_delete_response>(table, context, "ClientHostVolume.Delete", &node_of);
}

}  // namespace drover::server
