// Where an instance of a service is: from its address_mode, its port label and what the allocation was given. Pure; any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "schema/alloc.h"

namespace drover::client {

struct service_address {
  // Empty: the node's own address.
  std::string host;
  // 0: none.
  int64_t port = 0;
};

struct address_request {
  std::string custom;  // the service's own `address`
  std::string mode;    // auto, host, driver, alloc, alloc_ipv6
  std::string port_label;
};

// `task` is that of a task's service, whose own (older) networks count too; empty for the group's.
result<service_address> find_address(const address_request& wanted, const schema::allocation& alloc, const std::string& task);

}  // namespace drover::client
