// Allocations as text. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/format/units.h"
#include "schema/alloc.h"
#include "schema/job.h"
#include "schema/stats.h"

namespace drover::cli::format {

// "ID  Node ID  Task Group  Version  Desired  Status  Created  Modified", newest first; "No allocations placed" if empty.
std::string allocation_list(std::vector<schema::alloc_list_stub> list, const style& how, bool with_node_name = true);
schema::alloc_list_stub stub_of(const schema::allocation& a);

struct allocation_view {
  const schema::allocation& alloc;
  std::optional<schema::alloc_resource_usage> usage{};  // what its node says
  std::map<std::string, schema::alloc_check_status> checks{};
  bool short_form = false;
  bool with_stats = false;
};
std::string allocation(const allocation_view& view, const style& how);
// "Service  Task  Name  Mode  Status".
// Each with its output.
std::string check_blocks(const std::map<std::string, schema::alloc_check_status>& checks);
std::string check_list(const std::map<std::string, schema::alloc_check_status>& checks);

}  // namespace drover::cli::format
