// The kernel's asynchronous I/O contexts, kept for reuse.
//
// libraft makes a context for each log file and destroys it on its loop; destroying one waits for the kernel's grace
// period, 20 to 40 ms in which nothing else happens, also at every start. So this room defines io_setup(), io_submit(),
// io_getevents() and io_destroy() itself (libraft calls these names and is linked statically) and keeps idle contexts
// for the next io_setup().
//
// Threads: any.
#pragma once

#include <cstddef>

namespace drover::raft {

// Contexts that wait for reuse. Calling it from instance.cc also makes every linker take the functions here.
size_t idle_aio_contexts();

}  // namespace drover::raft
