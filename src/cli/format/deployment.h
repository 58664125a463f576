// Deployments as text. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/format/units.h"
#include "schema/eval.h"

namespace drover::cli::format {

// ID, Job ID, Job Version, Status, Description and the Deployed table.
std::string deployment(const schema::deployment& d, const style& how);
// The Deployed table alone; "" without groups.
std::string deployed(const schema::deployment& d);
std::string deployment_list(const std::vector<schema::deployment>& list, const style& how);
bool is_terminal(const schema::deployment& d);

}  // namespace drover::cli::format
