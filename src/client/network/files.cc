#include "client/network/files.h"

#include "base/text.h"
#include "client/system.h"

namespace drover::client {

std::string hosts_text(const std::string& hostname, const std::string& address, const std::string& address_ipv6) {
  std::string out = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
  for (auto& own : {address, address_ipv6})
    if (!own.empty() && !hostname.empty()) out += fmt::format("{} {}\n", own, hostname);
  return out;
}

std::string resolv_text(const schema::dns_config& dns, const std::string& host_text) {
  std::string out;
  if (!dns.searches.empty()) out += "search " + join(dns.searches, " ") + "\n";
  for (auto& server : dns.servers) out += "nameserver " + server + "\n";
  if (!dns.options.empty()) out += "options " + join(dns.options, " ") + "\n";
  for (auto line : split(host_text, '\n')) {
    auto word = trim(line).substr(0, trim(line).find_first_of(" \t"));
    bool wanted = (word == "nameserver" && dns.servers.empty()) || ((word == "search" || word == "domain") && dns.searches.empty()) ||
                  (word == "options" && dns.options.empty());
    if (wanted) out.append(trim(line)).append("\n");
  }
  return out;
}

std::string host_resolv(bool from_elsewhere) {
  auto own = read_file("/etc/resolv.conf").value_or("");
  if (!from_elsewhere || own.find("nameserver 127.") == std::string::npos) return own;
  return read_file("/run/systemd/resolve/resolv.conf").value_or(own);
}

}  // namespace drover::client
