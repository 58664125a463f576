// The chain of calls of a thread, by its frame pointers (our code is compiled with them; of libraries that are not, some calls are missing).
// Memory is read through the kernel, so that a pointer that leads nowhere ends the chain and nothing else. Async-signal-safe; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace drover::profile {

// Return addresses from the frame at `frame` outwards; how many there are.
size_t walk_stack(uintptr_t frame, std::span<uintptr_t> into);
// Where a thread was when a signal came (`context` is the third argument of its handler): its own place first.
size_t interrupted_stack(const void* context, std::span<uintptr_t> into);

}  // namespace drover::profile
