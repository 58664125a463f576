// Addresses as configurations write them: literal, or a template over this machine's interfaces ("{{ GetPrivateIP }}",
// "{{ GetInterfaceIP \"eth0\" }}").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::agent {

struct interface_address {
  std::string interface;
  std::string address;  // without a prefix length
  bool is_v6 = false, is_up = true, is_loopback = false;
};
// Reads this machine's.
std::vector<interface_address> interface_addresses();

// Replaces every template in `text`. Pure: looks at `have` only. An address that does not exist is an error that names the key.
result<std::string> expand_address(std::string_view key, std::string_view text, const std::vector<interface_address>& have);

bool is_private_address(std::string_view address);
bool is_loopback_address(std::string_view address);

}  // namespace drover::agent
