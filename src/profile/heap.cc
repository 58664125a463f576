#include "profile/heap.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

#include "profile/backtrace.h"
#include "profile/limits.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define DROVER_KEEPS_OPERATOR_NEW 1
#endif
#endif

namespace drover::profile {
namespace {

std::atomic<bool> sampling = false;

struct stack_counts {
  uint32_t frames = 0;  // 0: free
  uintptr_t stack[frames_max];
  double alloc_objects = 0, alloc_bytes = 0, freed_objects = 0, freed_bytes = 0;
};
struct live_block {
  const void* at = nullptr;
  uint32_t stack = 0;
  double objects = 0, bytes = 0;
};

// Tables of fixed size, mapped when sampling begins: what keeps account of allocations makes none. All bytes zero is empty, for the lock too, so that
// only pages that are used take memory.
struct tables {
  std::mutex lock;
  stack_counts stacks[heap_stacks_max];
  live_block blocks[heap_blocks_max];
  // How many sampled blocks have an address of this digest: what is freed is seldom one of them.
  std::atomic<uint16_t> filter[1 << 16];
};
tables* all = nullptr;

size_t digest(uintptr_t address) { return static_cast<size_t>((address >> 4) * 0x9e3779b97f4a7c15ULL >> 40); }

thread_local int64_t bytes_left = heap_sample_bytes;
thread_local uint64_t random_state = 0;
thread_local bool inside = false;

// Exponentially distributed around the average, so that no pattern of allocations is missed.
int64_t next_distance() {
  if (random_state == 0) random_state = reinterpret_cast<uintptr_t>(&random_state) | 1;
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  const double part = static_cast<double>((random_state >> 11) + 1) / 9007199254740993.0;
  return static_cast<int64_t>(-std::log(part) * static_cast<double>(heap_sample_bytes)) + 1;
}

// Requires: the lock is held. heap_stacks_max: no room.
size_t place_of_stack(const uintptr_t* stack, size_t frames) {
  size_t hash = frames;
  for (size_t i = 0; i < frames; ++i) hash = (hash ^ stack[i]) * 0x100000001b3ULL;
  for (size_t step = 0; step < heap_stacks_max; ++step) {
    const auto at = (hash + step) % heap_stacks_max;
    auto& each = all->stacks[at];
    if (each.frames == frames && std::equal(stack, stack + frames, each.stack)) return at;
    if (each.frames != 0) continue;
    each.frames = static_cast<uint32_t>(frames);
    std::copy(stack, stack + frames, each.stack);
    return at;
  }
  return heap_stacks_max;
}

// Requires: the lock is held. Blocks have their place by their address, or the next free one; null: none is found.
live_block* block_at(const void* at, const void* wanted) {
  constexpr size_t steps_max = 64;
  const auto hash = digest(reinterpret_cast<uintptr_t>(at));
  for (size_t step = 0; step < steps_max; ++step)
    if (auto& each = all->blocks[(hash + step) % heap_blocks_max]; each.at == wanted) return &each;
  return nullptr;
}

[[gnu::noinline]] void note_allocation(const void* at, size_t size, uintptr_t frame) {
  if (inside) return;
  inside = true;
  bytes_left = next_distance();
  uintptr_t stack[frames_max];
  const auto frames = walk_stack(frame, stack);
  // One sampled block stands for so many of its size.
  const double stands_for = 1 / (1 - std::exp(-static_cast<double>(std::max<size_t>(size, 1)) / static_cast<double>(heap_sample_bytes)));
  const std::lock_guard held(all->lock);
  const auto place = frames == 0 ? heap_stacks_max : place_of_stack(stack, frames);
  auto* block = place == heap_stacks_max ? nullptr : block_at(at, nullptr);
  if (block != nullptr) {
    *block = {at, static_cast<uint32_t>(place), stands_for, stands_for * static_cast<double>(size)};
    all->stacks[place].alloc_objects += block->objects;
    all->stacks[place].alloc_bytes += block->bytes;
    all->filter[digest(reinterpret_cast<uintptr_t>(at)) & 0xffff].fetch_add(1, std::memory_order_relaxed);
  }
  inside = false;
}

[[gnu::noinline]] void note_free(const void* at) {
  const std::lock_guard held(all->lock);
  auto* block = block_at(at, at);
  if (block == nullptr) return;
  auto& counts = all->stacks[block->stack];
  counts.freed_objects += block->objects;
  counts.freed_bytes += block->bytes;
  *block = {};
  all->filter[digest(reinterpret_cast<uintptr_t>(at)) & 0xffff].fetch_sub(1, std::memory_order_relaxed);
}

[[maybe_unused]] inline void on_new(const void* at, size_t size, uintptr_t frame) {
  if (!sampling.load(std::memory_order_acquire)) [[likely]]
    return;
  bytes_left -= static_cast<int64_t>(size);
  if (bytes_left < 0 && at != nullptr) note_allocation(at, size, frame);
}

[[maybe_unused]] inline void on_delete(const void* at) {
  if (!sampling.load(std::memory_order_acquire)) [[likely]]
    return;
  if (at != nullptr && all->filter[digest(reinterpret_cast<uintptr_t>(at)) & 0xffff].load(std::memory_order_relaxed) != 0) note_free(at);
}

}  // namespace

void start_heap_sampling() {
#ifndef DROVER_KEEPS_OPERATOR_NEW
  if (sampling) return;
  void* memory = mmap(nullptr, sizeof(tables), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  all = static_cast<tables*>(memory);
  sampling.store(true, std::memory_order_release);
#endif
}

bool is_heap_sampling() { return sampling; }

std::vector<counted_stack> heap_stacks() {
  std::vector<counted_stack> out;
  if (!sampling) return out;
  // No allocation while the lock is held, which an allocation takes.
  out.reserve(heap_stacks_max);
  const bool before = std::exchange(inside, true);
  for (const auto& each : all->stacks) {
    uintptr_t stack[frames_max];
    double counts[4];
    size_t frames = 0;
    {
      const std::lock_guard held(all->lock);
      frames = each.frames;
      std::copy(each.stack, each.stack + frames, stack);
      counts[0] = each.alloc_objects;
      counts[1] = each.alloc_bytes;
      counts[2] = each.alloc_objects - each.freed_objects;
      counts[3] = each.alloc_bytes - each.freed_bytes;
    }
    if (frames == 0) continue;
    auto& into = out.emplace_back();
    into.stack.assign(stack, stack + frames);
    for (auto count : counts) into.values.push_back(std::llround(std::max(count, 0.0)));
  }
  inside = before;
  return out;
}

std::string heap_profile(std::span<const counted_stack> stacks, timestamp now, bool allocated) {
  const profile_head head{.types = {{"alloc_objects", "count"}, {"alloc_space", "bytes"}, {"inuse_objects", "count"}, {"inuse_space", "bytes"}},
                          .period_type = {"space", "bytes"},
                          .period = heap_sample_bytes,
                          .default_type = allocated ? "alloc_space" : "inuse_space",
                          .when = now};
  return to_pprof(head, stacks);
}

}  // namespace drover::profile

#ifndef DROVER_KEEPS_OPERATOR_NEW
// The program's own operator new and delete: malloc() and free() with the account kept. All other forms of the language call these.
void* operator new(size_t size) {
  for (;;) {
    if (void* at = std::malloc(size == 0 ? 1 : size)) [[likely]] {
      drover::profile::on_new(at, size, reinterpret_cast<uintptr_t>(__builtin_frame_address(0)));
      return at;
    }
    auto handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}
void operator delete(void* at) noexcept {
  drover::profile::on_delete(at);
  std::free(at);
}
void operator delete(void* at, size_t) noexcept {
  drover::profile::on_delete(at);
  std::free(at);
}
#endif
