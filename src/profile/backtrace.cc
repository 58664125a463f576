#include "profile/backtrace.h"

#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

namespace drover::profile {
namespace {

// A frame is above the one that it called, and not far: a thread's stack has 8 MB at most.
constexpr uintptr_t frame_distance_max = 8 << 20;

// What a frame pointer points to, on x86-64 and on arm64.
struct frame_head {
  uintptr_t caller;
  uintptr_t return_address;
};

bool read_safely(uintptr_t from, frame_head& into) {
  iovec local{&into, sizeof into};
  iovec remote{reinterpret_cast<void*>(from), sizeof into};
  return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(sizeof into);
}

}  // namespace

size_t walk_stack(uintptr_t frame, std::span<uintptr_t> into) {
  size_t found = 0;
  frame_head head{};
  while (found < into.size() && frame != 0 && frame % sizeof(uintptr_t) == 0 && read_safely(frame, head) && head.return_address > 4096) {
    into[found++] = head.return_address;
    if (head.caller <= frame || head.caller - frame > frame_distance_max) break;
    frame = head.caller;
  }
  return found;
}

size_t interrupted_stack(const void* context, std::span<uintptr_t> into) {
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  const auto place = static_cast<uintptr_t>(machine.gregs[REG_RIP]), frame = static_cast<uintptr_t>(machine.gregs[REG_RBP]);
#elif defined(__aarch64__)
  const auto place = static_cast<uintptr_t>(machine.pc), frame = static_cast<uintptr_t>(machine.regs[29]);
#else
#error "where do frame pointers live on this machine?"
#endif
  if (into.empty()) return 0;
  into[0] = place;
  return 1 + walk_stack(frame, into.subspan(1));
}

}  // namespace drover::profile
