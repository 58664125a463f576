// Does a set of allocations fit a node? The one answer that scheduler and planner share, so that they cannot disagree.
//
// node_usage is the load of one node: what it has, what its allocations take, which ports and cores are held. It is a value: copy it to
// try something out. Not thread-safe; const members may be called from several threads at once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "schema/alloc.h"
#include "schema/fwd.h"
#include "schema/node.h"

namespace drover::sched {

using schema::ref;

// CPU in MHz, memory and disk in MB.
struct amounts {
  int64_t cpu = 0;
  int64_t memory = 0;
  int64_t disk = 0;
  friend bool operator==(const amounts&, const amounts&) = default;
  amounts& operator+=(const amounts& o) {
    cpu += o.cpu;
    memory += o.memory;
    disk += o.disk;
    return *this;
  }
  amounts& operator-=(const amounts& o) {
    cpu -= o.cpu;
    memory -= o.memory;
    disk -= o.disk;
    return *this;
  }
  friend amounts operator+(amounts a, const amounts& b) { return a += b; }
  friend amounts operator-(amounts a, const amounts& b) { return a -= b; }
};

// True while an allocation holds what it was given: wanted, and not ended at the client.
bool occupies(const schema::allocation& alloc);

// The most that an allocation takes at one time: its main tasks, or the tasks that run before them or after them if those
// need more, and sidecars beside either.
amounts demand_of(const schema::allocated_resources& given);

// What a node has for allocations: its total less what is reserved for others.
amounts capacity_of(const schema::node& node);

// One instance of a device, as node_usage counts it.
std::string device_key(std::string_view vendor, std::string_view type, std::string_view name, std::string_view id);

struct fit_result {
  bool ok = true;
  // What ran out, in the words of AllocMetric.DimensionExhausted: "cpu", "memory", "disk", "cores", "network: port collision",
  // "device oversubscribed", "max allocation exceeded".
  std::string dimension;
  explicit operator bool() const { return ok; }
};

class node_usage {
 public:
  node_usage() = default;
  explicit node_usage(const schema::node& node);

  // An allocation that does not occupy is counted as nothing. remove() wants the same record that was added.
  void add(const schema::allocation& alloc) { change(alloc, +1); }
  void remove(const schema::allocation& alloc) { change(alloc, -1); }

  const amounts& capacity() const { return capacity_; }
  const amounts& used() const { return used_; }
  amounts free() const { return capacity_ - used_; }
  fit_result fits() const;
  // The node takes no more allocations, however small.
  bool full() const { return allocs_max_ > 0 && allocs_ >= allocs_max_; }

  // Addresses of a host network ("default" where a port names none), in the node's order.
  struct address {
    std::string ip;
    std::string alias;  // empty: known only because an allocation holds a port there
    std::string device;
  };
  std::span<const address> addresses() const { return addresses_; }
  // Held by an allocation or reserved by the node.
  bool port_taken(size_t address_index, uint16_t port) const;
  void take_port(size_t address_index, uint16_t port);
  uint16_t dynamic_port_min() const { return dynamic_min_; }
  uint16_t dynamic_port_max() const { return dynamic_max_; }
  // Ports of the dynamic range that are free at an address. A port that is both reserved and held counts twice: never too many.
  size_t dynamic_ports_free(size_t address_index) const;

  // Cores that tasks may reserve for themselves and nobody has, ascending.
  std::vector<uint16_t> free_cores() const;
  size_t free_core_count() const;
  bool device_taken(const std::string& key) const;
  // MHz that come with one reserved core.
  int64_t cpu_per_core() const { return cpu_per_core_; }

 private:
  struct port_range {
    uint16_t address;  // any_address: all of them
    uint16_t low;
    uint16_t high;
  };
  static constexpr uint16_t any_address = 0xffff;

  void change(const schema::allocation& alloc, int sign);
  void change_port(const std::string& ip, int64_t port, int sign);
  void change_network(const schema::network_resource& network, int sign);
  uint16_t address_index(const std::string& ip);
  void reserve(uint16_t address, const std::string& ports);
  bool reserved(uint16_t address, uint16_t port) const;

  amounts capacity_;
  amounts used_;
  std::vector<address> addresses_;
  std::vector<port_range> reserved_;
  std::vector<uint32_t> held_;             // address << 16 | port, sorted; twice where two allocations hold the same
  std::vector<uint16_t> cores_;            // that may be reserved, sorted
  std::vector<uint16_t> held_cores_;       // sorted; twice where two allocations hold the same
  std::vector<std::string> held_devices_;  // keys, sorted; twice where two allocations hold the same
  int64_t allocs_ = 0;
  int64_t allocs_max_ = 0;  // 0: no limit
  uint32_t port_collisions_ = 0;
  uint32_t device_collisions_ = 0;
  uint32_t core_collisions_ = 0;
  int64_t cpu_per_core_ = 0;
  uint16_t dynamic_min_ = 0;
  uint16_t dynamic_max_ = 0;
};

// From nothing: would exactly these allocations fit this node?
fit_result fits(const schema::node& node, std::span<const ref<schema::allocation>> allocs);

// "22,80,8500-8600". Bad parts are an error that names them.
result<std::vector<std::pair<uint16_t, uint16_t>>> parse_port_ranges(std::string_view text);

}  // namespace drover::sched
