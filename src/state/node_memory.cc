#include "state/node_memory.h"

#include <array>
#include <mutex>
#include <new>
#include <vector>

#include "state/limits.h"
#include "state/tree.h"

namespace drover::state::detail {
namespace {

constexpr size_t size_of(node_kind kind) { return kind == node_kind::leaf ? sizeof(leaf_node) : sizeof(inner_node); }

#if defined(__SANITIZE_ADDRESS__)
constexpr bool keeps = false;
#elif defined(__has_feature)
// A sanitizer sees the use of memory that was given back only if the heap has it.
constexpr bool keeps = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
constexpr bool keeps = true;
#endif

using batch = std::vector<void*>;

// What lies ready for any thread.
class depot {
 public:
  // False: it has enough.
  bool give(batch& full) {
    std::lock_guard lock(mutex_);
    if (ready_.size() >= node_batches_max) return false;
    ready_.push_back(std::move(full));
    return true;
  }
  bool take(batch& into) {
    std::lock_guard lock(mutex_);
    if (ready_.empty()) return false;
    into = std::move(ready_.back());
    ready_.pop_back();
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<batch> ready_;
};

// Never destroyed: trees of static objects may end after it would be.
depot& depot_of(node_kind kind) {
  static auto* all = new std::array<depot, 2>;
  return (*all)[static_cast<size_t>(kind)];
}

void free_all(batch& nodes) {
  for (void* each : nodes) ::operator delete(each);
  nodes.clear();
}

// One thread's.
struct magazine {
  explicit magazine(node_kind k) : kind(k) {}
  magazine(const magazine&) = delete;
  magazine& operator=(const magazine&) = delete;
  ~magazine();

  void* take() {
    if (here.empty()) std::swap(here, spare);
    if (here.empty() && !depot_of(kind).take(here)) return ::operator new(size_of(kind));
    void* out = here.back();
    here.pop_back();
    return out;
  }
  void give(void* memory) {
    if (here.size() == node_batch) {
      std::swap(here, spare);
      if (here.size() == node_batch && !depot_of(kind).give(here)) free_all(here);
    }
    if (here.capacity() == 0) here.reserve(node_batch);
    here.push_back(memory);
  }

  node_kind kind;
  batch here, spare;
};

// Of this thread; a thread that ends may still drop a tree after its magazines.
thread_local bool ended = false;
struct magazines {
  magazine of[2]{magazine(node_kind::leaf), magazine(node_kind::inner)};
};
thread_local magazines mine;

magazine::~magazine() {
  ended = true;
  free_all(here);
  free_all(spare);
}

}  // namespace

void* take_node(node_kind kind) {
  if (!keeps || ended) return ::operator new(size_of(kind));
  return mine.of[static_cast<size_t>(kind)].take();
}

void give_node(node_kind kind, void* memory) {
  if (!keeps || ended) return ::operator delete(memory);
  mine.of[static_cast<size_t>(kind)].give(memory);
}

}  // namespace drover::state::detail
