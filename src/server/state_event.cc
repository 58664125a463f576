#include "server/state_event.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

#include "codec/json.h"
#include "jobspec/redact.h"
#include "rpc/channel.h"
#include "schema/service.h"
#include "schema/volume.h"
#include "server/event_limits.h"

namespace drover::server {
namespace {

using fsm::command_type;
using state::table;

// Which commands make events, and of which type.
constexpr std::pair<command_type, std::string_view> types[] = {
    {command_type::node_register, "NodeRegistration"},
    {command_type::node_deregister, "NodeDeregistration"},
    {command_type::node_batch_deregister, "NodeDeregistration"},
    {command_type::node_events, "NodeStreamEvent"},
    {command_type::node_update_status, "NodeStreamEvent"},
    {command_type::node_update_eligibility, "NodeEligibility"},
    {command_type::node_update_drain, "NodeDrain"},
    {command_type::batch_node_update_drain, "NodeDrain"},
    {command_type::node_pool_upsert, "NodePoolUpserted"},
    {command_type::node_pool_delete, "NodePoolDeleted"},
    {command_type::eval_update, "EvaluationUpdated"},
    {command_type::alloc_client_update, "AllocationUpdated"},
    {command_type::alloc_update_desired_transition, "AllocationUpdateDesiredStatus"},
    {command_type::apply_plan_results, "PlanResult"},
    {command_type::job_register, "JobRegistered"},
    {command_type::job_deregister, "JobDeregistered"},
    {command_type::job_batch_deregister, "JobBatchDeregistered"},
    {command_type::deployment_status_update, "DeploymentStatusUpdate"},
    {command_type::deployment_promote, "DeploymentPromotion"},
    {command_type::deployment_alloc_health, "DeploymentAllocHealth"},
    {command_type::acl_policy_upsert, "ACLPolicyUpserted"},
    {command_type::acl_policy_delete, "ACLPolicyDeleted"},
    {command_type::acl_token_upsert, "ACLTokenUpserted"},
    {command_type::acl_token_delete, "ACLTokenDeleted"},
    {command_type::acl_role_upsert, "ACLRoleUpserted"},
    {command_type::acl_role_delete, "ACLRoleDeleted"},
    {command_type::acl_auth_method_upsert, "ACLAuthMethodUpserted"},
    {command_type::acl_auth_method_delete, "ACLAuthMethodDeleted"},
    {command_type::acl_binding_rule_upsert, "ACLBindingRuleUpserted"},
    {command_type::acl_binding_rule_delete, "ACLBindingRuleDeleted"},
    {command_type::service_upsert, "ServiceRegistration"},
    {command_type::service_delete_by_id, "ServiceDeregistration"},
    {command_type::service_delete_by_node, "ServiceDeregistration"},
    {command_type::host_volume_register, "HostVolumeRegistered"},
    {command_type::host_volume_delete, "HostVolumeDeleted"},
    {command_type::csi_volume_register, "CSIVolumeRegistered"},
    {command_type::csi_volume_deregister, "CSIVolumeDeregistered"},
    {command_type::csi_volume_claim, "CSIVolumeClaim"},
    {command_type::variable_apply, "VariableUpdated"},
};

template <class Record>
const Record& as(const state_event& e) {
  return *static_cast<const Record*>(e.record.get());
}

template <class Record>
void append_member(std::string& out, std::string_view name, const Record& record) {
  out += fmt::format("{{\"{}\":", name);
  codec::append_json(out, schema::view(record), {.hide_redacted = true});
  out += '}';
}

// How the records of a table become events: topic, keys, payload; and whether one that is gone is one too.
struct topic_shape {
  state::table from;
  std::string_view topic;
  bool says_deleted;
  void (*keys)(state_event& e);
  void (*payload)(std::string& out, const state_event& e);
};

template <class Record>
void key_by_id(state_event& e) {
  e.key = as<Record>(e).id;
}
template <class Record>
void key_by_name(state_event& e) {
  e.key = as<Record>(e).name;
}

template <class Record>
void volume_keys(state_event& e) {
  const auto& v = as<Record>(e);
  e.key = v.id;
  e.namespace_ = v.namespace_;
  e.filter_keys = {v.id, v.name, v.plugin_id};
}

void job_keys(state_event& e) {
  const auto& job = as<schema::job>(e);
  e.key = job.id;
  e.namespace_ = job.namespace_;
}
void job_payload(std::string& out, const state_event& e) {
  append_member(out, "Job", as<schema::job>(e));
  if (!e.deleted) return;
  out.pop_back();
  out += ",\"Deleted\":true}";
}

void eval_keys(state_event& e) {
  const auto& eval = as<schema::evaluation>(e);
  e.key = eval.id;
  e.namespace_ = eval.namespace_;
  e.filter_keys = {eval.job_id, eval.deployment_id};
}

void alloc_keys(state_event& e) {
  const auto& alloc = as<schema::allocation>(e);
  e.key = alloc.id;
  e.namespace_ = alloc.namespace_;
  e.filter_keys = {alloc.job_id, alloc.deployment_id};
}
// Without its job, which is most of it and the same for all of them.
void alloc_payload(std::string& out, const state_event& e) {
  auto alloc = as<schema::allocation>(e);
  alloc.job = nullptr;
  append_member(out, "Allocation", alloc);
}

void deployment_keys(state_event& e) {
  const auto& d = as<schema::deployment>(e);
  e.key = d.id;
  e.namespace_ = d.namespace_;
  e.filter_keys = {d.job_id};
}

void service_keys(state_event& e) {
  const auto& s = as<schema::service_registration>(e);
  e.key = s.id;
  e.namespace_ = s.namespace_;
  e.filter_keys = {s.job_id, s.service_name};
}

void plugin_keys(state_event& e) {
  e.key = as<schema::csi_plugin>(e).id;
  e.filter_keys = {e.key};
}

void csi_volume_payload(std::string& out, const state_event& e) {
  auto volume = as<schema::csi_volume>(e);
  volume.secrets.clear();
  append_member(out, "Volume", volume);
}

void role_keys(state_event& e) {
  e.key = as<schema::acl_role>(e).id;
  e.filter_keys = {as<schema::acl_role>(e).name};
}

void binding_rule_keys(state_event& e) {
  e.key = as<schema::acl_binding_rule>(e).id;
  e.filter_keys = {as<schema::acl_binding_rule>(e).auth_method};
}

void variable_keys(state_event& e) {
  const auto& v = as<state::sealed_variable>(e);
  e.key = v.path;
  e.namespace_ = v.namespace_;
}
void variable_payload(std::string& out, const state_event& e) {
  const auto& v = as<state::sealed_variable>(e);
  schema::variable_metadata shown;
  shown.namespace_ = v.namespace_;
  shown.path = v.path;
  shown.create_index = v.create_index;
  shown.modify_index = v.modify_index;
  shown.create_time = v.create_time;
  shown.modify_time = v.modify_time;
  append_member(out, "Metadata", shown);
  out.pop_back();
  out += e.deleted ? ",\"Deleted\":true}" : ",\"Deleted\":false}";
}

// The payload is the record under one name.
#define SHOWN(name, record) [](std::string& out, const state_event& e) { append_member(out, name, as<record>(e)); }
constexpr topic_shape shapes[] = {
    {table::jobs, "Job", true, &job_keys, &job_payload},
    {table::evals, "Evaluation", false, &eval_keys, SHOWN("Evaluation", schema::evaluation)},
    {table::allocs, "Allocation", false, &alloc_keys, &alloc_payload},
    {table::deployments, "Deployment", false, &deployment_keys, SHOWN("Deployment", schema::deployment)},
    {table::nodes, "Node", true, &key_by_id<schema::node>, SHOWN("Node", schema::node)},
    {table::node_pools, "NodePool", true, &key_by_name<schema::node_pool>, SHOWN("NodePool", schema::node_pool)},
    {table::services, "Service", true, &service_keys, SHOWN("Service", schema::service_registration)},
    {table::acl_policies, "ACLPolicy", true, &key_by_name<schema::acl_policy>, SHOWN("ACLPolicy", schema::acl_policy)},
    {table::acl_tokens, "ACLToken", true, [](state_event& e) { e.key = as<schema::acl_token>(e).accessor_id; }, SHOWN("ACLToken", schema::acl_token)},
    {table::acl_roles, "ACLRole", true, &role_keys, SHOWN("ACLRole", schema::acl_role)},
    {table::acl_auth_methods, "ACLAuthMethod", true, &key_by_name<schema::acl_auth_method>, SHOWN("AuthMethod", schema::acl_auth_method)},
    {table::acl_binding_rules, "ACLBindingRule", true, &binding_rule_keys, SHOWN("ACLBindingRule", schema::acl_binding_rule)},
    {table::host_volumes, "HostVolume", true, &volume_keys<schema::host_volume>, SHOWN("Volume", schema::host_volume)},
    {table::csi_volumes, "CSIVolume", true, &volume_keys<schema::csi_volume>, &csi_volume_payload},
    {table::csi_plugins, "CSIPlugin", true, &plugin_keys, SHOWN("Plugin", schema::csi_plugin)},
    {table::variables, "Variable", true, &variable_keys, &variable_payload},
};
#undef SHOWN

const topic_shape* shape_of(table t) {
  const auto* found = std::ranges::find(shapes, t, &topic_shape::from);
  return found == std::end(shapes) ? nullptr : found;
}

std::string_view type_of_command(command_type command) {
  const auto* found = std::ranges::find(types, command, &std::pair<command_type, std::string_view>::first);
  return found == std::end(types) ? std::string_view() : found->second;
}

void append_texts(std::string& out, const std::vector<std::string>& texts) {
  if (texts.empty()) {
    out += "null";
    return;
  }
  out += '[';
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out += ',';
    codec::append_json_string(out, texts[i]);
  }
  out += ']';
}

std::string encode(const state_event& e, uint64_t index) {
  std::string out = fmt::format("{{\"Topic\":\"{}\",\"Type\":\"{}\",\"Key\":", e.topic, e.type);
  codec::append_json_string(out, e.key);
  out += ",\"Namespace\":";
  codec::append_json_string(out, e.namespace_);
  out += ",\"FilterKeys\":";
  append_texts(out, e.filter_keys);
  out += fmt::format(",\"Index\":{},\"Payload\":", index);
  const auto head = out.size();
  shape_of(e.table)->payload(out, e);
  // What no message can carry is named without its content: whoever wants it asks for the record.
  if (out.size() > event_bytes_max) {
    out.resize(head);
    out += "null";
  }
  out += '}';
  return out;
}

}  // namespace

