#include "agent/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <functional>

#include "base/text.h"

namespace drover::agent {
namespace {

// Host order; 0 if it is no IPv4 address.
uint32_t v4_number(std::string_view text) {
  in_addr parsed{};
  return inet_pton(AF_INET, std::string(text).c_str(), &parsed) == 1 ? ntohl(parsed.s_addr) : 0;
}

bool is_link_local(const interface_address& a) { return a.address.starts_with("169.254.") || a.address.starts_with("fe80:"); }

using wanted = std::function<bool(const interface_address&)>;

result<std::string> first_that(std::string_view key, std::string_view call, const std::vector<interface_address>& have, const wanted& fits) {
  for (bool v6 : {false, true})
    for (const auto& each : have)
      if (each.is_v6 == v6 && each.is_up && !is_link_local(each) && fits(each)) return each.address;
  return fail(errc::invalid, "{}: {} finds no address on this machine; write the address itself", key, call);
}

// One call inside {{ }}: a name and perhaps a quoted argument.
result<std::string> evaluate(std::string_view key, std::string_view call, const std::vector<interface_address>& have) {
  auto blank = call.find(' ');
  auto name = call.substr(0, blank);
  auto argument = blank == std::string_view::npos ? std::string_view() : trim(call.substr(blank));
  if (argument.size() >= 2 && argument.front() == '"' && argument.back() == '"') argument = argument.substr(1, argument.size() - 2);
  if (name == "GetPrivateIP" && argument.empty())
    return first_that(key, call, have, [](const auto& a) { return !a.is_loopback && is_private_address(a.address); });
  if (name == "GetPublicIP" && argument.empty())
    return first_that(key, call, have, [](const auto& a) { return !a.is_loopback && !is_private_address(a.address); });
  if (name == "GetInterfaceIP" && !argument.empty()) return first_that(key, call, have, [&](const auto& a) { return a.interface == argument; });
  return fail(errc::invalid, "{}: the template \"{}\" is not known: use GetPrivateIP, GetPublicIP or GetInterfaceIP \"name\"", key, call);
}

}  // namespace

bool is_private_address(std::string_view address) {
  if (auto n = v4_number(address)) return (n >> 24) == 10 || (n >> 20) == 0xac1 || (n >> 16) == 0xc0a8 || (n >> 22) == 0x191;
  auto text = to_lower(address);
  return text.starts_with("fc") || text.starts_with("fd");
}

bool is_loopback_address(std::string_view address) { return address.starts_with("127.") || address == "::1" || address == "localhost"; }

std::vector<interface_address> interface_addresses() {
  std::vector<interface_address> out;
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return out;
  for (auto* each = first; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    int family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    char text[INET6_ADDRSTRLEN] = {};
    const void* raw = family == AF_INET ? static_cast<const void*>(&reinterpret_cast<sockaddr_in*>(each->ifa_addr)->sin_addr)
                                        : static_cast<const void*>(&reinterpret_cast<sockaddr_in6*>(each->ifa_addr)->sin6_addr);
    inet_ntop(family, raw, text, sizeof text);
    out.push_back({.interface = each->ifa_name,
                   .address = text,
                   .is_v6 = family == AF_INET6,
                   .is_up = (each->ifa_flags & IFF_UP) != 0,
                   .is_loopback = (each->ifa_flags & IFF_LOOPBACK) != 0});
  }
  freeifaddrs(first);
  return out;
}

result<std::string> expand_address(std::string_view key, std::string_view text, const std::vector<interface_address>& have) {
  std::string out;
  while (!text.empty()) {
    auto open = text.find("{{");
    if (open == std::string_view::npos) break;
    auto close = text.find("}}", open);
    if (close == std::string_view::npos) return fail(errc::invalid, "{}: \"{{{{\" without its \"}}}}\"", key);
    out += text.substr(0, open);
    TRY_ASSIGN(auto address, evaluate(key, trim(text.substr(open + 2, close - open - 2)), have));
    out += address;
    text = text.substr(close + 2);
  }
  out += text;
  return out;
}

}  // namespace drover::agent
