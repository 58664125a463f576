// Instances of a parameterized job that run one after the other: `parameterized { max_parallel = N }`. As many run at a time; the others stand
// in line, the more urgent first, then the older. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schema/job.h"
#include "state/snapshot.h"

namespace drover::sched {

using schema::ref;

// How many instances of this parent may run at a time; nothing: as many as like.
std::optional<int64_t> instances_max(const schema::job* parent);

// Not over, and with an allocation.
bool instance_runs(const state::snapshot& state, const schema::job& child);

// Empty: the instance may start. Else what it waits for, in words.
std::string place_in_line(const state::snapshot& state, const schema::job& child);

// The ids of those that wait and may start now, in their order.
std::vector<std::string> next_in_line(const state::snapshot& state, const schema::job& parent);

}  // namespace drover::sched
