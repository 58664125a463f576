#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "base/text.h"
#include "client/fingerprint/fingerprint.h"
#include "client/fingerprint/host_networks.h"
#include "client/system.h"

namespace drover::client::fingerprint {

namespace {
std::string mac_of(const sockaddr_ll& a) {
  std::string out;
  for (int i = 0; i < a.sll_halen && i < 8; ++i) out += fmt::format("{}{:02x}", i ? ":" : "", a.sll_addr[i]);
  return out == "00:00:00:00:00:00" ? "" : out;
}

void add_address(machine_interface& into, const sockaddr& address) {
  char text[INET6_ADDRSTRLEN];
  if (address.sa_family == AF_INET) {
    auto& a = reinterpret_cast<const sockaddr_in&>(address).sin_addr;
    bool link_local = (ntohl(a.s_addr) >> 16) == 0xA9FE;
    into.addresses.push_back({::inet_ntop(AF_INET, &a, text, sizeof text), false, link_local});
  } else if (address.sa_family == AF_INET6) {
    auto& a = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    into.addresses.push_back({::inet_ntop(AF_INET6, &a, text, sizeof text), true, IN6_IS_ADDR_LINKLOCAL(&a) != 0});
  } else if (address.sa_family == AF_PACKET) {
    into.mac = mac_of(reinterpret_cast<const sockaddr_ll&>(address));
  }
}
}  // namespace

std::vector<machine_interface> machine_interfaces() {
  std::vector<machine_interface> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return out;
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, &::freeifaddrs);
  for (auto* i = list; i; i = i->ifa_next) {
    std::string name = i->ifa_name;
    auto at = std::ranges::find(out, name, &machine_interface::name);
    if (at == out.end()) {
      out.push_back({.name = name, .mac = {}, .speed = 0, .up = false, .loopback = false, .addresses = {}});
      at = out.end() - 1;
      auto measured = parse_int(read_line("/sys/class/net/" + name + "/speed"));
      at->speed = measured && *measured > 0 ? *measured : 0;
    }
    at->up = (i->ifa_flags & IFF_UP) != 0;
    at->loopback = (i->ifa_flags & IFF_LOOPBACK) != 0;
    if (i->ifa_addr) add_address(*at, *i->ifa_addr);
  }
  return out;
}

std::string default_route_interface() {
  std::ifstream file("/proc/net/route");
  std::string line;
  while (std::getline(file, line)) {
    auto words = split(line, '\t');
    if (words.size() > 7 && words[1] == "00000000" && words[7] == "00000000") return std::string(words[0]);
  }
  // IPv6 only: destination, its prefix length, ..., the interface last.
  std::ifstream file_v6("/proc/net/ipv6_route");
  while (std::getline(file_v6, line)) {
    auto words = split(line, ' ');
    std::erase_if(words, [](auto w) { return w.empty(); });
    if (words.size() == 10 && words[0] == std::string(32, '0') && words[1] == "00" && words[9] != "lo") return std::string(words[9]);
  }
  return {};
}

void network(const context& c, schema::node& node) {
  auto chosen = choose_networks(c.options, machine_interfaces(), default_route_interface());
  for (auto& own : chosen.own) {
    schema::network_resource legacy;
    legacy.mode = "host";
    legacy.device = chosen.default_interface;
    legacy.ip = own.text;
    legacy.cidr = own.text + (own.v6 ? "/128" : "/32");
    auto known = std::ranges::find(chosen.networks, chosen.default_interface, &schema::node_network_resource::device);
    if (known != chosen.networks.end()) legacy.mbits = known->speed;
    node.node_resources->networks.push_back(std::move(legacy));
  }
  if (!chosen.own.empty()) node.attributes["unique.network.ip-address"] = chosen.own.front().text;
  for (auto& network : chosen.networks) node.node_resources->node_networks.push_back(std::move(network));
  node.node_resources->min_dynamic_port = c.options.min_dynamic_port;
  node.node_resources->max_dynamic_port = c.options.max_dynamic_port;
}

}  // namespace drover::client::fingerprint
