// The files by which programs resolve names, as an allocation is to see them. The texts are pure; writing blocks.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "schema/resources.h"

namespace drover::client {

// With the allocation's own name for its own addresses.
std::string hosts_text(const std::string& hostname, const std::string& address, const std::string& address_ipv6);
// What the job does not say is taken from `host_text`, the machine's own file.
std::string resolv_text(const schema::dns_config& dns, const std::string& host_text);
// The machine's resolv.conf. A resolver on loopback cannot be reached from another namespace, so with `from_elsewhere` the list behind it is
// given where it is known.
std::string host_resolv(bool from_elsewhere);

}  // namespace drover::client
