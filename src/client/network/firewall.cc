#include "client/network/firewall.h"

#include <dlfcn.h>

#include "base/text.h"

namespace drover::client {

// As declared by nftables/libnftables.h, ABI 1.
struct firewall::library {
  void* handle = nullptr;
  void* context = nullptr;
  void* (*make)(uint32_t) = nullptr;
  void (*free)(void*) = nullptr;
  int (*buffer_output)(void*) = nullptr;
  int (*buffer_error)(void*) = nullptr;
  const char* (*output)(void*) = nullptr;
  const char* (*errors)(void*) = nullptr;
  void (*set_flags)(void*, unsigned) = nullptr;
  int (*run)(void*, const char*) = nullptr;

  template <class F>
  bool find(F& function, const char* name) {
    function = reinterpret_cast<F>(::dlsym(handle, name));
    return function != nullptr;
  }
  ~library() {
    if (context) free(context);
    if (handle) ::dlclose(handle);
  }
};

firewall::~firewall() = default;

result<std::unique_ptr<firewall>> firewall::open() {
  constexpr unsigned show_handles = 1 << 3;
  auto l = std::make_unique<library>();
  l->handle = ::dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!l->handle) return fail(errc::unsupported, "bridge networks need nftables: install the package libnftables1");
  bool complete = l->find(l->make, "nft_ctx_new") && l->find(l->free, "nft_ctx_free") && l->find(l->buffer_output, "nft_ctx_buffer_output") &&
                  l->find(l->buffer_error, "nft_ctx_buffer_error") && l->find(l->output, "nft_ctx_get_output_buffer") &&
                  l->find(l->errors, "nft_ctx_get_error_buffer") && l->find(l->set_flags, "nft_ctx_output_set_flags") &&
                  l->find(l->run, "nft_run_cmd_from_buffer");
  if (!complete) return fail(errc::unsupported, "libnftables.so.1 lacks a function: install a newer libnftables1");
  l->context = l->make(0);
  if (!l->context) return fail(errc::io, "libnftables did not start");
  l->buffer_output(l->context);
  l->buffer_error(l->context);
  l->set_flags(l->context, show_handles);
  std::unique_ptr<firewall> out(new firewall());
  out->library_ = std::move(l);
  return out;
}

result<std::string> firewall::run(const std::string& commands) {
  int rc = library_->run(library_->context, commands.c_str());
  std::string said = library_->output(library_->context), wrong = library_->errors(library_->context);
  if (rc == 0) return said;
  return fail(errc::io, "nftables: {}", wrong.empty() ? "refused without a reason" : trim(split(wrong, '\n')[0]));
}

namespace {
std::string table_of(const std::string& bridge) {
  std::string out = "drover_" + bridge;
  for (char& c : out)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) c = '_';
  return out;
}

std::string family_rules(const firewall_bridge& b, bool v6) {
  auto family = v6 ? "ip6" : "ip";
  auto address = v6 ? "ipv6_addr" : "ipv4_addr";
  auto table = table_of(b.name);
  std::string out = fmt::format("add table {0} {1}\ndelete table {0} {1}\ntable {0} {1} {{\n", family, table);
  out += fmt::format("map at {{ type {0} . inet_proto . inet_service : {0} . inet_service; }}\n", address);
  out += fmt::format("map any {{ type inet_proto . inet_service : {} . inet_service; }}\n", address);
  for (auto [chain, priority] : {std::pair{"prerouting", -100}, {"output", -100}})
    out += fmt::format(
        "chain {0} {{ type nat hook {0} priority {1};\ndnat to {2} daddr . meta l4proto . th dport map @at\n"
        "fib daddr type local dnat to meta l4proto . th dport map @any\n}}\n",
        chain, priority, family);
  // What goes back to the bridge by a mapped port must come back this way (by addresses: the kernel may carry it inside the bridge, where
  // there is no other interface); a loopback source has no way back at all.
  out += fmt::format(
      "chain postrouting {{ type nat hook postrouting priority 100;\n{1} saddr {2} {1} daddr {2} ct status dnat masquerade\n"
      "{1} saddr {2} oifname != \"{0}\" masquerade\noifname \"{0}\" {1} saddr {3} masquerade\n}}\n}}\n",
      b.name, family, v6 ? b.subnet_ipv6 : b.subnet, v6 ? "::1" : "127.0.0.0/8");
  return out;
}

std::string elements(std::string_view verb, const firewall_bridge& b, const std::vector<firewall_port>& ports) {
  std::string out;
  for (auto& p : ports) {
    bool v6 = p.address.contains(':');
    // An address of one family cannot be mapped to one of the other.
    if (p.address.empty() || (!p.host_ip.empty() && p.host_ip.contains(':') != v6)) continue;
    for (auto protocol : {"tcp", "udp"})
      out += fmt::format("{} element {} {} {} {{ {}{} . {} : {} . {} }}\n", verb, v6 ? "ip6" : "ip", table_of(b.name), p.host_ip.empty() ? "any" : "at",
                         p.host_ip.empty() ? "" : p.host_ip + " . ", protocol, p.host_port, p.address, p.port);
  }
  return out;
}

constexpr std::string_view forward_mark = "drover";

std::string forward_rules(const std::string& bridge, std::string_view direction) {
  return fmt::format("insert rule ip filter FORWARD {} \"{}\" accept comment \"{}\"\n", direction, bridge, forward_mark);
}
}  // namespace

namespace rules {
std::string begin(const firewall_bridge& b) { return family_rules(b, false) + (b.subnet_ipv6.empty() ? "" : family_rules(b, true)); }

std::string end(const firewall_bridge& b) {
  std::string out;
  for (auto family : {"ip", "ip6"}) out += fmt::format("add table {0} {1}\ndelete table {0} {1}\n", family, table_of(b.name));
  return out;
}

std::string add(const firewall_bridge& b, const std::vector<firewall_port>& ports) { return elements("add", b, ports); }
std::string remove(const firewall_bridge& b, const std::vector<firewall_port>& ports) { return elements("delete", b, ports); }
}  // namespace rules

result<> allow_forwarding(firewall& through, const std::string& bridge) {
  auto listed = through.run("list chain ip filter FORWARD");
  if (!listed || listed->find("policy drop") == std::string::npos) return {};
  if (listed->find(fmt::format("iifname \"{}\" accept comment \"{}\"", bridge, forward_mark)) != std::string::npos) return {};
  TRY(through.run(forward_rules(bridge, "iifname") + forward_rules(bridge, "oifname")));
  return {};
}

void disallow_forwarding(firewall& through, const std::string& bridge) {
  auto listed = through.run("list chain ip filter FORWARD");
  if (!listed) return;
  for (auto line : split(*listed, '\n')) {
    auto handle = line.rfind("# handle ");
    bool ours = line.find(fmt::format("ifname \"{}\" accept comment \"{}\"", bridge, forward_mark)) != std::string_view::npos;
    if (ours && handle != std::string_view::npos) (void)through.run(fmt::format("delete rule ip filter FORWARD handle {}", trim(line.substr(handle + 9))));
  }
}

}  // namespace drover::client
