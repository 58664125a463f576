// Why a group could not be placed, and how nodes were scored. Pure.
#pragma once

#include <map>
#include <string>

#include "cli/format/units.h"
#include "schema/alloc.h"

namespace drover::cli::format {

// One line per reason, each after `indent`, every line with its newline.
std::string placement_failure(const schema::alloc_metric& metric, std::string_view indent);
// "Task Group "sleep" (failed to place 1 allocation):" and the reasons below it.
std::string failed_group(const std::string& group, const schema::alloc_metric& metric, std::string_view indent);
// "Node  binpack  job-anti-affinity ...  final score"; "" if nothing was scored.
std::string score_table(const schema::alloc_metric& metric, const style& how);

}  // namespace drover::cli::format
