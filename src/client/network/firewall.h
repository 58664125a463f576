// The packet filter's part of networks: masquerading and port mapping, as nftables tables of our own. The rules never change; what changes
// are the elements of their maps.
//
// libnftables is loaded when the first network is made: a node without any pays nothing for it. Blocking; any thread, one at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::client {

class firewall {
 public:
  // unsupported: the library is not installed.
  static result<std::unique_ptr<firewall>> open();
  ~firewall();
  firewall(const firewall&) = delete;
  firewall& operator=(const firewall&) = delete;

  // All of the commands or none. The answer is what they print.
  result<std::string> run(const std::string& commands);

 private:
  firewall() = default;
  struct library;
  std::unique_ptr<library> library_;
};

struct firewall_bridge {
  std::string name;
  std::string subnet, subnet_ipv6;  // "" for none
};
// One mapped port, for TCP and UDP.
struct firewall_port {
  // Empty: any address of the machine.
  std::string host_ip;
  int64_t host_port = 0;
  std::string address;
  int64_t port = 0;
};

// Text for run(). Pure.
namespace rules {
// Tables, chains and empty maps, whatever was there before.
std::string begin(const firewall_bridge& bridge);
std::string end(const firewall_bridge& bridge);
std::string add(const firewall_bridge& bridge, const std::vector<firewall_port>& ports);
std::string remove(const firewall_bridge& bridge, const std::vector<firewall_port>& ports);
}  // namespace rules

// Where another program (Docker) drops what is forwarded unless it is allowed: allows the bridge's traffic, and takes that back.
result<> allow_forwarding(firewall& through, const std::string& bridge);
void disallow_forwarding(firewall& through, const std::string& bridge);

}  // namespace drover::client
