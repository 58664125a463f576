// What must hold in a simulated cluster, whatever happened. Pure: functions of states and plans; each answers with sentences, none if all is well.
#pragma once

#include <string>
#include <vector>

#include "sim/servers.h"

namespace drover::sim {

using problems = std::vector<std::string>;

// Of a plan as it was committed: nodes that it touched are not overcommitted in any dimension, port, core or device; what it placed suits its
// node; no more was replaced at a time than the job's update allows; nothing was placed that had to wait.
problems check_commit(const servers::committed& what, const state::snapshot& after);

// Of the whole state, at any moment.
problems check_state(const state::snapshot& state);

// Once nothing happens any more: every evaluation has ended or waits for something, each blocked one is known to the servers, and a scheduler
// that looks again would change nothing.
problems check_rest(servers& cluster);

}  // namespace drover::sim
