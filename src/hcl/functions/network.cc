#include <arpa/inet.h>

#include <cstring>

#include "hcl/functions/common.h"

namespace drover::hcl {
namespace {

using wide = unsigned __int128;

// A block of addresses: `bits` is 32 or 128, addresses are numbers of that many bits.
struct network {
  int bits = 32;
  int prefix = 0;
  wide address = 0;
  int host_bits() const { return bits - prefix; }
};

wide ones(int n) { return n == 0 ? 0 : n >= 128 ? ~wide(0) : (wide(1) << n) - 1; }

std::string address_text(int bits, wide address) {
  unsigned char raw[16];
  for (int i = bits / 8 - 1; i >= 0; --i, address >>= 8) raw[i] = static_cast<unsigned char>(address & 0xff);
  char text[INET6_ADDRSTRLEN];
  inet_ntop(bits == 32 ? AF_INET : AF_INET6, raw, text, sizeof text);
  return text;
}

result<network> parse_network(const std::string& text) {
  auto refuse = [&] { return fail(errc::invalid, "{} is no address block such as \"10.0.0.0/16\"", quoted(text)); };
  size_t slash = text.find('/');
  if (slash == std::string::npos) return refuse();
  std::string address = text.substr(0, slash);
  unsigned char raw[16];
  network out;
  out.bits = address.find(':') == std::string::npos ? 32 : 128;
  if (inet_pton(out.bits == 32 ? AF_INET : AF_INET6, address.c_str(), raw) != 1) return refuse();
  for (int i = 0; i < out.bits / 8; ++i) out.address = out.address << 8 | raw[i];
  auto prefix = parse_number(text.substr(slash + 1));
  auto whole = prefix ? to_integer(*prefix) : std::nullopt;
  if (!whole || *whole < 0 || *whole > out.bits) return refuse();
  out.prefix = static_cast<int>(*whole);
  out.address &= ~ones(out.host_bits());
  return out;
}

result<value> cidrhost(arguments a, const function_environment&) {
  TRY_ASSIGN(auto net, parse_network(text_at(a, 0)));
  TRY_ASSIGN(int64_t number, integer_at(a, 1));
  wide size_less_one = ones(net.host_bits());
  // A negative number counts from the end.
  wide distance = number < 0 ? wide(0 - static_cast<uint64_t>(number)) - 1 : wide(static_cast<uint64_t>(number));
  if (distance > size_less_one) return fail(errc::invalid, "the block {} has no host number {}", text_at(a, 0), number);
  return value(address_text(net.bits, net.address | (number < 0 ? size_less_one - distance : distance)));
}

result<value> cidrnetmask(arguments a, const function_environment&) {
  TRY_ASSIGN(auto net, parse_network(text_at(a, 0)));
  if (net.bits != 32) return fail(errc::invalid, "only IPv4 blocks have a netmask");
  return value(address_text(32, ones(32) & ~ones(net.host_bits())));
}

result<value> cidrsubnet(arguments a, const function_environment&) {
  TRY_ASSIGN(auto net, parse_network(text_at(a, 0)));
  TRY_ASSIGN(int64_t added, integer_at(a, 1));
  TRY_ASSIGN(int64_t number, integer_at(a, 2));
  if (added < 0 || added > net.host_bits()) return fail(errc::invalid, "the block {} cannot be made longer by {} bits", text_at(a, 0), added);
  if (number < 0 || wide(static_cast<uint64_t>(number)) > ones(static_cast<int>(added)))
    return fail(errc::invalid, "{} added bits cannot hold the network number {}", added, number);
  int prefix = net.prefix + static_cast<int>(added);
  wide address = prefix == net.prefix ? net.address : net.address | wide(static_cast<uint64_t>(number)) << (net.bits - prefix);
  return value(fmt::format("{}/{}", address_text(net.bits, address), prefix));
}

// One block after the other, each at the first place where it fits.
result<value> cidrsubnets(arguments a, const function_environment&) {
  TRY_ASSIGN(auto net, parse_network(text_at(a, 0)));
  value::list out;
  wide next = 0;  // the first free address, counted from the block's own
  bool full = false;
  for (size_t i = 1; i < a.size(); ++i) {
    TRY_ASSIGN(int64_t added, integer_at(a, i));
    if (added < 1 || added > net.host_bits()) return fail(errc::invalid, "the block {} cannot be made longer by {} bits", text_at(a, 0), added);
    int host_bits = net.host_bits() - static_cast<int>(added);
    wide size_less_one = ones(host_bits);
    wide start = (next + size_less_one) & ~size_less_one;
    if (full || start < next || start > ones(net.host_bits()) - size_less_one)
      return fail(errc::invalid, "the block {} has no room left for subnet {}", text_at(a, 0), i);
    out.emplace_back(fmt::format("{}/{}", address_text(net.bits, net.address | start), net.bits - host_bits));
    full = start + size_less_one == ones(net.host_bits());
    next = start + size_less_one + 1;
  }
  return value(std::move(out));
}

}  // namespace

std::span<const function> network_functions() {
  using enum parameter;
  static const function table[] = {
      {"cidrhost", {string, number}, {}, cidrhost},
      {"cidrnetmask", {string}, {}, cidrnetmask},
      {"cidrsubnet", {string, number, number}, {}, cidrsubnet},
      {"cidrsubnets", {string}, number, cidrsubnets},
  };
  return table;
}

}  // namespace drover::hcl
