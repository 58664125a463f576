#include "fsm/machine.h"

#include <algorithm>
#include <array>

#include "base/ensure.h"
#include "codec/compare.h"
#include "codec/json.h"
#include "codec/snappy.h"
#include "fsm/apply.h"
#include "fsm/limits.h"
#include "fsm/saved_state.h"

namespace drover::fsm {

namespace {

struct command_definition {
  std::string_view name;
  result<std::any> (*apply)(context&, std::string_view payload, void* proposed) = nullptr;
  result<value> (*show)(std::string_view payload) = nullptr;
};

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DROVER_CHECK_PROPOSED
#endif
#endif

// What others read from the log must be what the proposer had in memory, or servers part. Looked at in asan builds.
template <class Request>
void check_same([[maybe_unused]] std::string_view payload, [[maybe_unused]] const Request& proposed) {
#ifdef DROVER_CHECK_PROPOSED
  auto read = codec::from_msgpack<Request>(payload);
  ENSURE(read && codec::equal(*read, proposed), "a log entry reads as the request it was made from");
#endif
}

template <command_type C, auto F>
result<std::any> decode_and_apply(context& c, std::string_view payload, void* proposed) {
  if (proposed) {
    auto& request = *static_cast<request_of<C>*>(proposed);
    check_same(payload, request);
    return F(c, std::move(request));
  }
  auto request = codec::from_msgpack<request_of<C>>(payload);
  if (!request) return fail(errc::corrupt, "the {} entry at index {} cannot be read: {}", command_name(C), c.index(), request.error().text());
  return F(c, std::move(*request));
}

template <command_type C>
result<value> decode_and_show(std::string_view payload) {
  TRY_ASSIGN(auto request, codec::from_msgpack<request_of<C>>(payload));
  return codec::value_from_json(codec::to_json(request, {.hide_redacted = true}));
}

// The command table: number -> name, request type, function.
constexpr std::array<command_definition, 128> make_commands() {
  std::array<command_definition, 128> out{};
#define COMMAND(name, ...) \
  out[static_cast<size_t>(command_type::name)] = {#name, &decode_and_apply<command_type::name, &apply_##name>, &decode_and_show<command_type::name>}
  COMMAND(node_register);
  COMMAND(node_deregister);
  COMMAND(node_update_status);
  COMMAND(node_update_drain);
  COMMAND(job_register);
  COMMAND(job_deregister);
  COMMAND(eval_update);
  COMMAND(eval_delete);
  COMMAND(alloc_client_update);
  COMMAND(reconcile_job_summaries);
  out[static_cast<size_t>(command_type::apply_plan_results)] = {"apply_plan_results", &decode_and_apply<command_type::apply_plan_results, &apply_plan_results>,
                                                                &decode_and_show<command_type::apply_plan_results>};
  COMMAND(deployment_status_update);
  COMMAND(deployment_promote);
  COMMAND(deployment_alloc_health);
  COMMAND(deployment_delete);
  COMMAND(job_stability);
  COMMAND(acl_policy_upsert);
  COMMAND(acl_policy_delete);
  COMMAND(acl_token_upsert);
  COMMAND(acl_token_delete);
  COMMAND(acl_token_bootstrap);
  COMMAND(autopilot_config);
  COMMAND(node_events);
  COMMAND(job_batch_deregister);
  COMMAND(alloc_update_desired_transition);
  COMMAND(node_update_eligibility);
  COMMAND(batch_node_update_drain);
  COMMAND(scheduler_config);
  COMMAND(node_batch_deregister);
  COMMAND(cluster_metadata);
  COMMAND(csi_volume_register);
  COMMAND(csi_volume_deregister);
  COMMAND(csi_volume_claim);
  COMMAND(csi_plugin_delete);
  COMMAND(scaling_event_register);
  COMMAND(one_time_token_upsert);
  COMMAND(one_time_token_delete);
  COMMAND(one_time_token_expire);
  COMMAND(service_upsert);
  COMMAND(service_delete_by_id);
  COMMAND(service_delete_by_node);
  COMMAND(variable_apply);
  COMMAND(root_key_delete);
  COMMAND(acl_role_upsert);
  COMMAND(acl_role_delete);
  COMMAND(acl_auth_method_upsert);
  COMMAND(acl_auth_method_delete);
  COMMAND(acl_binding_rule_upsert);
  COMMAND(acl_binding_rule_delete);
  COMMAND(node_pool_upsert);
  COMMAND(node_pool_delete);
  COMMAND(job_version_tag);
  COMMAND(root_key_upsert);
  COMMAND(namespace_upsert);
  COMMAND(namespace_delete);
  COMMAND(quota_upsert);
  COMMAND(quota_delete);
  COMMAND(host_volume_register);
  COMMAND(host_volume_delete);
  COMMAND(host_volume_claim_delete);
#undef COMMAND
  return out;
}
constexpr auto commands = make_commands();

const command_definition* find_command(uint8_t type) {
  const auto& found = commands[type & ~ignorable_bit];
  return found.apply ? &found : nullptr;
}

// What every cluster has from the start. At index 0 itself; the records say 1, as people are used to.
void make_first_state(state::store& store) {
  auto transaction = store.begin_restore(0);
  schema::namespace_definition ns;
  ns.name = word::default_namespace;
  ns.description = "Default shared namespace";
  ns.create_index = ns.modify_index = 1;
  transaction.put<table::namespaces>(std::move(ns));
  for (const auto& [name, description] :
       {std::pair("default", "Node pool with nodes that do not specify a pool."), std::pair("all", "Node pool with all nodes in the cluster.")}) {
    schema::node_pool pool;
    pool.name = name;
    pool.description = description;
    pool.create_index = pool.modify_index = 1;
    transaction.put<table::node_pools>(std::move(pool));
  }
  transaction.set_table_index(table::namespaces, 1);
  transaction.set_table_index(table::node_pools, 1);
  transaction.commit();
}

}  // namespace

std::string command_name(uint8_t type) {
  if (type == static_cast<uint8_t>(command_type::restore_state)) return "restore_state";
  const auto* found = find_command(type);
  return found ? std::string(found->name) : fmt::format("unknown command {}", type);
}

result<value> show_entry(std::string_view entry) {
  if (entry.empty()) return fail(errc::corrupt, "the log entry is empty");
  const auto type = static_cast<uint8_t>(entry[0]);
  value::object out;
  out.append("Type", command_name(static_cast<uint8_t>(type & ~ignorable_bit)));
  if (const auto* command = find_command(type)) {
    TRY_ASSIGN(auto body, command->show(entry.substr(1)));
    out.append("Body", std::move(body));
  } else {
    // A whole state in one piece (restore_state), or a later version's.
    out.append("Bytes", static_cast<int64_t>(entry.size()));
  }
  return value(std::move(out));
}

machine::machine(state::store& store) : store_(store) {
  if (store_.current().index() == 0 && !store_.current().namespace_named(word::default_namespace)) make_first_state(store_);
}

result<std::any> machine::apply(uint64_t raft_index, std::string_view entry, void* proposed) {
  const auto index = raft_index + index_offset_;
  if (entry.empty()) return fail(errc::corrupt, "the log entry at index {} is empty", index);
  if (entry.size() > entry_bytes_max) {
    return fail(errc::corrupt, "the log entry at index {} has {} bytes; the limit is {}", index, entry.size(), entry_bytes_max);
  }
  const auto type = static_cast<uint8_t>(entry[0]);
  const auto* command = find_command(type);
  if (!command && type != static_cast<uint8_t>(command_type::restore_state)) {
    if (type & ignorable_bit) return std::any();
    return fail(errc::corrupt, "the log entry at index {} is of type {}, which this version does not know; upgrade it", index, type);
  }
  if (type == static_cast<uint8_t>(command_type::restore_state)) return apply_restore(raft_index, entry.substr(1));
  auto transaction = store_.begin(index);
  machine_settings settings;
  if (job_versions_ > 0) settings.job_tracked_versions = job_versions_;
  context c(transaction, settings);
  TRY_ASSIGN(auto outcome, command->apply(c, entry.substr(1), proposed));
  c.finish();

  auto event = std::make_shared<commit_event>();
  event->index = index;
  event->type = static_cast<command_type>(type & ~ignorable_bit);
  transaction.commit();
  if (!hook_) return outcome;
  event->changes = transaction.take_changes();
  event->state = store_.current();
  hook_(std::move(event));
  return outcome;
}

std::function<result<std::string>()> machine::freeze() const {
  return [snapshot = store_.current()] { return save_state(snapshot); };
}

// The saved state becomes this cluster's: it keeps its own id (by which its servers know each other), and its indexes go on from whichever is higher.
// Every table counts as changed, so that everybody who waits looks again. A server that cannot read what the others could must not go on.
result<std::any> machine::apply_restore(uint64_t raft_index, std::string_view payload) {
  const auto current = raft_index + index_offset_;
  TRY_ASSIGN(const auto request, codec::from_msgpack<restore_state_request>(payload));
  TRY_ASSIGN(const auto saved, codec::snappy_uncompress(request.state.data, restored_bytes_max));
  TRY_ASSIGN(const auto place, place_of(saved));
  const auto index = std::max(current, place.index + 1);
  auto metadata = std::make_shared<state::cluster_metadata>();
  if (const auto own = state::find<table::cluster_metadata>(store_.current(), {})) *metadata = *own;

  auto transaction = store_.begin_restore(index);
  TRY(load_state(saved, transaction));
  const auto theirs = state::find<table::cluster_metadata>(transaction.read(), {});
  if (metadata->cluster_id.empty() && theirs) *metadata = *theirs;
  metadata->index_offset = index - raft_index;
  transaction.put<table::cluster_metadata>(std::move(metadata));
  for (size_t t = 0; t < state::table_count; t++) transaction.set_table_index(static_cast<table>(t), index);
  transaction.commit();
  index_offset_ = index - raft_index;
  tell_restored(index);
  return std::any();
}

void machine::tell_restored(uint64_t index) {
  if (!hook_) return;
  auto event = std::make_shared<commit_event>();
  event->index = index;
  event->restored = true;
  event->state = store_.current();
  hook_(std::move(event));
}

result<> machine::restore(uint64_t raft_index, std::string_view saved) {
  TRY_ASSIGN(const auto place, place_of(saved));
  const auto index = raft_index + place.index_offset;
  if (place.index > index) return fail(errc::corrupt, "the saved state is at index {}, past the {} that it is said to have", place.index, index);
  auto transaction = store_.begin_restore(index);
  TRY(load_state(saved, transaction));
  transaction.commit();
  index_offset_ = place.index_offset;
  tell_restored(index);
  return {};
}

}  // namespace drover::fsm
