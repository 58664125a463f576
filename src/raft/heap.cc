#include "raft/heap.h"

#include <cstdlib>
#include <cstring>

#include "raft/libraft.h"

namespace drover::raft {

void clear_file_buffers() {
  static raft_heap heap = {
      .data = nullptr,
      .malloc = [](void*, size_t size) { return std::malloc(size); },
      .free = [](void*, void* memory) { std::free(memory); },
      .calloc = [](void*, size_t count, size_t size) { return std::calloc(count, size); },
      .realloc = [](void*, void* memory, size_t size) { return std::realloc(memory, size); },
      .aligned_alloc =
          [](void*, size_t alignment, size_t size) {
            void* memory = std::aligned_alloc(alignment, size);
            if (memory != nullptr) std::memset(memory, 0, size);
            return memory;
          },
      .aligned_free = [](void*, size_t, void* memory) { std::free(memory); },
  };
  static const bool done = [] { return raft_heap_set(&heap), true; }();
  (void)done;
}

}  // namespace drover::raft
