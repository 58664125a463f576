#include "client/network/addresses.h"

#include <algorithm>

#include "base/text.h"

namespace drover::client {

namespace {
constexpr uint64_t hosts_max = 1 << 20;  // of one subnet, however large it is
}

result<subnet> subnet::parse(std::string_view text) {
  auto slash = text.find('/');
  auto prefix = slash == std::string_view::npos ? std::nullopt : parse_int(text.substr(slash + 1));
  auto address = parse_ip(text.substr(0, slash));
  int bits = address && address->v6 ? 128 : 32;
  if (!address || !prefix || *prefix < 1 || *prefix > bits - 2)
    return fail(errc::invalid, "\"{}\" is no subnet for a bridge: it must be like 172.26.64.0/20 or fd00:1::/64", text);
  subnet out;
  out.base_ = *address;
  out.prefix_ = static_cast<int>(*prefix);
  for (int bit = out.prefix_; bit < bits; ++bit) out.base_.bytes[bit / 8] &= static_cast<unsigned char>(~(0x80 >> (bit % 8)));
  int host_bits = bits - out.prefix_;
  out.last_ = host_bits >= 20 ? hosts_max : (uint64_t{1} << host_bits) - 2;
  return out;
}

ip_address subnet::nth(uint64_t n) const {
  auto out = base_;
  for (int i = out.v6 ? 15 : 3; i >= 0 && n > 0; --i, n >>= 8) {
    n += out.bytes[i];
    out.bytes[i] = static_cast<unsigned char>(n);
  }
  return out;
}

bool subnet::contains(const ip_address& a) const {
  if (a.v6 != base_.v6) return false;
  for (int bit = 0; bit < prefix_; ++bit)
    if ((a.bytes[bit / 8] ^ base_.bytes[bit / 8]) & (0x80 >> (bit % 8))) return false;
  return true;
}

std::string subnet::text() const { return fmt::format("{}/{}", to_string(base_), prefix_); }

result<ip_address> subnet::take(const std::set<std::string>& used) {
  for (uint64_t tried = 2; tried <= last_; ++tried) {
    taken_ = taken_ >= last_ ? 2 : taken_ + 1;
    auto candidate = nth(taken_);
    if (!used.contains(to_string(candidate))) return candidate;
  }
  return fail(errc::too_large, "subnet {} has no free address: {} allocations have one", text(), used.size());
}

}  // namespace drover::client
