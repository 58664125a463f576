#include "gossip/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

namespace drover::gossip {

std::string to_string(const peer& p) { return p.host.find(':') == p.host.npos ? fmt::format("{}:{}", p.host, p.port) : fmt::format("[{}]:{}", p.host, p.port); }

std::string address_text(const bytes& address) {
  static constexpr std::string_view mapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  std::string_view raw = address.data;
  if (raw.size() == 16 && raw.starts_with(mapped)) raw.remove_prefix(mapped.size());
  if (raw.size() != 4 && raw.size() != 16) return {};
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(raw.size() == 4 ? AF_INET : AF_INET6, raw.data(), text, sizeof text) ? text : "";
}

bytes address_bytes(std::string_view text) {
  std::string terminated(text);
  char raw[16];
  if (inet_pton(AF_INET, terminated.c_str(), raw) == 1) return bytes(std::string(raw, 4));
  if (inet_pton(AF_INET6, terminated.c_str(), raw) == 1) return bytes(std::string(raw, 16));
  return {};
}

bool is_plain_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

}  // namespace drover::gossip
