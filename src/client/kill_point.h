// Places in the life of an allocation at which a test ends the agent, to see that the next one carries on from there. Any thread.
//
//   DROVER_KILL_POINT=driver_started drover agent ...
//
// ends the process with SIGKILL where it first comes to that point: nothing is flushed, nothing is told. Without the variable, which no agent in use
// has, a point is one comparison. docs/internals/kill_points.md lists them; tests/test_kill_points.py goes through them.
#pragma once

#include <string_view>

namespace drover::client {

// `of`: what the step is about, such as the name of a hook; the point is then "NAME:OF".
void kill_point(std::string_view name, std::string_view of = {});

}  // namespace drover::client
