#include "fsm/apply.h"
#include "fsm/csi_volumes.h"
#include "fsm/host_volumes.h"
#include "fsm/limits.h"

namespace drover::fsm {

namespace {

constexpr int64_t ns_per_second = 1'000'000'000;
constexpr std::string_view every_pool = "all";
constexpr std::string_view default_pool = "default";

schema::node_event cluster_event(std::string message, int64_t unix_seconds) {
  return {.message = std::move(message), .subsystem = "Cluster", .details = {}, .timestamp = timestamp(unix_seconds * ns_per_second)};
}

// Requests carry seconds as Nomad's do, or nanoseconds where they are our own.
int64_t to_seconds(int64_t time) { return time > 100'000'000'000'000 ? time / ns_per_second : time; }

result<ref<schema::node>> stored_node(const context& c, const std::string& id) {
  auto node = c.state().node(id);
  if (!node) return fail(errc::not_found, "node not found");
  return node;
}

void make_pool(context& c, const std::string& name) {
  if (c.state().node_pool(name)) return;
  schema::node_pool pool;
  pool.name = name;
  pool.create_index = pool.modify_index = c.index();
  c.put<table::node_pools>(std::move(pool));
}

// The drain's history: what people see after it is over.
void note_drain(schema::node& node, const schema::node& before, timestamp now, const std::map<std::string, std::string>& meta, const std::string& by,
                bool completed) {
  if (!before.drain_strategy && !node.drain_strategy) return;
  if (!before.drain_strategy || !node.last_drain) {
    node.last_drain = schema::drain_metadata{.started_at = now, .updated_at = now, .status = {}, .accessor_id = {}, .meta = {}};
  }
  auto& last = *node.last_drain;
  last.updated_at = now;
  if (!meta.empty()) last.meta = meta;
  if (!by.empty()) last.accessor_id = by;
  last.status = node.drain_strategy ? word::draining : completed ? word::complete : word::canceled;
}

struct drain_change {
  std::string node_id;
  std::optional<schema::drain_strategy> strategy;
  bool mark_eligible = false;
  const schema::node_event* event = nullptr;
  int64_t updated_at = 0;
  std::map<std::string, std::string> meta;
  std::string by;
  bool completed = false;
};

result<> set_drain(context& c, const drain_change& change) {
  TRY_ASSIGN(const auto stored, stored_node(c, change.node_id));
  auto node = *stored;
  const auto now = to_seconds(change.updated_at);
  node.drain_strategy = change.strategy;
  node.drain = change.strategy.has_value();
  if (change.strategy) {
    node.scheduling_eligibility = word::ineligible;
  } else if (change.mark_eligible) {
    node.scheduling_eligibility = word::eligible;
  }
  note_drain(node, *stored, timestamp(now * ns_per_second), change.meta, change.by, change.completed);
  node.status_updated_at = now;
  node.modify_index = c.index();
  if (change.event) update_node_event(c, node, *change.event);
  c.put<table::nodes>(std::move(node));
  return {};
}

result<> delete_node(context& c, const std::string& id) {
  const auto stored = c.state().node(id);
  if (!c.erase<table::nodes>({id, {}, {}})) return fail(errc::not_found, "node not found");
  auto gone = *stored;
  gone.host_volumes.clear();
  update_host_volumes(c, gone);
  update_csi_plugins(c, stored.get(), nullptr);
  drop_services_of_node(c, id);
  return {};
}

}  // namespace

void update_node_event(context& c, schema::node& node, schema::node_event event) {
  event.create_index = c.index();
  if (node.events.size() >= node_events_max) {
    node.events.erase(node.events.begin(), node.events.begin() + static_cast<ptrdiff_t>(node.events.size() - node_events_max + 1));
  }
  node.events.push_back(std::move(event));
}

result<std::any> apply_node_register(context& c, const schema::node_register_request& request) {
  if (!request.node || request.node->id.empty()) return fail(errc::invalid, "a node registration without a node id");
  auto node = *request.node;
  if (node.node_pool.empty()) node.node_pool = default_pool;
  const auto stored = c.state().node(node.id);
  const auto now = to_seconds(node.status_updated_at);
  if (stored) {
    node.create_index = stored->create_index;
    node.events = stored->events;
    node.scheduling_eligibility = stored->scheduling_eligibility;
    node.drain_strategy = stored->drain_strategy;
    node.last_drain = stored->last_drain;
    node.last_missed_heartbeat_index = stored->last_missed_heartbeat_index;
    node.last_alloc_update_index = stored->last_alloc_update_index;
    if (stored->status == word::down && node.status != word::down) update_node_event(c, node, cluster_event("Node re-registered", now));
  } else {
    node.create_index = c.index();
    node.events.clear();
    node.drain_strategy.reset();
    if (node.scheduling_eligibility.empty()) node.scheduling_eligibility = word::eligible;
    update_node_event(c, node, cluster_event("Node registered", now));
  }
  node.drain = node.drain_strategy.has_value();
  node.status_updated_at = now;
  node.modify_index = c.index();
  if (request.node_event) update_node_event(c, node, *request.node_event);
  if (request.create_node_pool) make_pool(c, node.node_pool);
  const auto put = c.put<table::nodes>(std::move(node));
  update_host_volumes(c, *put);
  update_csi_plugins(c, stored.get(), put.get());
  return std::any();
}

result<std::any> apply_node_deregister(context& c, const schema::node_deregister_request& request) {
  TRY(delete_node(c, request.node_id));
  return std::any();
}

result<std::any> apply_node_batch_deregister(context& c, const schema::node_batch_deregister_request& request) {
  for (const auto& id : request.node_ids) TRY(delete_node(c, id));
  return std::any();
}

result<std::any> apply_node_update_status(context& c, const schema::node_update_status_request& request) {
  TRY_ASSIGN(const auto stored, stored_node(c, request.node_id));
  auto node = *stored;
  node.status = request.status;
  node.status_updated_at = to_seconds(request.updated_at);
  node.modify_index = c.index();
  if (!request.identity_signing_key_id.empty()) node.identity_signing_key_id = request.identity_signing_key_id;
  if (request.status == word::down || request.status == "disconnected") node.last_missed_heartbeat_index = c.index();
  if (request.node_event) update_node_event(c, node, *request.node_event);
  const auto put = c.put<table::nodes>(std::move(node));
  update_host_volumes(c, *put);
  update_csi_plugins(c, stored.get(), put.get());
  return std::any();
}

result<std::any> apply_node_update_drain(context& c, const schema::node_update_drain_request& request) {
  TRY(set_drain(c, {.node_id = request.node_id,
                    .strategy = request.drain_strategy,
                    .mark_eligible = request.mark_eligible,
                    .event = request.node_event ? &*request.node_event : nullptr,
                    .updated_at = request.updated_at,
                    .meta = request.meta,
                    .by = request.updated_by}));
  return std::any();
}

result<std::any> apply_batch_node_update_drain(context& c, const batch_node_update_drain_request& request) {
  for (const auto& [id, update] : request.updates) {
    const auto event = request.node_events.find(id);
    TRY(set_drain(c, {.node_id = id,
                      .strategy = update.drain_strategy,
                      .mark_eligible = update.mark_eligible,
                      .event = event == request.node_events.end() ? nullptr : &event->second,
                      .updated_at = request.updated_at,
                      .meta = {},
                      .by = {},
                      .completed = true}));
  }
  return std::any();
}

result<std::any> apply_node_update_eligibility(context& c, const schema::node_update_eligibility_request& request) {
  TRY_ASSIGN(const auto stored, stored_node(c, request.node_id));
  if (request.eligibility != word::eligible && request.eligibility != word::ineligible) {
    return fail(errc::invalid, "invalid scheduling eligibility \"{}\"; it is \"eligible\" or \"ineligible\"", request.eligibility);
  }
  if (stored->drain_strategy && request.eligibility == word::eligible) {
    return fail(errc::conflict, "can not set node's scheduling eligibility to eligible while it is draining");
  }
  auto node = *stored;
  node.scheduling_eligibility = request.eligibility;
  node.status_updated_at = to_seconds(request.updated_at);
  node.modify_index = c.index();
  if (request.node_event) update_node_event(c, node, *request.node_event);
  c.put<table::nodes>(std::move(node));
  return std::any();
}

result<std::any> apply_node_events(context& c, const schema::emit_node_events_request& request) {
  for (const auto& [id, events] : request.node_events) {
    TRY_ASSIGN(const auto stored, stored_node(c, id));
    auto node = *stored;
    for (const auto& event : events) update_node_event(c, node, event);
    node.modify_index = c.index();
    c.put<table::nodes>(std::move(node));
  }
  return std::any();
}

result<std::any> apply_node_pool_upsert(context& c, const schema::node_pool_upsert_request& request) {
  for (const auto& wanted : request.node_pools) {
    if (wanted->name == every_pool || wanted->name == default_pool) {
      const auto stored = c.state().node_pool(wanted->name);
      if (stored && wanted->name == every_pool) return fail(errc::invalid, "modifying node pool \"all\" is not allowed");
    }
    const auto stored = c.state().node_pool(wanted->name);
    auto pool = *wanted;
    pool.create_index = stored ? stored->create_index : c.index();
    pool.modify_index = c.index();
    c.put<table::node_pools>(std::move(pool));
  }
  return std::any();
}

result<std::any> apply_node_pool_delete(context& c, const schema::node_pool_delete_request& request) {
  for (const auto& name : request.names) {
    if (name == every_pool || name == default_pool) return fail(errc::invalid, "deleting node pool \"{}\" is not allowed", name);
    bool has_nodes = false;
    state::visit<table::nodes>(c.state(), state::tree_id::nodes_by_pool, state::within2(name, {}), [&](const auto&) {
      has_nodes = true;
      return false;
    });
    if (has_nodes) return fail(errc::conflict, "node pool \"{}\" has nodes; move or remove them first", name);
    std::string job_id;
    state::visit<table::jobs>(c.state(), state::tree_id::jobs_by_pool, state::within(name), [&](const auto& job) {
      if (job->status != word::dead) job_id = job->id;
      return job_id.empty();
    });
    if (!job_id.empty()) return fail(errc::conflict, "node pool \"{}\" has the non-terminal job \"{}\"", name, job_id);
    if (!c.erase<table::node_pools>({name, {}, {}})) return fail(errc::not_found, "node pool \"{}\" not found", name);
  }
  return std::any();
}

}  // namespace drover::fsm