// A chain that only its first link holds is taken apart link by link, not by recursion.
event_batch::~event_batch() {
  auto rest = std::move(next);
  while (rest && rest.use_count() == 1) rest = std::exchange(rest->next, nullptr);
}

std::shared_ptr<event_batch> batch_of(const fsm::commit_event& commit, uint64_t sequence) {
  const auto type = type_of_command(commit.type);
  if (type.empty()) return nullptr;
  auto out = std::make_shared<event_batch>(commit.index, sequence);
  out->type_ = type;
  for (const auto& change : commit.changes) {
    const auto* shape = shape_of(change.table);
    if (shape == nullptr || (!change.after && !shape->says_deleted)) continue;
    out->changes_.push_back({change.table, change.after ? change.after : change.before, !change.after});
  }
  return out->changes_.empty() ? nullptr : out;
}

const std::vector<state_event>& event_batch::events() {
  if (!events_.empty() || changes_.empty()) return events_;
  std::map<std::tuple<std::string_view, std::string, std::string>, size_t> last;
  for (auto& change : changes_) {
    const auto* shape = shape_of(change.table);
    state_event e{.topic = shape->topic,
                  .type = type_,
                  .key = {},
                  .namespace_ = {},
                  .filter_keys = {},
                  .table = change.table,
                  .record = std::move(change.record),
                  .deleted = change.deleted};
    shape->keys(e);
    auto [at, is_new] = last.try_emplace({e.topic, e.namespace_, e.key}, events_.size());
    if (is_new) events_.push_back(std::move(e));
    else events_[at->second] = std::move(e);
  }
  changes_ = {};
  texts_.resize(events_.size());
  return events_;
}

const std::string& event_batch::text(size_t event) {
  events();
  auto& kept = texts_[event];
  if (kept.empty()) {
    kept = encode(events_[event], index);
    text_bytes_ += kept.size();
  }
  return kept;
}

std::string event_batch::text_without_secrets(size_t event) {
  auto shown = events().at(event);
  shown.record = jobspec::redacted(std::static_pointer_cast<const schema::job>(shown.record));
  return encode(shown, index);
}

void event_batch::forget_texts() {
  for (auto& text : texts_) text = {};
  text_bytes_ = 0;
}

bool is_topic(std::string_view name) { return name == "*" || name == "Operator" || std::ranges::find(shapes, name, &topic_shape::topic) != std::end(shapes); }

}  // namespace drover::server
