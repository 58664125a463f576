#include "client/network/netlink.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "client/limits.h"
#include "client/network/namespace.h"

namespace drover::client {

result<ip_address> parse_ip(std::string_view text) {
  ip_address out;
  std::string copy(text);
  if (::inet_pton(AF_INET, copy.c_str(), out.bytes) == 1) return out;
  out.v6 = true;
  if (::inet_pton(AF_INET6, copy.c_str(), out.bytes) == 1) return out;
  return fail(errc::invalid, "\"{}\" is no IP address", text);
}

std::string to_string(const ip_address& a) {
  char text[INET6_ADDRSTRLEN];
  return ::inet_ntop(a.v6 ? AF_INET6 : AF_INET, a.bytes, text, sizeof text);
}

// One request, built attribute by attribute.
class route_message {
 public:
  template <class Head>
  route_message(uint16_t type, uint16_t flags, const Head& head) : data_(NLMSG_HDRLEN, '\0') {
    type_ = type;
    flags_ = flags;
    append(&head, sizeof head);
  }
  void add(uint16_t type, const void* data, size_t size) {
    rtattr attribute{.rta_len = static_cast<uint16_t>(RTA_LENGTH(size)), .rta_type = type};
    append(&attribute, sizeof attribute);
    append(data, size);
  }
  void add(uint16_t type, const std::string& text) { add(type, text.c_str(), text.size() + 1); }
  void add(uint16_t type, uint32_t number) { add(type, &number, sizeof number); }
  void add_byte(uint16_t type, uint8_t number) { add(type, &number, sizeof number); }
  template <class Head>
  void add_plain(const Head& head) {
    append(&head, sizeof head);
  }
  size_t begin(uint16_t type) {
    auto at = data_.size();
    add(type, nullptr, 0);
    return at;
  }
  void end(size_t at) {
    auto length = static_cast<uint16_t>(data_.size() - at);
    std::memcpy(data_.data() + at, &length, sizeof length);
  }
  // The answer's own record after its header; empty for a plain acknowledgement.
  result<std::vector<char>> ask(route_socket& through, const std::string& doing);

 private:
  void append(const void* data, size_t size) {
    if (size > 0) data_.append(static_cast<const char*>(data), size);
    data_.resize(NLMSG_ALIGN(data_.size()), '\0');
  }
  std::string data_;
  uint16_t type_ = 0, flags_ = 0;
};

result<std::vector<char>> route_message::ask(route_socket& through, const std::string& doing) {
  auto sequence = ++through.sequence_;
  nlmsghdr head{.nlmsg_len = static_cast<uint32_t>(data_.size()),
                .nlmsg_type = type_,
                .nlmsg_flags = static_cast<uint16_t>(flags_ | NLM_F_REQUEST | NLM_F_ACK),
                .nlmsg_seq = sequence,
                .nlmsg_pid = 0};
  std::memcpy(data_.data(), &head, sizeof head);
  if (::send(through.fd_, data_.data(), data_.size(), 0) < 0) return fail(system_error(errno, doing));
  std::vector<char> found, buffer(limits::network_reply_bytes_max);
  for (;;) {
    auto got = ::recv(through.fd_, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error(errno, doing));
    auto left = static_cast<unsigned>(got);
    for (auto* m = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_seq != sequence) continue;
      if (m->nlmsg_type != NLMSG_ERROR) {
        auto* begin = static_cast<char*>(NLMSG_DATA(m));
        found.assign(begin, reinterpret_cast<char*>(m) + m->nlmsg_len);
        continue;
      }
      auto number = static_cast<nlmsgerr*>(NLMSG_DATA(m))->error;
      if (number != 0) return fail(system_error(-number, doing));
      return found;
    }
  }
}

namespace {
constexpr std::string_view bridge_alias = "bridge of drover";

ifinfomsg link_head(int index = 0) {
  ifinfomsg out = {};
  out.ifi_family = AF_UNSPEC;
  out.ifi_index = index;
  return out;
}

// For what may be so already.
result<> unless(std::string_view known, result<std::vector<char>> outcome) {
  if (outcome) return {};
  if (outcome.error().text().find(known) != std::string::npos) return {};
  return fail(outcome.error());
}

result<int> open_socket() {
  int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return fail(system_error(errno, "opening a routing socket"));
  timeval patience{.tv_sec = 10, .tv_usec = 0};
  (void)::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}
}  // namespace

route_socket::route_socket(route_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), sequence_(other.sequence_) {}
route_socket::~route_socket() {
  if (fd_ >= 0) ::close(fd_);
}

result<route_socket> route_socket::open() {
  TRY_ASSIGN(int fd, open_socket());
  return route_socket(fd);
}

result<route_socket> route_socket::open_in(const std::string& path) {
  int fd = -1;
  TRY(run_in_namespace(path, [&]() -> result<> {
    TRY_ASSIGN(fd, open_socket());
    return {};
  }));
  return route_socket(fd);
}

// The kernel's record of a link: its head, then attributes.
result<std::string> route_socket::describe(const std::string& link) {
  route_message m(RTM_GETLINK, 0, link_head());
  m.add(IFLA_IFNAME, link);
  auto found = m.ask(*this, "looking for link " + link);
  if (!found) return fail(errc::not_found, "{}", found.error().text());
  if (found->size() < sizeof(ifinfomsg)) return fail(errc::not_found, "there is no link {}", link);
  return std::string(found->begin(), found->end());
}

