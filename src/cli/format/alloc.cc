#include "cli/format/alloc.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/format/colour.h"
#include "cli/format/devices.h"
#include "cli/format/metrics.h"
#include "cli/format/table.h"

namespace drover::cli::format {
namespace {

constexpr uint64_t mib = 1024 * 1024;

std::string section(std::string_view heading, std::string_view body) { return fmt::format("\n\n{}\n{}", bold(heading), body); }

void add_health(pairs& p, const schema::allocation& a, const style& how) {
  if (a.deployment_id.empty()) return;
  p.add("Deployment ID", how.id(a.deployment_id));
  const auto& status = a.deployment_status;
  if (!status) {
    p.add("Deployment Health", "unset");
    return;
  }
  p.add("Deployment Health", !status->healthy ? "unset" : *status->healthy ? "healthy" : "unhealthy");
  if (status->canary) p.add("Canary", "true");
}

void add_reschedules(pairs& p, const schema::allocation& a, const style& how) {
  if (!a.next_allocation.empty()) p.add("Replacement Alloc ID", how.id(a.next_allocation));
  if (!a.followup_eval_id.empty()) p.add("Followup Eval ID", how.id(a.followup_eval_id));
  if (!a.reschedule_tracker || a.reschedule_tracker->events.empty()) return;
  int64_t most = 0;
  if (a.job)
    for (const auto& g : a.job->task_groups)
      if (g.name == a.task_group && g.reschedule_policy) most = g.reschedule_policy->attempts.value_or(0);
  auto made = a.reschedule_tracker->events.size();
  p.add("Reschedule Attempts", most > 0 ? fmt::format("{}/{}", made, most) : std::to_string(made));
}

std::string short_heading_of(const schema::allocation& a, const style& how) {
  pairs p;
  p.add("ID", a.id);
  p.add("Name", a.name);
  p.add("Created", how.moment(a.create_time));
  p.add("Modified", how.moment(a.modify_time));
  return p.text();
}

std::string heading_of(const schema::allocation& a, const style& how) {
  pairs p;
  p.add("ID", a.id);
  p.add("Eval ID", how.id(a.eval_id));
  p.add("Name", a.name);
  p.add("Node ID", how.id(a.node_id));
  p.add("Node Name", a.node_name);
  p.add("Job ID", a.job_id);
  p.add("Job Version", a.job ? std::to_string(a.job->version) : "");
  p.add("Client Status", a.client_status);
  p.add("Client Description", a.client_description);
  p.add("Desired Status", a.desired_status);
  p.add("Desired Description", a.desired_description);
  p.add("Created", how.moment(a.create_time));
  p.add("Modified", how.moment(a.modify_time));
  add_health(p, a, how);
  add_reschedules(p, a, how);
  if (!a.preempted_by_allocation.empty()) p.add("Preempted By", how.id(a.preempted_by_allocation));
  if (how.verbose && a.metrics) {
    p.add("Evaluated Nodes", std::to_string(a.metrics->nodes_evaluated));
    p.add("Filtered Nodes", std::to_string(a.metrics->nodes_filtered));
    p.add("Exhausted Nodes", std::to_string(a.metrics->nodes_exhausted));
    p.add("Allocation Time", to_string(a.metrics->allocation_time));
    p.add("Failures", std::to_string(a.metrics->coalesced_failures));
  }
  return p.text();
}

std::string address_of(const schema::allocated_port_mapping& port) {
  bool six = port.host_ip.find(':') != std::string::npos;
  auto out = fmt::format("{}{}{}:{}", six ? "[" : "", port.host_ip, six ? "]" : "", port.value);
  return port.to > 0 && port.to != port.value ? out + fmt::format(" -> {}", port.to) : out;
}

std::string addresses_of(const schema::allocation& a) {
  if (!a.allocated_resources || a.allocated_resources->shared.ports.empty()) return {};
  const auto& shared = a.allocated_resources->shared;
  auto is_reserved = [&](const std::string& label) {
    return std::any_of(shared.networks.begin(), shared.networks.end(), [&](const auto& n) {
      return std::any_of(n.reserved_ports.begin(), n.reserved_ports.end(), [&](const auto& p) { return p.label == label; });
    });
  };
  table t({"Label", "Dynamic", "Address"});
  for (const auto& port : shared.ports) t.add({"*" + port.label, is_reserved(port.label) ? "no" : "yes", address_of(port)});
  std::string heading = "Allocation Addresses:";
  if (!shared.networks.empty() && !shared.networks.front().mode.empty() && shared.networks.front().mode != "host")
    heading = fmt::format("Allocation Addresses (mode = \"{}\"):", shared.networks.front().mode);
  return section(heading, t.text());
}

const schema::task* task_of(const schema::allocation& a, const std::string& name) {
  if (!a.job) return nullptr;
  for (const auto& g : a.job->task_groups) {
    if (g.name != a.task_group) continue;
    for (const auto& t : g.tasks)
      if (t.name == name) return &t;
  }
  return nullptr;
}

std::string lifecycle_text(const schema::task* task) {
  if (task == nullptr || !task->lifecycle) return {};
  return fmt::format(" ({}{})", task->lifecycle->hook, task->lifecycle->sidecar ? " sidecar" : "");
}

uint64_t memory_used(const schema::memory_stats& m) { return m.rss > 0 ? m.rss : m.usage; }

std::string resources_of(const schema::allocation& a, const std::string& name, const schema::resource_usage* usage) {
  if (!a.allocated_resources) return {};
  auto found = a.allocated_resources->tasks.find(name);
  if (found == a.allocated_resources->tasks.end()) return {};
  const auto& r = found->second;
  auto cpu = fmt::format("{} MHz", r.cpu.cpu_shares);
  auto memory = binary_size(static_cast<uint64_t>(r.memory.memory_mb) * mib);
  if (usage != nullptr) {
    if (usage->cpu_stats) cpu = fmt::format("{}/{}", static_cast<int64_t>(usage->cpu_stats->total_ticks), cpu);
    if (usage->memory_stats) memory = binary_size(memory_used(*usage->memory_stats)) + "/" + memory;
  }
  bool has_max = r.memory.memory_max_mb > 0 && r.memory.memory_max_mb != r.memory.memory_mb;
  auto disk = binary_size(static_cast<uint64_t>(a.allocated_resources->shared.disk_mb) * mib);
  std::vector<std::string> addresses;
  for (const auto& network : r.networks)
    for (const auto* ports : {&network.reserved_ports, &network.dynamic_ports})
      for (const auto& port : *ports) addresses.push_back(fmt::format("{}: {}:{}", port.label, network.ip, port.value));
  if (addresses.empty()) addresses.emplace_back();
  table t({"CPU", "Memory", "Disk", "Addresses"});
  t.when_empty("");
  t.add({cpu, memory, disk, addresses[0]});
  if (has_max || addresses.size() > 1)
    t.add({"", has_max ? "Max: " + binary_size(static_cast<uint64_t>(r.memory.memory_max_mb) * mib) : "", "", addresses.size() > 1 ? addresses[1] : ""});
  for (size_t i = 2; i < addresses.size(); i++) t.add({"", "", "", addresses[i]});
  return t.text();
}

std::string stats_of(const schema::resource_usage& usage) {
  std::string out;
  if (usage.memory_stats) {
    const auto& m = *usage.memory_stats;
    std::vector<std::pair<std::string, uint64_t>> known = {{"Cache", m.cache},
                                                           {"Kernel Max Usage", m.kernel_max_usage},
                                                           {"Kernel Usage", m.kernel_usage},
                                                           {"Max Usage", m.max_usage},
                                                           {"RSS", m.rss},
                                                           {"Swap", m.swap},
                                                           {"Usage", m.usage}};
    table::row heading, row;
    for (const auto& name : {"RSS", "Cache", "Swap", "Usage", "Max Usage", "Kernel Usage", "Kernel Max Usage"}) {
      if (std::find(m.measured.begin(), m.measured.end(), name) == m.measured.end()) continue;
      heading.emplace_back(name);
      for (const auto& [key, amount] : known)
        if (key == name) row.push_back(binary_size(amount));
    }
    if (!heading.empty()) {
      table t(std::move(heading));
      t.add(std::move(row));
      out += "\n\nMemory Stats\n" + t.text();
    }
  }
  if (usage.cpu_stats) {
    const auto& c = *usage.cpu_stats;
    table::row heading, row;
    for (const std::string_view name : {"Percent", "System Mode", "User Mode", "Throttled Periods", "Throttled Time"}) {
      if (std::find(c.measured.begin(), c.measured.end(), name) == c.measured.end()) continue;
      heading.emplace_back(name);
      if (name == "Percent") row.push_back(fmt::format("{:.2f}%", c.percent));
      if (name == "System Mode") row.push_back(fmt::format("{:.2f}%", c.system_mode));
      if (name == "User Mode") row.push_back(fmt::format("{:.2f}%", c.user_mode));
      if (name == "Throttled Periods") row.push_back(std::to_string(c.throttled_periods));
      if (name == "Throttled Time") row.push_back(to_string(duration(static_cast<int64_t>(c.throttled_time))));
    }
    if (!heading.empty()) {
      table t(std::move(heading));
      t.add(std::move(row));
      out += "\n\nCPU Stats\n" + t.text();
    }
  }
  if (auto devices = device_figures(usage.device_stats); !devices.empty()) out += "\n\nDevice Stats\n" + devices;
  return out;
}

std::string events_of(const schema::task_state& state) {
  pairs p;
  p.add("Started At", clock_time_or_na(state.started_at));
  p.add("Finished At", clock_time_or_na(state.finished_at));
  p.add("Total Restarts", std::to_string(state.restarts));
  p.add("Last Restart", clock_time_or_na(state.last_restart));
  std::string out = "\n\nTask Events:\n" + p.text();
  if (state.events.empty()) return out;
  table t({"Time", "Type", "Description"});
  for (auto e = state.events.rbegin(); e != state.events.rend(); ++e) {
    auto text = (*e)->display_message.empty() ? (*e)->message : (*e)->display_message;
    t.add({clock_time((*e)->time), (*e)->type, text});
  }
  return out + "\n\nRecent Events:\n" + t.text();
}

int lifecycle_rank(const schema::task* task) {
  if (task == nullptr || !task->lifecycle) return 1;
  return task->lifecycle->hook == "prestart" ? 0 : task->lifecycle->hook == "poststop" ? 3 : 2;
}

std::vector<std::string> tasks_in_order(const schema::allocation& a) {
  std::vector<std::string> names;
  for (const auto& [name, state] : a.task_states) names.push_back(name);
  auto place = [&](const std::string& name) { return std::pair(lifecycle_rank(task_of(a, name)), name); };
  std::sort(names.begin(), names.end(), [&](const auto& x, const auto& y) { return place(x) < place(y); });
  return names;
}

std::string short_tasks(const schema::allocation& a) {
  table t({"Name", "State", "Last Event", "Time", "Lifecycle"});
  for (const auto& name : tasks_in_order(a)) {
    const auto& state = a.task_states.at(name);
    const auto* task = task_of(a, name);
    auto hook = task != nullptr && task->lifecycle ? task->lifecycle->hook + (task->lifecycle->sidecar ? "-sidecar" : "") : "main";
    const auto* last = state.events.empty() ? nullptr : state.events.back().get();
    t.add({name, state.state, last ? last->type : "", last ? clock_time(last->time) : "", hook});
  }
  return section("Tasks", t.text());
}

// What the task mounts of the group's volumes, by kind.
std::string volumes_of(const schema::allocation& a, const schema::task* task) {
  if (task == nullptr || !a.job) return {};
  auto group = std::ranges::find(a.job->task_groups, a.task_group.str(), &schema::task_group::name);
  if (group == a.job->task_groups.end()) return {};
  std::string out;
  for (auto [type, heading] : {std::pair("host", "Host Volumes"), {"csi", "CSI Volumes"}}) {
    table t({"ID", "Read Only"});
    for (const auto& mount : task->volume_mounts) {
      auto wanted = group->volumes.find(mount.volume);
      if (wanted == group->volumes.end() || wanted->second.type != type) continue;
      t.add({mount.volume, mount.read_only || wanted->second.read_only ? "true" : "false"});
    }
    if (!t.empty()) out += fmt::format("\n\n{}:\n{}", heading, t.text());
  }
  return out;
}

std::string long_tasks(const allocation_view& view) {
  std::string out;
  for (const auto& name : tasks_in_order(view.alloc)) {
    const auto& state = view.alloc.task_states.at(name);
    out += fmt::format("\n\n{}", bold(fmt::format("Task \"{}\"{} is \"{}\"", name, lifecycle_text(task_of(view.alloc, name)), state.state)));
    const schema::resource_usage* usage = nullptr;
    if (view.usage) {
      auto found = view.usage->tasks.find(name);
      if (found != view.usage->tasks.end() && found->second.resource_usage) usage = &*found->second.resource_usage;
    }
    if (auto resources = resources_of(view.alloc, name, usage); !resources.empty()) out += "\nTask Resources:\n" + resources;
    if (usage != nullptr && !usage->device_stats.empty()) out += "\n\nDevice Stats\n" + device_utilization(usage->device_stats);
    if (usage != nullptr && view.with_stats) out += stats_of(*usage);
    out += volumes_of(view.alloc, task_of(view.alloc, name));
    out += events_of(state);
  }
  return out;
}

}  // namespace

schema::alloc_list_stub stub_of(const schema::allocation& a) {
  schema::alloc_list_stub s;
  s.id = a.id;
  s.eval_id = a.eval_id;
  s.node_id = a.node_id;
  s.node_name = a.node_name;
  s.job_id = a.job_id;
  s.namespace_ = a.namespace_;
  s.job_version = a.job ? a.job->version : 0;
  s.task_group = a.task_group;
  s.desired_status = a.desired_status;
  s.client_status = a.client_status;
  s.create_index = a.create_index;
  s.create_time = a.create_time;
  s.modify_time = a.modify_time;
  return s;
}

std::string allocation_list(std::vector<schema::alloc_list_stub> list, const style& how, bool with_node_name) {
  if (list.empty()) return "No allocations placed";
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return std::pair(b.create_index, a.id) < std::pair(a.create_index, b.id); });
  bool names = how.verbose && with_node_name;
  table::row heading = {"ID"};
  if (how.verbose) heading.emplace_back("Eval ID");
  heading.emplace_back("Node ID");
  if (names) heading.emplace_back("Node Name");
  for (auto name : {"Task Group", "Version", "Desired", "Status", "Created", "Modified"}) heading.emplace_back(name);
  table t(std::move(heading));
  for (const auto& a : list) {
    table::row row = {how.id(a.id)};
    if (how.verbose) row.push_back(a.eval_id);
    row.push_back(how.id(a.node_id));
    if (names) row.push_back(a.node_name);
    for (auto cell : {a.task_group, std::to_string(a.job_version), a.desired_status, a.client_status, how.moment(a.create_time), how.moment(a.modify_time)})
      row.push_back(std::move(cell));
    t.add(std::move(row));
  }
  return t.text();
}

