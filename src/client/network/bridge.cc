#include "client/network/bridge.h"

#include <algorithm>

#include "base/text.h"
#include "client/network/namespace.h"
#include "client/system.h"

namespace drover::client {

namespace {
constexpr const char* inside_name = "eth0";

// Written only where it is not so: parts of /proc/sys may be read-only.
result<> set_kernel(const std::string& key, const std::string& text) {
  auto path = "/proc/sys/net/" + key;
  if (read_line(path) == text) return {};
  auto* file = std::fopen(path.c_str(), "we");
  if (!file) return fail(system_error(errno, "opening " + path));
  bool ok = std::fputs(text.c_str(), file) >= 0;
  ok = std::fclose(file) == 0 && ok;
  if (!ok) return fail(errc::io, "cannot set {} to {}: bridge networks need it", path, text);
  return {};
}
}  // namespace

std::string link_name(const std::string& alloc_id) { return "veth" + replace_all(alloc_id, "-", "").substr(0, 11); }

std::vector<firewall_port> mapped_ports(const network_record& record) {
  std::vector<firewall_port> out;
  for (auto& port : record.ports) {
    bool any = std::ranges::find(record.wildcard_ports, port.label) != record.wildcard_ports.end();
    auto inside = port.to > 0 ? port.to : port.value;
    for (auto& address : {record.address, record.address_ipv6})
      if (!address.empty() && (any || port.host_ip.contains(':') == address.contains(':')))
        out.push_back({.host_ip = any ? "" : port.host_ip, .host_port = port.value, .address = address, .port = inside});
  }
  return out;
}

result<> bridge_network::prepare() {
  if (v4_) return {};
  if (options_.bridge_name.empty() || options_.bridge_name.size() > 15)
    return fail(errc::invalid, "bridge_network_name \"{}\" must have 1 to 15 characters", options_.bridge_name);
  if (options_.bridge_name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != std::string::npos)
    return fail(errc::invalid, "bridge_network_name \"{}\" may have letters, digits, \"-\" and \"_\" only", options_.bridge_name);
  auto v4 = subnet::parse(options_.bridge_subnet);
  if (!v4) return wrap(v4.error(), "bridge_network_subnet");
  if (v4->v6()) return fail(errc::invalid, "bridge_network_subnet \"{}\" must be of IPv4; there is bridge_network_subnet_ipv6, too", options_.bridge_subnet);
  if (!options_.bridge_subnet_ipv6.empty()) {
    auto v6 = subnet::parse(options_.bridge_subnet_ipv6);
    if (!v6) return wrap(v6.error(), "bridge_network_subnet_ipv6");
    if (!v6->v6()) return fail(errc::invalid, "bridge_network_subnet_ipv6 \"{}\" must be of IPv6", options_.bridge_subnet_ipv6);
    options_.bridge_subnet_ipv6 = v6->text();
    v6_ = *v6;
  }
  options_.bridge_subnet = v4->text();
  v4_ = *v4;
  return {};
}

result<> bridge_network::plan(network_record& record, const std::vector<network_record>& others) {
  TRY(prepare());
  std::set<std::string> used;
  for (auto& other : others) {
    if (other.alloc_id == record.alloc_id) continue;
    used.insert(other.address);
    used.insert(other.address_ipv6);
  }
  auto fits = [&](const std::string& text, const subnet& in) {
    auto address = parse_ip(text);
    return address && in.contains(*address) && !used.contains(text);
  };
  if (!fits(record.address, *v4_)) {
    TRY_ASSIGN(auto address, v4_->take(used));
    record.address = to_string(address);
  }
  if (v6_ && !fits(record.address_ipv6, *v6_)) {
    TRY_ASSIGN(auto address, v6_->take(used));
    record.address_ipv6 = to_string(address);
  }
  record.interface_name = inside_name;
  record.link = link_name(record.alloc_id);
  return {};
}

result<> bridge_network::make_bridge() {
  TRY_ASSIGN(auto host, route_socket::open());
  TRY(host.add_bridge(options_.bridge_name));
  TRY_ASSIGN(int index, host.index_of(options_.bridge_name));
  TRY(host.add_address(index, v4_->gateway(), v4_->prefix()));
  if (v6_) TRY(host.add_address(index, v6_->gateway(), v6_->prefix()));
  TRY(host.set_up(index));
  TRY(set_kernel("ipv4/ip_forward", "1"));
  // A task of this machine may reach a mapped port by 127.0.0.1.
  TRY(set_kernel("ipv4/conf/" + options_.bridge_name + "/route_localnet", "1"));
  if (v6_) TRY(set_kernel("ipv6/conf/all/forwarding", "1"));
  return {};
}

result<> bridge_network::make_rules() {
  if (!firewall_) {
    TRY_ASSIGN(firewall_, firewall::open());
  }
  if (!rules_made_) TRY(firewall_->run(rules::begin(firewall_options())));
  rules_made_ = true;
  return allow_forwarding(*firewall_, options_.bridge_name);
}

result<> bridge_network::connect_inside(const network_record& record) {
  TRY_ASSIGN(auto inside, route_socket::open_in(record.namespace_path));
  TRY_ASSIGN(int loopback, inside.index_of("lo"));
  TRY(inside.set_up(loopback));
  TRY_ASSIGN(int index, inside.index_of(record.interface_name));
  TRY_ASSIGN(auto address, parse_ip(record.address));
  TRY(inside.add_address(index, address, v4_->prefix()));
  TRY(inside.set_up(index));
  TRY(inside.add_default_route(v4_->gateway(), index));
  if (!v6_) return {};
  TRY_ASSIGN(auto address_v6, parse_ip(record.address_ipv6));
  TRY(inside.add_address(index, address_v6, v6_->prefix()));
  return inside.add_default_route(v6_->gateway(), index);
}

result<> bridge_network::connect(const network_record& record) {
  TRY(prepare());
  TRY(make_bridge());
  TRY(make_rules());
  TRY_ASSIGN(auto host, route_socket::open());
  TRY_ASSIGN(auto inside, route_socket::open_in(record.namespace_path));
  if (!host.index_of(record.link) || !inside.index_of(record.interface_name)) {
    TRY(host.remove_link(record.link));
    TRY(host.add_veth(record.link, record.interface_name, record.namespace_path));
  }
  TRY_ASSIGN(int bridge, host.index_of(options_.bridge_name));
  TRY_ASSIGN(int link, host.index_of(record.link));
  TRY(host.set_master(link, bridge));
  if (options_.bridge_hairpin) TRY(host.set_hairpin(link));
  TRY(host.set_up(link));
  TRY(connect_inside(record));
  auto ports = mapped_ports(record);
  // Element by element: one that is there already must not keep the others out.
  for (auto& port : ports) {
    (void)firewall_->run(rules::remove(firewall_options(), {port}));
    TRY(firewall_->run(rules::add(firewall_options(), {port})));
  }
  return {};
}

result<> bridge_network::disconnect(const network_record& record, const std::vector<network_record>& others) {
  auto key = [](const firewall_port& p) { return fmt::format("{} {} {}", p.host_ip, p.host_port, p.address.contains(':')); };
  std::set<std::string> taken;
  for (auto& other : others)
    if (other.alloc_id != record.alloc_id)
      for (auto& port : mapped_ports(other)) taken.insert(key(port));
  if (firewall_ && rules_made_)
    for (auto& port : mapped_ports(record))
      if (!taken.contains(key(port))) (void)firewall_->run(rules::remove(firewall_options(), {port}));
  TRY_ASSIGN(auto host, route_socket::open());
  return record.link.empty() ? result<>{} : host.remove_link(record.link);
}

result<> bridge_network::restore(const std::vector<network_record>& living) {
  if (living.empty()) {
    remove();
    return {};
  }
  TRY(prepare());
  TRY(make_bridge());
  rules_made_ = false;
  TRY(make_rules());
  for (auto& record : living) TRY(firewall_->run(rules::add(firewall_options(), mapped_ports(record))));
  return {};
}

void bridge_network::remove() {
  if (!firewall_)
    if (auto opened = firewall::open()) firewall_ = std::move(*opened);
  if (firewall_) {
    (void)firewall_->run(rules::end(firewall_options()));
    disallow_forwarding(*firewall_, options_.bridge_name);
  }
  rules_made_ = false;
  if (auto host = route_socket::open(); host && host->made_here(options_.bridge_name)) (void)host->remove_link(options_.bridge_name);
}

}  // namespace drover::client
