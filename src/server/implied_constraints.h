// What a job asks of its nodes without saying so: a group that registers services can only run where they can be registered. Pure.
#pragma once

#include <string>
#include <vector>

#include "schema/job.h"

namespace drover::server {

// Adds what is missing to the groups (a job that has it keeps its own), and says in `warnings` what a person may not expect.
void add_implied_constraints(schema::job& job, std::vector<std::string>& warnings);

}  // namespace drover::server