result<int> route_socket::index_of(const std::string& link) {
  TRY_ASSIGN(auto record, describe(link));
  ifinfomsg head;
  std::memcpy(&head, record.data(), sizeof head);
  return head.ifi_index;
}

bool route_socket::made_here(const std::string& link) {
  auto record = describe(link);
  if (!record) return false;
  auto left = record->size() - NLMSG_ALIGN(sizeof(ifinfomsg));
  for (auto* a = reinterpret_cast<rtattr*>(record->data() + NLMSG_ALIGN(sizeof(ifinfomsg))); RTA_OK(a, left); a = RTA_NEXT(a, left))
    if (a->rta_type == IFLA_IFALIAS)
      return std::string_view(static_cast<char*>(RTA_DATA(a)), strnlen(static_cast<char*>(RTA_DATA(a)), RTA_PAYLOAD(a))) == bridge_alias;
  return false;
}

result<> route_socket::add_bridge(const std::string& name) {
  if (index_of(name)) return {};
  route_message m(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_head());
  m.add(IFLA_IFNAME, name);
  auto info = m.begin(IFLA_LINKINFO);
  m.add(IFLA_INFO_KIND, std::string("bridge"));
  m.end(info);
  TRY(m.ask(*this, "making bridge " + name));
  TRY_ASSIGN(int index, index_of(name));
  route_message alias(RTM_SETLINK, 0, link_head(index));
  alias.add(IFLA_IFALIAS, std::string(bridge_alias));
  TRY(alias.ask(*this, "naming bridge " + name));
  return {};
}

result<> route_socket::add_veth(const std::string& name, const std::string& peer, const std::string& peer_namespace) {
  int ns = ::open(peer_namespace.c_str(), O_RDONLY | O_CLOEXEC);
  if (ns < 0) return fail(system_error(errno, "opening network namespace " + peer_namespace));
  route_message m(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_head());
  m.add(IFLA_IFNAME, name);
  auto info = m.begin(IFLA_LINKINFO);
  m.add(IFLA_INFO_KIND, std::string("veth"));
  auto data = m.begin(IFLA_INFO_DATA);
  auto other = m.begin(VETH_INFO_PEER);
  m.add_plain(link_head());
  m.add(IFLA_IFNAME, peer);
  m.add(IFLA_NET_NS_FD, static_cast<uint32_t>(ns));
  m.end(other);
  m.end(data);
  m.end(info);
  auto made = m.ask(*this, "making link " + name);
  ::close(ns);
  if (!made) return fail(made.error());
  return {};
}

result<> route_socket::remove_link(const std::string& name) {
  auto index = index_of(name);
  if (!index) return {};
  route_message m(RTM_DELLINK, 0, link_head(*index));
  return unless("No such device", m.ask(*this, "removing link " + name));
}

result<> route_socket::set_up(int link) {
  auto head = link_head(link);
  head.ifi_flags = head.ifi_change = IFF_UP;
  route_message m(RTM_NEWLINK, 0, head);
  TRY(m.ask(*this, "setting a link up"));
  return {};
}

result<> route_socket::set_master(int link, int bridge) {
  route_message m(RTM_NEWLINK, 0, link_head(link));
  m.add(IFLA_MASTER, static_cast<uint32_t>(bridge));
  TRY(m.ask(*this, "joining a link to the bridge"));
  return {};
}

result<> route_socket::set_hairpin(int link) {
  auto head = link_head(link);
  head.ifi_family = AF_BRIDGE;
  route_message m(RTM_SETLINK, 0, head);
  auto info = m.begin(IFLA_PROTINFO | NLA_F_NESTED);
  m.add_byte(IFLA_BRPORT_MODE, 1);
  m.end(info);
  TRY(m.ask(*this, "setting hairpin mode of a link"));
  return {};
}

result<> route_socket::add_address(int link, const ip_address& address, int prefix) {
  ifaddrmsg head = {};
  head.ifa_family = address.v6 ? AF_INET6 : AF_INET;
  head.ifa_prefixlen = static_cast<uint8_t>(prefix);
  // Nobody else has it: no waiting until that is proven.
  head.ifa_flags = address.v6 ? IFA_F_NODAD : 0;
  head.ifa_index = static_cast<uint32_t>(link);
  route_message m(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, head);
  size_t size = address.v6 ? 16 : 4;
  m.add(IFA_LOCAL, address.bytes, size);
  m.add(IFA_ADDRESS, address.bytes, size);
  return unless("File exists", m.ask(*this, "adding address " + to_string(address)));
}

result<> route_socket::add_default_route(const ip_address& gateway, int link) {
  rtmsg head = {};
  head.rtm_family = gateway.v6 ? AF_INET6 : AF_INET;
  head.rtm_table = RT_TABLE_MAIN;
  head.rtm_protocol = RTPROT_STATIC;
  head.rtm_scope = RT_SCOPE_UNIVERSE;
  head.rtm_type = RTN_UNICAST;
  route_message m(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, head);
  m.add(RTA_GATEWAY, gateway.bytes, gateway.v6 ? 16 : 4);
  m.add(RTA_OIF, static_cast<uint32_t>(link));
  return unless("File exists", m.ask(*this, "adding a route by " + to_string(gateway)));
}

}  // namespace drover::client
