#include "client/fingerprint/host_networks.h"

#include <algorithm>

#include "base/text.h"
#include "client/network/netlink.h"

namespace drover::client::fingerprint {

namespace {
constexpr int64_t usual_speed = 1000;

bool in_cidr(const std::string& address, std::string_view cidr) {
  auto slash = cidr.find('/');
  if (slash == std::string_view::npos) return false;
  auto base = parse_ip(trim(cidr.substr(0, slash))), own = parse_ip(address);
  auto prefix = parse_int(trim(cidr.substr(slash + 1)));
  if (!base || !own || !prefix || base->v6 != own->v6 || *prefix < 0 || *prefix > (own->v6 ? 128 : 32)) return false;
  for (int bit = 0; bit < *prefix; ++bit)
    if ((base->bytes[bit / 8] ^ own->bytes[bit / 8]) & (0x80 >> (bit % 8))) return false;
  return true;
}

// The reason, or "" if the address is not of that network.
std::string belongs(const schema::client_host_network_config& network, const machine_interface& interface, const std::string& address) {
  std::vector<std::string> reasons;
  if (!network.interface.empty()) {
    if (trim(network.interface) != interface.name) return {};
    reasons.push_back("interface " + interface.name);
  }
  if (!network.cidr.empty()) {
    auto lists = split(network.cidr, ',');
    auto fits = std::ranges::find_if(lists, [&](auto each) { return in_cidr(address, each); });
    if (fits == lists.end()) return {};
    reasons.push_back(fmt::format("cidr {}", trim(*fits)));
  }
  return reasons.empty() ? std::string("it asks for no interface or cidr, so every address is of it") : join(reasons, ", ");
}

std::string pick_default(const client_options& o, const std::vector<machine_interface>& interfaces, const std::string& default_route, std::string& why) {
  auto known = [&](const std::string& name) { return std::ranges::any_of(interfaces, [&](auto& i) { return i.name == name; }); };
  if (!o.network_interface.empty()) {
    why = "client.network_interface";
    if (!known(o.network_interface)) why += ", which this machine does not have";
    return o.network_interface;
  }
  if (o.dev_mode) {
    why = "-dev uses loopback";
    return "lo";
  }
  if (!default_route.empty()) {
    why = "the default route leaves by it";
    return default_route;
  }
  for (auto& i : interfaces)
    if (i.up && !i.loopback && std::ranges::any_of(i.addresses, [](auto& a) { return !a.v6; })) {
      why = "there is no default route, and it is the first one up with an IPv4 address";
      return i.name;
    }
  why = "there is no default route and no other interface with an address";
  return "lo";
}

void prefer(std::vector<interface_address>& addresses, const std::string& family) {
  if (family != "ipv4" && family != "ipv6") return;
  std::vector<interface_address> first, others;
  for (auto& a : addresses) (a.v6 == (family == "ipv6") ? first : others).push_back(std::move(a));
  addresses = std::move(first);
  addresses.insert(addresses.end(), std::make_move_iterator(others.begin()), std::make_move_iterator(others.end()));
}

// Link-local addresses only where there are no others.
std::vector<interface_address> usable(const machine_interface& interface, const std::string& family) {
  std::vector<interface_address> out;
  for (auto& a : interface.addresses)
    if (!a.link_local) out.push_back(a);
  if (out.empty()) out = interface.addresses;
  prefer(out, family);
  return out;
}
}  // namespace

chosen_networks choose_networks(const client_options& o, const std::vector<machine_interface>& interfaces, const std::string& default_route) {
  chosen_networks out;
  std::string why;
  out.default_interface = pick_default(o, interfaces, default_route, why);
  std::vector<std::string> used;
  for (auto& interface : interfaces) {
    schema::node_network_resource network;
    network.mode = "host";
    network.device = interface.name;
    network.mac_address = interface.mac;
    network.speed = o.network_speed > 0 ? o.network_speed : interface.speed > 0 ? interface.speed : usual_speed;
    bool is_default = interface.name == out.default_interface;
    for (auto& address : usable(interface, o.preferred_address_family)) {
      auto offer = [&](const std::string& alias, const std::string& reserved, const std::string& because) {
        network.addresses.push_back(
            {.family = address.v6 ? "ipv6" : "ipv4", .alias = alias, .address = address.text, .reserved_ports = reserved, .gateway = {}});
        out.reasons.push_back(fmt::format("host network \"{}\": {} of {} ({})", alias, address.text, interface.name, because));
      };
      for (auto& [name, block] : o.host_networks)
        if (auto because = belongs(block, interface, address.text); !because.empty()) {
          offer(name, block.reserved_ports, because);
          used.push_back(name);
        }
      // A block of that name has described it already.
      bool named = std::ranges::any_of(network.addresses, [&](auto& a) { return a.alias == "default" && a.address == address.text; });
      if (is_default) out.own.push_back(address);
      if (is_default && !named) offer("default", o.reserved.ports, why);
    }
    if (!network.addresses.empty()) out.networks.push_back(std::move(network));
  }
  for (auto& [name, block] : o.host_networks)
    if (std::ranges::find(used, name) == used.end())
      out.reasons.push_back(
          fmt::format("host network \"{}\": no address of this machine is on interface \"{}\" and in cidr \"{}\"; jobs that ask for it are placed elsewhere",
                      name, block.interface, block.cidr));
  if (out.own.empty()) out.reasons.push_back(fmt::format("host network \"default\": interface {} ({}) has no address", out.default_interface, why));
  return out;
}

}  // namespace drover::client::fingerprint
