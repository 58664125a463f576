// The bridge of this machine and the allocations on it: links, addresses, port mapping. Blocking; one call at a time.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/network/addresses.h"
#include "client/network/firewall.h"
#include "client/network/record.h"
#include "client/options.h"

namespace drover::client {

class bridge_network {
 public:
  explicit bridge_network(network_options options) : options_(std::move(options)) {}

  // Gives the record its addresses and the name of its link. Nothing of the machine is changed.
  result<> plan(network_record& record, const std::vector<network_record>& others);
  // Makes what the record says, also where a part of it is there. Requires: its namespace exists.
  result<> connect(const network_record& record);
  // Gone already is fine. Ports that one of `others` has been given meanwhile stay.
  result<> disconnect(const network_record& record, const std::vector<network_record>& others);
  // Port mappings of these and of no others, as after the agent was away. Without any: bridge and tables go, too.
  result<> restore(const std::vector<network_record>& living);
  // When the last one has gone.
  void remove();

 private:
  result<> prepare();
  result<> make_bridge();
  result<> make_rules();
  result<> connect_inside(const network_record& record);
  firewall_bridge firewall_options() const { return {options_.bridge_name, options_.bridge_subnet, options_.bridge_subnet_ipv6}; }

  network_options options_;
  std::optional<subnet> v4_, v6_;
  std::unique_ptr<firewall> firewall_;
  bool rules_made_ = false;
};

// The mapped ports of a record. Pure.
std::vector<firewall_port> mapped_ports(const network_record& record);
// "veth" and the start of the id: at most 15 characters. Pure.
std::string link_name(const std::string& alloc_id);

}  // namespace drover::client
