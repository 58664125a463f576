// The few things that networks of allocations need of the kernel's routing interface (rtnetlink(7)): links, addresses, routes. Blocking, each
// one short question; any thread, one at a time per socket. A socket belongs to the network namespace in which it was opened.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::client {

struct ip_address {
  bool v6 = false;
  unsigned char bytes[16] = {};
  friend bool operator==(const ip_address&, const ip_address&) = default;
};
result<ip_address> parse_ip(std::string_view text);
std::string to_string(const ip_address& a);

class route_socket {
 public:
  // Of the caller's namespace.
  static result<route_socket> open();
  // Of the namespace at `path`.
  static result<route_socket> open_in(const std::string& path);
  route_socket(route_socket&& other) noexcept;
  route_socket& operator=(route_socket&&) = delete;
  ~route_socket();

  // not_found: there is no such link.
  result<int> index_of(const std::string& link);
  // Existing is fine. One that was made here is told from others by its alias.
  result<> add_bridge(const std::string& name);
  bool made_here(const std::string& link);
  // `peer` appears in the namespace at `peer_namespace`.
  result<> add_veth(const std::string& name, const std::string& peer, const std::string& peer_namespace);
  // Gone already is fine.
  result<> remove_link(const std::string& name);
  result<> set_up(int link);
  result<> set_master(int link, int bridge);
  // What comes in by this port of a bridge may leave by it again.
  result<> set_hairpin(int link);
  // Existing is fine.
  result<> add_address(int link, const ip_address& address, int prefix);
  result<> add_default_route(const ip_address& gateway, int link);

 private:
  explicit route_socket(int fd) : fd_(fd) {}
  friend class route_message;
  result<std::string> describe(const std::string& link);
  int fd_ = -1;
  uint32_t sequence_ = 0;
};

}  // namespace drover::client
