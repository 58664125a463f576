// A shim without a task process: it moves the output of one docker container into the allocation's rotated files itself.
//
// Asks dockerd for the container's log with timestamps and follows it. Remembers, in a file, the timestamp of the last message of each stream that
// was written, so that nothing is lost and nothing is written twice when dockerd or this program starts again. Whatever else a shim does goes on
// while it waits. Ends the "task", with 0, when the container has ended and all was moved, or is gone.
#pragma once

#include "shim/supervisor.h"

namespace drover::shim {

// Requires: s->task.docker_log, three arguments, open streams. Returns when there is no more to come.
void follow_docker_log(supervisor* s);

}  // namespace drover::shim
