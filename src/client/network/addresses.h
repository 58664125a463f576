// Subnets and the addresses in them that allocations get. Pure; any thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "client/network/netlink.h"

namespace drover::client {

class subnet {
 public:
  // "172.26.64.0/20", "fd00::/64". Refuses what has no room for a gateway and one host.
  static result<subnet> parse(std::string_view text);
  bool v6() const { return base_.v6; }
  int prefix() const { return prefix_; }
  // The first address of all: the bridge's own.
  ip_address gateway() const { return nth(1); }
  bool contains(const ip_address& a) const;
  // "172.26.64.0/20".
  std::string text() const;
  // The first free address after that of the last call, so that one that was given back is not soon somebody else's. too_large: none is free.
  result<ip_address> take(const std::set<std::string>& used);

 private:
  ip_address nth(uint64_t n) const;
  // Hosts are 1 ... last_; the highest address of an IPv4 subnet is for broadcasts.
  uint64_t last_ = 0;
  ip_address base_;
  int prefix_ = 0;
  uint64_t taken_ = 1;
};

}  // namespace drover::client
