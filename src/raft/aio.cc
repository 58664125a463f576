#include "raft/aio.h"

#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <mutex>
#include <vector>

#include "raft/limits.h"

namespace drover::raft {

namespace {

struct context {
  aio_context_t id;
  // Submitted and not fetched. A context with any must be destroyed for real, which waits for them.
  long outstanding;
};

struct registry {
  std::mutex mutex;
  std::vector<context> used;
  std::vector<aio_context_t> idle;

  context* find(aio_context_t id) {
    for (context& c : used) {
      if (c.id == id) return &c;
    }
    return nullptr;
  }
};

registry& all() {
  static registry* r = new registry;  // lives as long as the process: libuv's threads may still use it
  return *r;
}

}  // namespace

size_t idle_aio_contexts() {
  std::lock_guard lock(all().mutex);
  return all().idle.size();
}

}  // namespace drover::raft

using drover::raft::all;

// As the system calls: -1 and errno on failure.
extern "C" {

int io_setup(unsigned events, aio_context_t* out) {
  std::lock_guard lock(all().mutex);
  if (events == 1 && !all().idle.empty()) {
    *out = all().idle.back();
    all().idle.pop_back();
  } else if (int r = static_cast<int>(syscall(__NR_io_setup, events, out)); r != 0) {
    return r;
  }
  // Larger ones are not reused: an outstanding count above any limit says so.
  all().used.push_back({*out, events == 1 ? 0 : 1L << 30});
  return 0;
}

int io_submit(aio_context_t id, long n, struct iocb** requests) {
  {
    std::lock_guard lock(all().mutex);
    if (auto* c = all().find(id)) c->outstanding += n;
  }
  int r = static_cast<int>(syscall(__NR_io_submit, id, n, requests));
  if (r == n) return r;
  int number = errno;
  std::lock_guard lock(all().mutex);
  if (auto* c = all().find(id)) c->outstanding -= n - (r > 0 ? r : 0);
  errno = number;
  return r;
}

int io_getevents(aio_context_t id, long min, long max, struct io_event* events, struct timespec* timeout) {
  int r = static_cast<int>(syscall(__NR_io_getevents, id, min, max, events, timeout));
  if (r <= 0) return r;
  std::lock_guard lock(all().mutex);
  if (auto* c = all().find(id)) c->outstanding -= r;
  return r;
}

int io_destroy(aio_context_t id) {
  {
    std::lock_guard lock(all().mutex);
    auto* c = all().find(id);
    bool reusable = c != nullptr && c->outstanding == 0 && all().idle.size() < drover::raft::idle_aio_contexts_max;
    if (c != nullptr) {
      *c = all().used.back();
      all().used.pop_back();
    }
    if (reusable) {
      all().idle.push_back(id);
      return 0;
    }
  }
  return static_cast<int>(syscall(__NR_io_destroy, id));
}
}
