#include "sched/fit.h"

#include <algorithm>

#include "base/text.h"
#include "sched/limits.h"

namespace drover::sched {
namespace {

constexpr std::string_view default_network = "default";
constexpr std::string_view default_address = "0.0.0.0";

amounts amounts_of(const schema::allocated_task_resources& task) { return {task.cpu.cpu_shares, task.memory.memory_mb, 0}; }

amounts larger(const amounts& a, const amounts& b) { return {std::max(a.cpu, b.cpu), std::max(a.memory, b.memory), std::max(a.disk, b.disk)}; }

// Counts how many neighbours of equal value an element has or had: the change of the number of collisions.
template <class T>
bool insert_sorted(std::vector<T>& sorted, T element) {
  auto at = std::lower_bound(sorted.begin(), sorted.end(), element);
  bool collides = at != sorted.end() && *at == element;
  sorted.insert(at, std::move(element));
  return collides;
}

enum class erased { missing, last, one_of_several };
template <class T>
erased erase_sorted(std::vector<T>& sorted, T element) {
  auto at = std::lower_bound(sorted.begin(), sorted.end(), element);
  if (at == sorted.end() || *at != element) return erased::missing;
  at = sorted.erase(at);
  return at != sorted.end() && *at == element ? erased::one_of_several : erased::last;
}

}  // namespace

bool occupies(const schema::allocation& alloc) {
  if (alloc.desired_status == "stop" || alloc.desired_status == "evict") return false;
  return alloc.client_status != "complete" && alloc.client_status != "failed" && alloc.client_status != "lost";
}

amounts demand_of(const schema::allocated_resources& given) {
  amounts before;
  amounts main;
  amounts after;
  amounts beside;
  for (const auto& [name, task] : given.tasks) {
    auto it = given.task_lifecycles.find(name);
    const schema::task_lifecycle_config* lifecycle = it != given.task_lifecycles.end() && it->second.has_value() ? &*it->second : nullptr;
    amounts wants = amounts_of(task);
    if (lifecycle == nullptr || lifecycle->hook == "poststart") main += wants;
    else if (lifecycle->hook == "poststop") after += wants;
    else if (lifecycle->sidecar) beside += wants;
    else before += wants;
  }
  amounts most = larger(larger(main, before), after) + beside;
  most.disk += given.shared.disk_mb;
  return most;
}

amounts capacity_of(const schema::node& node) {
  amounts total;
  if (node.node_resources) {
    const auto& has = *node.node_resources;
    total = {has.cpu.cpu_shares, has.memory.memory_mb, has.disk.disk_mb};
  }
  if (node.reserved_resources) {
    const auto& kept = *node.reserved_resources;
    total -= {static_cast<int64_t>(kept.cpu.cpu_shares), static_cast<int64_t>(kept.memory.memory_mb), static_cast<int64_t>(kept.disk.disk_mb)};
  }
  return total;
}

std::string device_key(std::string_view vendor, std::string_view type, std::string_view name, std::string_view id) {
  return fmt::format("{}/{}/{}/{}", vendor, type, name, id);
}

result<std::vector<std::pair<uint16_t, uint16_t>>> parse_port_ranges(std::string_view text) {
  std::vector<std::pair<uint16_t, uint16_t>> ranges;
  if (trim(text).empty()) return ranges;
  for (std::string_view part : split(text, ',')) {
    part = trim(part);
    size_t dash = part.find('-');
    auto low = parse_uint(trim(part.substr(0, dash)));
    auto high = dash == std::string_view::npos ? low : parse_uint(trim(part.substr(dash + 1)));
    if (!low || !high || *low > *high || *high > 65535) return fail(errc::invalid, "\"{}\" is no port and no range of ports such as 8500-8600", part);
    ranges.emplace_back(static_cast<uint16_t>(*low), static_cast<uint16_t>(*high));
  }
  return ranges;
}

node_usage::node_usage(const schema::node& node) : capacity_(capacity_of(node)) {
  allocs_max_ = node.node_max_allocs;
  dynamic_min_ = limits::dynamic_port_min;
  dynamic_max_ = limits::dynamic_port_max;
  if (node.reserved_resources) reserve(any_address, node.reserved_resources->networks.reserved_host_ports);
  if (!node.node_resources) return;
  const auto& has = *node.node_resources;
  if (has.min_dynamic_port > 0 && has.min_dynamic_port <= 65535) dynamic_min_ = static_cast<uint16_t>(has.min_dynamic_port);
  if (has.max_dynamic_port > 0 && has.max_dynamic_port <= 65535) dynamic_max_ = static_cast<uint16_t>(has.max_dynamic_port);
  for (const auto& network : has.node_networks) {
    for (const auto& each : network.addresses) {
      if (each.address.empty()) continue;
      addresses_.push_back({each.address, each.alias.empty() ? std::string(default_network) : each.alias, network.device});
      reserve(static_cast<uint16_t>(addresses_.size() - 1), each.reserved_ports);
    }
  }
  // Clients older than host networks only send these.
  if (addresses_.empty())
    for (const auto& network : has.networks)
      if (!network.ip.empty()) addresses_.push_back({network.ip, std::string(default_network), network.device});
  cores_ = has.cpu.reservable_cpu_cores;
  std::sort(cores_.begin(), cores_.end());
  size_t cores = has.cpu.total_cpu_cores > 0 ? has.cpu.total_cpu_cores : cores_.size();
  if (cores > 0) cpu_per_core_ = has.cpu.cpu_shares / static_cast<int64_t>(cores);
}

// What a node reserves is input of its client: a part that cannot be read reserves nothing.
void node_usage::reserve(uint16_t address, const std::string& ports) {
  auto ranges = parse_port_ranges(ports);
  if (!ranges) return;
  for (auto [low, high] : *ranges) reserved_.push_back({address, low, high});
}

bool node_usage::reserved(uint16_t address, uint16_t port) const {
  for (const auto& range : reserved_)
    if ((range.address == any_address || range.address == address) && port >= range.low && port <= range.high) return true;
  return false;
}

uint16_t node_usage::address_index(const std::string& ip) {
  for (size_t i = 0; i < addresses_.size(); ++i)
    if (addresses_[i].ip == ip) return static_cast<uint16_t>(i);
  addresses_.push_back({ip, {}, {}});
  return static_cast<uint16_t>(addresses_.size() - 1);
}

void node_usage::change_port(const std::string& ip, int64_t port, int sign) {
  if (port <= 0 || port > 65535) return;
  uint16_t address = address_index(ip.empty() ? std::string(default_address) : ip);
  uint32_t key = uint32_t{address} << 16 | static_cast<uint32_t>(port);
  if (sign > 0) {
    if (insert_sorted(held_, key)) ++port_collisions_;
  } else if (erase_sorted(held_, key) == erased::one_of_several) {
    --port_collisions_;
  }
}

void node_usage::change_network(const schema::network_resource& network, int sign) {
  for (const auto* ports : {&network.reserved_ports, &network.dynamic_ports})
    for (const auto& port : *ports)
      if (!port.ignore_collision) change_port(network.ip, port.value, sign);
}

void node_usage::change(const schema::allocation& alloc, int sign) {
  if (!occupies(alloc)) return;
  allocs_ += sign;
  if (!alloc.allocated_resources) return;
  const auto& given = *alloc.allocated_resources;
  if (sign > 0) used_ += demand_of(given);
  else used_ -= demand_of(given);
  for (const auto& port : given.shared.ports)
    if (!port.ignore_collision) change_port(port.host_ip, port.value, sign);
  if (given.shared.ports.empty())
    for (const auto& network : given.shared.networks) change_network(network, sign);
  for (const auto& [name, task] : given.tasks) {
    for (const auto& network : task.networks) change_network(network, sign);
    for (const auto& device : task.devices) {
      for (const auto& id : device.device_ids) {
        auto key = device_key(device.vendor, device.type, device.name, id);
        if (sign > 0) device_collisions_ += insert_sorted(held_devices_, std::move(key));
        else if (erase_sorted(held_devices_, std::move(key)) == erased::one_of_several) --device_collisions_;
      }
    }
    for (uint16_t core : task.cpu.reserved_cores) {
      if (sign > 0) core_collisions_ += insert_sorted(held_cores_, core);
      else if (erase_sorted(held_cores_, core) == erased::one_of_several) --core_collisions_;
    }
  }
}

fit_result node_usage::fits() const {
  if (allocs_max_ > 0 && allocs_ > allocs_max_) return {false, "max allocation exceeded"};
  if (used_.cpu > capacity_.cpu) return {false, "cpu"};
  if (core_collisions_ > 0 || held_cores_.size() > cores_.size()) return {false, "cores"};
  if (used_.memory > capacity_.memory) return {false, "memory"};
  if (used_.disk > capacity_.disk) return {false, "disk"};
  if (port_collisions_ > 0) return {false, "network: port collision"};
  if (device_collisions_ > 0) return {false, "device oversubscribed"};
  return {};
}

bool node_usage::device_taken(const std::string& key) const { return std::binary_search(held_devices_.begin(), held_devices_.end(), key); }

bool node_usage::port_taken(size_t address, uint16_t port) const {
  uint32_t key = static_cast<uint32_t>(address) << 16 | port;
  return std::binary_search(held_.begin(), held_.end(), key) || reserved(static_cast<uint16_t>(address), port);
}

void node_usage::take_port(size_t address, uint16_t port) {
  if (insert_sorted(held_, static_cast<uint32_t>(address) << 16 | port)) ++port_collisions_;
}

size_t node_usage::dynamic_ports_free(size_t address) const {
  if (dynamic_max_ < dynamic_min_) return 0;
  uint32_t base = static_cast<uint32_t>(address) << 16;
  auto first = std::lower_bound(held_.begin(), held_.end(), base | dynamic_min_);
  auto last = std::upper_bound(first, held_.end(), base | dynamic_max_);
  size_t gone = static_cast<size_t>(last - first);
  for (const auto& range : reserved_) {
    if (range.address != any_address && range.address != address) continue;
    uint16_t low = std::max(range.low, dynamic_min_);
    uint16_t high = std::min(range.high, dynamic_max_);
    if (low <= high) gone += size_t{high} - low + 1;
  }
  size_t all = size_t{dynamic_max_} - dynamic_min_ + 1;
  return all > gone ? all - gone : 0;
}

std::vector<uint16_t> node_usage::free_cores() const {
  std::vector<uint16_t> free;
  std::set_difference(cores_.begin(), cores_.end(), held_cores_.begin(), held_cores_.end(), std::back_inserter(free));
  return free;
}

size_t node_usage::free_core_count() const { return held_cores_.empty() ? cores_.size() : free_cores().size(); }

fit_result fits(const schema::node& node, std::span<const ref<schema::allocation>> allocs) {
  node_usage usage(node);
  for (const auto& alloc : allocs) usage.add(*alloc);
  return usage.fits();
}

}  // namespace drover::sched
