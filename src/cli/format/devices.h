// The devices of nodes and tasks, and their figures. Pure.
#pragma once

#include <string>
#include <vector>

#include "schema/node.h"
#include "schema/stats.h"

namespace drover::cli::format {

// "acme/adder/a1[two]  42 sums", a line each, in order: all of the node's.
std::string device_utilization(const schema::node& node, const std::vector<schema::device_group_stats>& stats);
// The same of those that are measured.
std::string device_utilization(const std::vector<schema::device_group_stats>& stats);
// Everything that is measured, a block for each device.
std::string device_figures(const std::vector<schema::device_group_stats>& stats);

}  // namespace drover::cli::format
