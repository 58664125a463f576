#include "sched/ports.h"

#include <algorithm>

#include "sched/limits.h"

namespace drover::sched {
namespace {

const std::string no_dynamic_port = "network: dynamic port selection failed";

// A static port is one of the host network, not of one of its addresses: who asks for 80 does not want 80 on the node's other address.
bool static_free(const node_usage& usage, const std::string& host_network, uint16_t port) {
  auto addresses = usage.addresses();
  for (size_t i = 0; i < addresses.size(); ++i)
    if (addresses[i].alias == host_network) return !usage.port_taken(i, port);
  return false;
}

bool has_address(const node_usage& usage, const std::string& host_network) {
  return std::ranges::any_of(usage.addresses(), [&](const auto& each) { return each.alias == host_network; });
}

// Ports that an offer has chosen already, beside those that are taken on the node.
class chosen_ports {
 public:
  explicit chosen_ports(const node_usage& usage) : usage_(usage) {}
  const node_usage& usage() const { return usage_; }
  bool taken(size_t address, uint16_t port) const {
    return usage_.port_taken(address, port) || std::ranges::find(mine_, std::pair{address, port}) != mine_.end();
  }
  void take(size_t address, uint16_t port) { mine_.emplace_back(address, port); }

 private:
  const node_usage& usage_;
  std::vector<std::pair<size_t, uint16_t>> mine_;
};

// A few guesses, then the whole range from a random place on: what is free is found.
std::optional<uint16_t> pick_dynamic(const chosen_ports& ports, size_t address, random_stream& random) {
  const auto& usage = ports.usage();
  if (usage.dynamic_port_max() < usage.dynamic_port_min()) return std::nullopt;
  uint32_t range = uint32_t{usage.dynamic_port_max()} - usage.dynamic_port_min() + 1;
  auto at = [&](uint32_t offset) { return static_cast<uint16_t>(usage.dynamic_port_min() + offset % range); };
  for (int i = 0; i < limits::dynamic_port_guesses; ++i)
    if (uint16_t port = at(random.below(range)); !ports.taken(address, port)) return port;
  uint32_t start = random.below(range);
  for (uint32_t i = 0; i < range; ++i)
    if (uint16_t port = at(start + i); !ports.taken(address, port)) return port;
  return std::nullopt;
}

struct picked {
  size_t address;
  uint16_t port;
};

std::optional<picked> pick(const chosen_ports& ports, const std::string& host_network, std::optional<uint16_t> wanted, bool ignore_collision,
                           random_stream& random) {
  auto addresses = ports.usage().addresses();
  for (size_t i = 0; i < addresses.size(); ++i) {
    if (addresses[i].alias != host_network) continue;
    if (!wanted) {
      if (auto port = pick_dynamic(ports, i, random)) return picked{i, *port};
    } else {
      if (ignore_collision || !ports.taken(i, *wanted)) return picked{i, *wanted};
      return std::nullopt;
    }
  }
  return std::nullopt;
}

// The address that tasks in host mode see as theirs.
std::string host_ip(const schema::node& node) {
  if (!node.node_resources) return {};
  for (const auto& network : node.node_resources->node_networks)
    if (network.mode == "host" && !network.addresses.empty()) return network.addresses.front().address;
  for (const auto& network : node.node_resources->networks)
    if (network.mode == "host" || network.mode.empty()) return network.ip;
  return {};
}

}  // namespace

port_plan::port_plan(const schema::task_group& group) {
  for (const auto& wanted : group.networks) add(wanted, nullptr);
  for (const auto& task : group.tasks)
    if (task.resources)
      for (const auto& wanted : task.resources->networks) add(wanted, &task.name);
}

void port_plan::add(const schema::network_resource& wanted, const std::string* task) {
  network made{&wanted, task, {}};
  for (const auto* ports : {&wanted.reserved_ports, &wanted.dynamic_ports}) {
    for (const auto& port : *ports) {
      std::string host_network = port.host_network.empty() ? "default" : port.host_network;
      bool is_static = ports == &wanted.reserved_ports;
      made.asks.push_back({&port, is_static, host_network, fmt::format("network: reserved port collision {}={}", port.label, port.value)});
      auto same = std::ranges::find(pools_, host_network, &pool::host_network);
      if (same == pools_.end()) {
        pools_.push_back({host_network, 0, fmt::format("network: no addresses available for \"{}\" network", host_network)});
        same = pools_.end() - 1;
      }
      if (!is_static) ++same->count;
    }
  }
  networks_.push_back(std::move(made));
}

const std::string* port_plan::refuse(const node_usage& usage) const {
  for (const auto& pool : pools_) {
    if (!has_address(usage, pool.host_network)) return &pool.no_address;
    size_t free = 0;
    auto addresses = usage.addresses();
    for (size_t i = 0; i < addresses.size() && free < pool.count; ++i)
      if (addresses[i].alias == pool.host_network) free += usage.dynamic_ports_free(i);
    if (free < pool.count) return &no_dynamic_port;
  }
  for (const auto& network : networks_)
    for (const auto& ask : network.asks)
      if (ask.is_static && !ask.port->ignore_collision && !static_free(usage, ask.host_network, static_cast<uint16_t>(ask.port->value))) return &ask.collision;
  return nullptr;
}

std::expected<port_plan::offer, std::string> port_plan::assign(const schema::node& node, const node_usage& usage, random_stream& random) const {
  offer made;
  if (empty()) return made;
  chosen_ports trial(usage);
  std::string ip = host_ip(node);
  for (const auto& network : networks_) {
    schema::network_resource given = *network.wanted;
    given.ip = ip;
    given.reserved_ports.clear();
    given.dynamic_ports.clear();
    // Static ports first: a dynamic one must not land on them.
    for (const auto& ask : network.asks) {
      std::optional<uint16_t> wanted;
      if (ask.is_static) wanted = static_cast<uint16_t>(ask.port->value);
      auto found = pick(trial, ask.host_network, wanted, ask.port->ignore_collision, random);
      if (!found) return std::unexpected(ask.is_static ? ask.collision : no_dynamic_port);
      if (!ask.port->ignore_collision) trial.take(found->address, found->port);
      schema::port port = *ask.port;
      port.value = found->port;
      if (port.to == -1) port.to = found->port;
      if (port.host_network.empty()) port.host_network = ask.host_network;
      std::string address = usage.addresses()[found->address].ip;
      if (network.task != nullptr) given.ip = address;  // its ports are counted at the network's address
      else made.ports.push_back({port.label, port.value, port.to, std::move(address), port.ignore_collision});
      (ask.is_static ? given.reserved_ports : given.dynamic_ports).push_back(std::move(port));
    }
    if (network.task != nullptr) made.tasks.emplace_back(*network.task, std::move(given));
    else made.shared.push_back(std::move(given));
  }
  return made;
}

}  // namespace drover::sched
