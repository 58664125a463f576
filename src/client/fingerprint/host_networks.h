// Which addresses of this machine tasks may have, under which names, and why: host_network blocks and the default network. Pure, given the
// machine's interfaces; any thread.
#pragma once

#include <string>
#include <vector>

#include "client/options.h"
#include "schema/node.h"

namespace drover::client::fingerprint {

struct interface_address {
  std::string text;
  bool v6 = false;
  bool link_local = false;
};
struct machine_interface {
  std::string name, mac;
  int64_t speed = 0;  // Mbit/s, 0: not known
  bool up = false, loopback = false;
  std::vector<interface_address> addresses;
};

struct chosen_networks {
  // In the kernel's order of interfaces; those without an address to offer are left out.
  std::vector<schema::node_network_resource> networks;
  // Of the default interface, preferred family first.
  std::vector<interface_address> own;
  std::string default_interface;
  // One sentence for each address, what it is for and why; one for each host_network that nothing fits.
  std::vector<std::string> reasons;
};

// `default_route`: the interface of the default route, "" if there is none.
chosen_networks choose_networks(const client_options& o, const std::vector<machine_interface>& interfaces, const std::string& default_route);

// As the kernel has them now.
std::vector<machine_interface> machine_interfaces();
std::string default_route_interface();

}  // namespace drover::client::fingerprint
