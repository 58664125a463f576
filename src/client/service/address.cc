#include "client/service/address.h"

#include <optional>

#include "base/text.h"

namespace drover::client {

namespace {
using port_mapping = schema::allocated_port_mapping;
using networks = std::vector<schema::network_resource>;

const networks& networks_of(const schema::allocation& alloc, const std::string& task) {
  static const networks none;
  if (!alloc.allocated_resources) return none;
  if (task.empty()) return alloc.allocated_resources->shared.networks;
  auto it = alloc.allocated_resources->tasks.find(task);
  return it == alloc.allocated_resources->tasks.end() ? none : it->second.networks;
}

std::optional<port_mapping> find_port(const schema::allocation& alloc, const std::string& task, const std::string& label) {
  if (!alloc.allocated_resources) return std::nullopt;
  for (auto& p : alloc.allocated_resources->shared.ports)
    if (p.label == label) return p;
  for (auto& network : networks_of(alloc, task))
    for (auto* ports : {&network.dynamic_ports, &network.reserved_ports})
      for (auto& p : *ports)
        if (p.label == label && p.value > 0)
          return port_mapping{.label = label, .value = p.value, .to = p.to, .host_ip = network.ip, .ignore_collision = false};
  return std::nullopt;
}

// A port label that names no port may be a number.
result<int64_t> literal_port(const std::string& label) {
  auto port = parse_int(label);
  if (!port) return fail(errc::invalid, "invalid port \"{}\": port label not found", label);
  if (*port <= 0 || *port > 65535) return fail(errc::invalid, "invalid port: \"{}\": port must be >0 and <65536", label);
  return *port;
}

result<service_address> on_host(const address_request& wanted, const schema::allocation& alloc, const std::string& task) {
  if (wanted.port_label.empty()) {
    auto& known = networks_of(alloc, task);
    return service_address{known.size() == 1 ? known[0].ip : "", 0};
  }
  if (auto port = find_port(alloc, task, wanted.port_label)) return service_address{port->host_ip, port->value};
  TRY_ASSIGN(auto port, literal_port(wanted.port_label));
  return service_address{"", port};
}

result<service_address> on_alloc(const address_request& wanted, const schema::allocation& alloc, const std::string& task) {
  if (!alloc.network_status || (alloc.network_status->address.empty() && alloc.network_status->address_ipv6.empty()))
    return fail(errc::invalid, "cannot use address_mode=\"{}\": no allocation network status reported", wanted.mode);
  auto& own = wanted.mode == "alloc_ipv6" ? alloc.network_status->address_ipv6 : alloc.network_status->address;
  if (own.empty()) return fail(errc::invalid, "cannot use address_mode=\"{}\": the allocation's network has no such address", wanted.mode);
  if (wanted.port_label.empty()) return service_address{own, 0};
  if (auto port = find_port(alloc, task, wanted.port_label)) return service_address{own, port->to > 0 ? port->to : port->value};
  TRY_ASSIGN(auto port, literal_port(wanted.port_label));
  return service_address{own, port};
}

// The custom address with the host's port; how traffic gets from there to here is not our business.
result<service_address> on_custom(const address_request& wanted, const schema::allocation& alloc, const std::string& task) {
  if (wanted.port_label.empty()) return service_address{wanted.custom, 0};
  if (auto port = find_port(alloc, task, wanted.port_label)) return service_address{wanted.custom, port->value};
  TRY_ASSIGN(auto port, literal_port(wanted.port_label));
  return service_address{wanted.custom, port};
}
}  // namespace

result<service_address> find_address(const address_request& wanted, const schema::allocation& alloc, const std::string& task) {
  bool automatic = wanted.mode.empty() || wanted.mode == "auto";
  if (automatic) return wanted.custom.empty() ? on_host(wanted, alloc, task) : on_custom(wanted, alloc, task);
  if (!wanted.custom.empty()) return fail(errc::invalid, "cannot use custom advertise address with \"{}\" address mode", wanted.mode);
  if (wanted.mode == "host") return on_host(wanted, alloc, task);
  if (wanted.mode == "alloc" || wanted.mode == "alloc_ipv6") return on_alloc(wanted, alloc, task);
  if (wanted.mode == "driver") return fail(errc::invalid, "cannot use address_mode=\"driver\": no driver network exists");
  return fail(errc::invalid, "invalid address mode \"{}\"", wanted.mode);
}

}  // namespace drover::client
