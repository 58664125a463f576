#include "sched/feasible/group_checks.h"

#include <algorithm>

#include "base/text.h"
#include "sched/computed_class.h"
#include "schema/node.h"

namespace drover::sched {
namespace {

const std::string missing_drivers = "missing drivers";
const std::string missing_devices = "missing devices";
const std::string missing_host_volumes = "missing compatible host volumes";
const std::string missing_network = "missing network";

bool has_healthy_driver(const schema::node& node, const std::string& name) {
  if (auto it = node.drivers.find(name); it != node.drivers.end()) return it->second.detected && it->second.healthy;
  // Clients that tell nothing of health say it with an attribute.
  auto it = node.attributes.find("driver." + name);
  return it != node.attributes.end() && parse_bool(it->second).value_or(false);
}

bool has_network_mode(const schema::node& node, const std::string& mode) {
  if (!node.node_resources) return false;
  for (const auto& network : node.node_resources->node_networks)
    if (network.mode == mode) return true;
  for (const auto& network : node.node_resources->networks)
    if (network.mode == mode) return true;
  return false;
}

bool has_host_network(const schema::node& node, const std::string& name) {
  if (!node.node_resources) return false;
  for (const auto& network : node.node_resources->node_networks)
    for (const auto& address : network.addresses)
      if (address.alias == name) return true;
  return false;
}

// A volume that may only be read does for those who only read.
bool has_volume(const schema::node& node, const schema::volume_request& wanted, const std::string& source) {
  auto it = node.host_volumes.find(source);
  return it != node.host_volumes.end() && (!it->second.read_only || wanted.read_only);
}

bool is_true(std::string_view text) { return text.empty() || parse_bool(text).value_or(false); }

}  // namespace

group_checks::group_checks(const schema::job& job, const schema::task_group& group, operator_set& operators)
    : group_(group), operators_(operators), devices_(group, operators) {
  add_constraints(job.constraints, true);
  add_constraints(group.constraints, false);
  for (const auto& network : group.networks) add_networks(network);
  for (const auto& [name, volume] : group.volumes) numbered_volumes_ = numbered_volumes_ || (volume.per_alloc && volume.type != "csi");
  for (const auto& task : group.tasks) {
    add_constraints(task.constraints, false);
    if (std::find(drivers_.begin(), drivers_.end(), task.driver) == drivers_.end()) drivers_.push_back(task.driver);
    if (!task.resources) continue;
    for (const auto& network : task.resources->networks) add_networks(network);
  }
}

void group_checks::add_constraints(const std::vector<schema::constraint>& constraints, bool whole_job) {
  for (const auto& each : constraints) {
    if (each.operand == "distinct_hosts") {
      if (is_true(each.r_target)) (whole_job ? distinct_hosts_of_job_ : distinct_hosts_of_group_) = true;
    } else if (each.operand == "distinct_property") {
      int64_t limit = parse_int(each.r_target).value_or(1);
      distinct_properties_.push_back({each.l_target, std::max<int64_t>(limit, 1), whole_job});
    } else {
      bool unique = escapes_class(each.l_target) || escapes_class(each.r_target);
      (unique ? unique_constraints_ : class_constraints_).push_back({&each, text_of(each)});
    }
  }
}

void group_checks::add_networks(const schema::network_resource& network) {
  if (network.mode == "bridge" || network.mode.starts_with("cni/")) modes_.push_back(network.mode);
  for (const auto* ports : {&network.reserved_ports, &network.dynamic_ports})
    for (const auto& port : *ports)
      if (!port.host_network.empty() && port.host_network != "default")
        host_networks_.push_back({port.host_network, fmt::format("missing host network \"{}\" for port \"{}\"", port.host_network, port.label)});
}

const std::string* group_checks::refuse_volumes(const schema::node& node) {
  for (const auto& [name, volume] : group_.volumes) {
    if (volume.type != "host" && !volume.type.empty()) continue;
    if (!volume.per_alloc && !has_volume(node, volume, volume.source)) return &missing_host_volumes;
  }
  return nullptr;
}

const std::string* group_checks::refuse_numbered(const schema::node& node, uint64_t number) const {
  for (const auto& [name, volume] : group_.volumes)
    if (volume.per_alloc && volume.type != "csi" && !has_volume(node, volume, fmt::format("{}[{}]", volume.source, number))) return &missing_host_volumes;
  return nullptr;
}

const std::string* group_checks::refuse_networks(const schema::node& node) {
  for (const auto& mode : modes_)
    if (!has_network_mode(node, mode)) return &missing_network;
  for (const auto& network : host_networks_)
    if (!has_host_network(node, network.name)) return &network.text;
  return nullptr;
}

const std::string* group_checks::refuse_class(const schema::node& node) {
  for (const auto& rule : class_constraints_)
    if (!operators_.holds(*rule.constraint, node)) return &rule.text;
  for (const auto& driver : drivers_)
    if (!has_healthy_driver(node, driver)) return &missing_drivers;
  if (!devices_.possible(node)) return &missing_devices;
  if (auto* reason = refuse_volumes(node)) return reason;
  return refuse_networks(node);
}

const std::string* group_checks::refuse_class_of(const node_view& view, node_view::row row) {
  uint32_t id = view.class_of(row);
  if (id >= answers_.size()) answers_.resize(view.classes().size());
  answer& memo = answers_[id];
  if (!memo.known) memo = {true, refuse_class(view.node(row))};
  return memo.reason;
}

const std::string* group_checks::refuse(const node_view& view, node_view::row row) {
  if (const auto* reason = refuse_class_of(view, row)) return reason;
  for (const auto& rule : unique_constraints_)
    if (!operators_.holds(*rule.constraint, view.node(row))) return &rule.text;
  return nullptr;
}

std::optional<std::string> group_checks::found_instead(const schema::node& node, const std::string* reason) const {
  if (reason == &missing_drivers) {
    auto driver = std::ranges::find_if(drivers_, [&](const auto& each) { return !has_healthy_driver(node, each); });
    if (driver != drivers_.end()) return *driver;
  }
  for (const auto* rules : {&class_constraints_, &unique_constraints_}) {
    auto it = std::ranges::find_if(*rules, [&](const rule& each) { return &each.text == reason; });
    if (it == rules->end()) continue;
    auto value = resolve_target(it->constraint->l_target, node);
    return std::string(value.value_or(""));
  }
  return std::nullopt;
}

std::vector<group_checks::class_answer> group_checks::class_answers() const {
  std::vector<class_answer> all;
  for (uint32_t id = 0; id < answers_.size(); ++id)
    if (answers_[id].known) all.push_back({id, answers_[id].reason == nullptr});
  return all;
}

}  // namespace drover::sched
