#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <fstream>
#include <memory>
#include <vector>

#include "base/text.h"
#include "client/fingerprint/fingerprint.h"
#include "client/system.h"

namespace drover::client::fingerprint {

namespace {
struct address {
  std::string text;
  bool v6 = false;
  bool link_local = false;
};

// The interface of the default route, else the first that is up and no loopback, else loopback.
std::string default_interface() {
  std::ifstream file("/proc/net/route");
  std::string line;
  while (std::getline(file, line)) {
    auto words = split(line, '\t');
    if (words.size() > 2 && words[1] == "00000000") return std::string(words[0]);
  }
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return "lo";
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, &::freeifaddrs);
  for (auto* i = list; i; i = i->ifa_next)
    if ((i->ifa_flags & IFF_UP) && !(i->ifa_flags & IFF_LOOPBACK) && i->ifa_addr && i->ifa_addr->sa_family == AF_INET) return i->ifa_name;
  return "lo";
}

std::vector<address> addresses_of(const std::string& name) {
  std::vector<address> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return out;
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, &::freeifaddrs);
  char text[INET6_ADDRSTRLEN];
  for (auto* i = list; i; i = i->ifa_next) {
    if (!i->ifa_addr || name != i->ifa_name) continue;
    if (i->ifa_addr->sa_family == AF_INET) {
      auto* a = reinterpret_cast<sockaddr_in*>(i->ifa_addr);
      out.push_back({::inet_ntop(AF_INET, &a->sin_addr, text, sizeof text), false, false});
    } else if (i->ifa_addr->sa_family == AF_INET6) {
      auto* a = reinterpret_cast<sockaddr_in6*>(i->ifa_addr);
      out.push_back({::inet_ntop(AF_INET6, &a->sin6_addr, text, sizeof text), true, IN6_IS_ADDR_LINKLOCAL(&a->sin6_addr) != 0});
    }
  }
  return out;
}

int64_t speed_of(const client_options& o, const std::string& name) {
  if (o.network_speed > 0) return o.network_speed;
  auto measured = parse_int(read_line("/sys/class/net/" + name + "/speed"));
  return measured && *measured > 0 ? *measured : 1000;
}

// The alias of the first configured host network that holds this address; "default" otherwise.
std::string alias_of(const client_options& o, const std::string& interface) {
  for (auto& [name, network] : o.host_networks)
    if (!network.interface.empty() && network.interface == interface) return name;
  return "default";
}
}  // namespace

void network(const context& c, schema::node& node) {
  auto name = c.options.network_interface;
  if (name.empty()) name = c.options.dev_mode ? "lo" : default_interface();
  auto speed = speed_of(c.options, name);
  auto mac = read_line("/sys/class/net/" + name + "/address");
  schema::node_network_resource host;
  host.mode = "host";
  host.device = name;
  host.mac_address = mac == "00:00:00:00:00:00" ? "" : mac;
  host.speed = speed;
  bool first = true;
  for (auto& a : addresses_of(name)) {
    if (a.link_local) continue;
    schema::network_resource legacy;
    legacy.mode = "host";
    legacy.device = name;
    legacy.ip = a.text;
    legacy.cidr = a.text + (a.v6 ? "/128" : "/32");
    legacy.mbits = speed;
    node.node_resources->networks.push_back(std::move(legacy));
    host.addresses.push_back({.family = a.v6 ? "ipv6" : "ipv4",
                              .alias = alias_of(c.options, name),
                              .address = a.text,
                              .reserved_ports = c.options.reserved.ports,
                              .gateway = {}});
    if (first) node.attributes["unique.network.ip-address"] = a.text;
    first = false;
  }
  node.node_resources->node_networks.push_back(std::move(host));
  node.node_resources->min_dynamic_port = c.options.min_dynamic_port;
  node.node_resources->max_dynamic_port = c.options.max_dynamic_port;
}

}  // namespace drover::client::fingerprint
