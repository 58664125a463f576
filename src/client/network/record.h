// What the agent remembers of one allocation's network, one file each: written before anything is made, removed after everything is gone.
// Blocking; any thread, one at a time per allocation.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "schema/describe.h"
#include "schema/resources.h"

namespace drover::client {

struct network_record {
  std::string alloc_id;
  // "none", "bridge", "cni/NAME".
  std::string mode;
  std::string namespace_path;
  // The driver that made the namespace, and what it said of it; empty: the agent did.
  std::string driver;
  std::map<std::string, std::string> labels;
  // The bridge's end of the link.
  std::string link;
  std::string address, address_ipv6;
  std::string interface_name;
  std::vector<schema::allocated_port_mapping> ports;
  // Labels of ports that are open on any address of the machine.
  std::vector<std::string> wildcard_ports;
  // The list of plugins that made it, with their arguments, and what the last one said: needed to undo it, whatever the files say by then.
  std::string cni_list, cni_arguments, cni_result;
  // Name servers that the network itself came with.
  std::vector<std::string> dns_servers, dns_searches, dns_options;
  DROVER_RECORD(network_record);
};

class network_records {
 public:
  explicit network_records(std::string directory) : directory_(std::move(directory)) {}
  // Is there any? Cheap.
  bool any() const;
  // Broken ones are left out and removed: they say nothing that could be undone.
  std::vector<network_record> all() const;
  // not_found: there is none.
  result<network_record> find(const std::string& alloc_id) const;
  result<> put(const network_record& record) const;
  result<> remove(const std::string& alloc_id) const;

 private:
  std::string directory_;
};

}  // namespace drover::client
