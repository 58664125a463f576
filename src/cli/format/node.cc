#include "cli/format/node.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/format/alloc.h"
#include "cli/format/colour.h"
#include "cli/format/devices.h"
#include "cli/format/table.h"

namespace drover::cli::format {
namespace {

constexpr uint64_t mib = 1024 * 1024;

std::string section(std::string_view heading, std::string_view body) { return fmt::format("\n\n{}\n{}", bold(heading), body); }

template <class Map>
std::string keys(const Map& map) {
  std::vector<std::string> names;
  for (const auto& [name, value] : map) names.push_back(name);
  return join(names, ",");
}

std::string heading_of(const node_view& view, const style& how) {
  const auto& n = view.node;
  pairs p;
  p.add("ID", n.id);
  p.add("Name", n.name);
  p.add("Node Pool", n.node_pool);
  p.add("Class", n.node_class);
  p.add("DC", n.datacenter);
  p.add("Drain", n.drain_strategy
                     ? fmt::format("true; {}", n.drain_strategy->force_deadline.is_zero() ? std::string("no deadline")
                                                                                          : "force deadline " + clock_time(n.drain_strategy->force_deadline))
                     : yes_no(n.drain));
  p.add("Eligibility", n.scheduling_eligibility);
  p.add("Status", n.status);
  p.add("CSI Controllers", keys(n.csi_controller_plugins));
  p.add("CSI Drivers", keys(n.csi_node_plugins));
  if (view.host) p.add("Uptime", to_string(seconds(static_cast<int64_t>(view.host->uptime))));
  if (how.verbose) return p.text();
  p.add("Host Volumes", keys(n.host_volumes));
  p.add("Host Networks", keys(n.host_networks));
  p.add("CSI Volumes", "");
  std::vector<std::string> drivers;
  for (const auto& [name, d] : n.drivers)
    if (d.detected) drivers.push_back(d.healthy ? name : name + " (unhealthy)");
  p.add(view.short_form ? "Drivers" : "Driver Status", join(drivers, ","));
  return p.text();
}

std::string drivers_of(const schema::node& n) {
  table t({"Driver", "Detected", "Healthy", "Message", "Time"});
  for (const auto& [name, d] : n.drivers) t.add({name, yes_no(d.detected), yes_no(d.healthy), d.health_description, clock_time(d.update_time)});
  return section("Drivers", t.text());
}

std::string volumes_of(const schema::node& n) {
  std::string out;
  if (!n.host_volumes.empty()) {
    table t({"Name", "ReadOnly", "Source"});
    for (const auto& [name, v] : n.host_volumes) t.add({name, yes_no(v.read_only), v.path});
    out += section("Host Volumes", t.text());
  }
  if (!n.host_networks.empty()) {
    table t({"Name", "CIDR", "Interface", "ReservedPorts"});
    for (const auto& [name, v] : n.host_networks) t.add({name, v.cidr, v.interface, v.reserved_ports});
    out += section("Host Networks", t.text());
  }
  return out;
}

std::string events_of(const schema::node& n, const style& how) {
  table::row heading = {"Time", "Subsystem", "Message"};
  if (how.verbose) heading.emplace_back("Details");
  table t(std::move(heading));
  for (auto e = n.events.rbegin(); e != n.events.rend(); ++e) {
    auto subsystem = e->subsystem;
    if (auto driver = e->details.find("driver"); subsystem == "Driver" && driver != e->details.end()) subsystem = fmt::format("Driver: {}", driver->second);
    table::row row = {clock_time(e->timestamp), subsystem, e->message};
    if (how.verbose) {
      std::vector<std::string> details;
      for (const auto& [key, value] : e->details) details.push_back(key + " = " + value);
      row.push_back(join(details, ", "));
    }
    t.add(std::move(row));
  }
  return section("Node Events", t.text());
}

struct capacity {
  int64_t cpu = 0, memory_mb = 0, disk_mb = 0;
};

capacity total_of(const schema::node& n) {
  capacity out;
  if (n.node_resources) {
    out = {n.node_resources->cpu.cpu_shares, n.node_resources->memory.memory_mb, n.node_resources->disk.disk_mb};
  }
  if (n.reserved_resources) {
    out.cpu -= static_cast<int64_t>(n.reserved_resources->cpu.cpu_shares);
    out.memory_mb -= static_cast<int64_t>(n.reserved_resources->memory.memory_mb);
    out.disk_mb -= static_cast<int64_t>(n.reserved_resources->disk.disk_mb);
  }
  return out;
}

std::string of_mib(int64_t amount) { return binary_size(static_cast<uint64_t>(std::max<int64_t>(amount, 0)) * mib); }

std::string allocated_of(const node_view& view) {
  capacity used;
  size_t count = 0;
  for (const auto& a : view.allocs) {
    if (a.client_status != "running" || !a.allocated_resources) continue;
    ++count;
    for (const auto& [name, task] : a.allocated_resources->tasks) {
      used.cpu += task.cpu.cpu_shares;
      used.memory_mb += task.memory.memory_mb;
    }
    used.disk_mb += a.allocated_resources->shared.disk_mb;
  }
  auto total = total_of(view.node);
  table t({"CPU", "Memory", "Disk", "Alloc Count"});
  t.add({fmt::format("{}/{} MHz", used.cpu, total.cpu), fmt::format("{}/{}", of_mib(used.memory_mb), of_mib(total.memory_mb)),
         fmt::format("{}/{}", of_mib(used.disk_mb), of_mib(total.disk_mb)),
         view.node.node_max_allocs > 0 ? fmt::format("{}/{}", count, view.node.node_max_allocs) : std::to_string(count)});
  return section("Allocated Resources", t.text());
}

std::string utilization_of(const node_view& view) {
  auto total = total_of(view.node);
  double cpu = 0;
  uint64_t memory = 0;
  for (const auto& [id, usage] : view.usage) {
    if (!usage.resource_usage) continue;
    if (usage.resource_usage->cpu_stats) cpu += usage.resource_usage->cpu_stats->total_ticks;
    if (const auto& m = usage.resource_usage->memory_stats) memory += m->rss > 0 ? m->rss : m->usage;
  }
  table allocs({"CPU", "Memory"});
  allocs.add({fmt::format("{}/{} MHz", static_cast<int64_t>(cpu), total.cpu), fmt::format("{}/{}", binary_size(memory), of_mib(total.memory_mb))});
  auto out = section("Allocation Resource Utilization", allocs.text());
  if (!view.host) return out;
  const auto& host = *view.host;
  int64_t whole_cpu = view.node.node_resources ? view.node.node_resources->cpu.cpu_shares : 0;
  uint64_t used_memory = host.memory ? host.memory->used : 0, all_memory = host.memory ? host.memory->total : 0;
  // The disk that holds allocations; the storage volume of the fingerprint where the node does not say.
  const schema::host_disk_stats* disk = host.alloc_dir_stats ? &*host.alloc_dir_stats : nullptr;
  auto volume = view.node.attributes.find("unique.storage.volume");
  for (const auto& d : host.disk_stats)
    if (disk == nullptr && volume != view.node.attributes.end() && d.device == volume->second) disk = &d;
  table t({"CPU", "Memory", "Disk"});
  t.add({fmt::format("{}/{} MHz", static_cast<int64_t>(host.cpu_ticks_consumed), whole_cpu),
         fmt::format("{}/{}", binary_size(used_memory), binary_size(all_memory)),
         disk == nullptr ? std::string("-/-") : fmt::format("{}/{}", binary_size(disk->used), binary_size(disk->size))});
  out += section("Host Resource Utilization", t.text());
  auto devices = device_utilization(view.node, host.device_stats);
  return devices.empty() ? out : out + section("Device Resource Utilization", devices);
}

std::string stats_of(const schema::host_stats& host) {
  std::string cpu;
  for (const auto& core : host.cpu) {
    pairs p;
    p.add("CPU", core.cpu);
    p.add("User", fmt::format("{:.2f}%", core.user));
    p.add("System", fmt::format("{:.2f}%", core.system));
    p.add("Idle", fmt::format("{:.2f}%", core.idle));
    cpu += (cpu.empty() ? "" : "\n\n") + p.text();
  }
  auto out = section("CPU Stats", cpu);
  if (host.memory) {
    pairs p;
    p.add("Total", binary_size(host.memory->total));
    p.add("Available", binary_size(host.memory->available));
    p.add("Used", binary_size(host.memory->used));
    p.add("Free", binary_size(host.memory->free));
    out += section("Memory Stats", p.text());
  }
  std::string disks;
  for (const auto& d : host.disk_stats) {
    pairs p;
    p.add("Device", d.device);
    p.add("MountPoint", d.mountpoint);
    p.add("Size", binary_size(d.size));
    p.add("Used", binary_size(d.used));
    p.add("Available", binary_size(d.available));
    p.add("Used Percent", fmt::format("{:.2f}%", d.used_percent));
    p.add("Inodes Percent", fmt::format("{:.2f}%", d.inodes_used_percent));
    disks += (disks.empty() ? "" : "\n\n") + p.text();
  }
  if (!disks.empty()) out += section("Disk Stats", disks);
  if (auto devices = device_figures(host.device_stats); !devices.empty()) out += section("Device Stats", devices);
  return out;
}

std::string map_section(std::string_view heading, const auto& map) {
  pairs p;
  for (const auto& [key, value] : map) p.add(key, value);
  return p.empty() ? std::string() : section(heading, p.text());
}

}  // namespace

std::string node_list(const std::vector<schema::node_list_stub>& list, const node_list_style& s) {
  if (list.empty()) return s.quiet ? "" : "No nodes registered";
  if (s.quiet) {
    std::vector<std::string> ids;
    for (const auto& n : list) ids.push_back(n.id);
    return join(ids, "\n");
  }
  table::row heading = {"ID", "Node Pool", "DC", "Name", "Class"};
  if (s.with_os) heading.emplace_back("OS");
  if (s.how.verbose) heading.insert(heading.end(), {"Address", "Version"});
  heading.insert(heading.end(), {"Drain", "Eligibility", "Status"});
  if (s.running) heading.emplace_back("Running Allocs");
  table t(std::move(heading));
  for (const auto& n : list) {
    table::row row = {s.how.id(n.id), n.node_pool, n.datacenter, n.name, n.node_class};
    if (s.with_os) {
      auto os = n.attributes.find("os.name");
      row.push_back(os == n.attributes.end() ? "" : os->second);
    }
    if (s.how.verbose) row.insert(row.end(), {n.address, n.version});
    row.insert(row.end(), {yes_no(n.drain), n.scheduling_eligibility, n.status});
    if (s.running) {
      auto count = s.running->find(n.id);
      row.push_back(std::to_string(count == s.running->end() ? 0 : count->second));
    }
    t.add(std::move(row));
  }
  return t.text();
}

std::string node(const node_view& view, const style& how) {
  const auto& n = view.node;
  auto out = heading_of(view, how);
  if (!n.drain_strategy && n.last_drain && !n.last_drain->status.empty() && how.verbose) {
    pairs p;
    p.add("Started At", clock_time_or_na(n.last_drain->started_at));
    p.add("Updated At", clock_time_or_na(n.last_drain->updated_at));
    p.add("Status", n.last_drain->status);
    out += section("Last Drain", p.text());
  }
  std::vector<schema::alloc_list_stub> stubs;
  for (const auto& a : view.allocs) stubs.push_back(stub_of(a));
  auto allocs = section("Allocations", allocation_list(std::move(stubs), how, false));
  if (view.short_form) return out + allocs;
  if (how.verbose) out += drivers_of(n) + volumes_of(n);
  out += events_of(n, how) + allocated_of(view);
  if (view.host || !view.usage.empty()) out += utilization_of(view);
  if (view.with_stats && view.host) out += stats_of(*view.host);
  out += allocs;
  if (how.verbose) out += map_section("Attributes", n.attributes) + map_section("Meta", n.meta);
  return out;
}

}  // namespace drover::cli::format