std::string check_list(const std::map<std::string, schema::alloc_check_status>& checks) {
  table t({"Service", "Task", "Name", "Mode", "Status"});
  for (const auto& [id, c] : checks) t.add({c.service, c.task.empty() ? "(group)" : c.task, c.check, c.mode, c.status});
  return t.text();
}

std::string check_blocks(const std::map<std::string, schema::alloc_check_status>& checks) {
  auto out = fmt::format("Status of {} Nomad Service Checks\n", checks.size());
  for (const auto& [id, c] : checks) {
    pairs p;
    p.add("ID", c.id.empty() ? id : c.id);
    p.add("Name", c.check);
    p.add("Group", c.group);
    p.add("Task", c.task.empty() ? "(group)" : c.task);
    p.add("Service", c.service);
    p.add("Status", c.status);
    if (c.status_code > 0) p.add("StatusCode", std::to_string(c.status_code));
    p.add("Mode", c.mode);
    p.add("Timestamp", clock_time(timestamp(c.timestamp * 1'000'000'000)));
    p.add("Output", c.output);
    out += "\n" + p.text() + "\n";
  }
  return out;
}

std::string allocation(const allocation_view& view, const style& how) {
  const auto& a = view.alloc;
  if (view.short_form) return short_heading_of(a, how) + short_tasks(a);
  auto out = heading_of(a, how);
  out += addresses_of(a);
  if (!view.checks.empty()) out += section("Nomad Service Checks:", check_list(view.checks));
  out += long_tasks(view);
  if (a.metrics && (how.verbose || !a.metrics->constraint_filtered.empty())) {
    auto failures = a.client_status == "failed" ? placement_failure(*a.metrics, "") : std::string();
    auto scores = how.verbose ? score_table(*a.metrics, how) : std::string();
    if (!scores.empty()) out += section("Placement Metrics", failures + scores);
  }
  return out;
}

}  // namespace drover::cli::format
