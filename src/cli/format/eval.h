// Evaluations as text. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/format/units.h"
#include "schema/eval.h"

namespace drover::cli::format {

std::string evaluation_list(const std::vector<schema::evaluation>& list, const style& how);
std::string evaluation(const schema::evaluation& e, const std::vector<schema::alloc_list_stub>& placed, const style& how);

}  // namespace drover::cli::format
