// Client nodes as text. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/format/units.h"
#include "schema/alloc.h"
#include "schema/node.h"
#include "schema/stats.h"

namespace drover::cli::format {

struct node_list_style {
  style how{};
  bool quiet = false;  // ids alone
  bool with_os = false;
  // Node id -> running allocations, if they are to be shown.
  std::optional<std::map<std::string, int64_t>> running{};
};
std::string node_list(const std::vector<schema::node_list_stub>& list, const node_list_style& s);

struct node_view {
  const schema::node& node;
  std::vector<schema::allocation> allocs{};
  std::map<std::string, schema::alloc_resource_usage> usage{};  // by allocation, of those that run
  std::optional<schema::host_stats> host{};                     // if the node could be asked
  bool short_form = false;
  bool with_stats = false;
};
std::string node(const node_view& view, const style& how);

}  // namespace drover::cli::format
