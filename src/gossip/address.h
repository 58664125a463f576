// IP addresses between their wire form (4 or 16 bytes) and text. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace drover::gossip {

// Where a message comes from or goes to; host is a literal address.
struct peer {
  std::string host{};
  uint16_t port = 0;
  friend bool operator==(const peer&, const peer&) = default;
  friend auto operator<=>(const peer&, const peer&) = default;
};
std::string to_string(const peer& p);

// IPv4 also where it is written as an IPv6-mapped address. "" if these are not 4 or 16 bytes.
std::string address_text(const bytes& address);
// Nothing (empty) if it is no literal address.
bytes address_bytes(std::string_view text);

// Without control characters, so that it fits a line of a log or file.
bool is_plain_name(std::string_view name);

}  // namespace drover::gossip
