// Limits of the state room.
#pragma once

#include <cstddef>

namespace drover::state {

// Held watches of one store; one blocking query holds one.
constexpr size_t watches_max = 1'000'000;
// Keys of one watch; a query over more things watches the whole table.
constexpr size_t watch_keys_max = 256;
// Records that are compared one by one to tell whether a watch was overtaken; beyond that it counts as overtaken (a wake-up too many).
constexpr size_t watch_compare_max = 64;

// Nodes of trees that threads hand each other at once, and how many such batches lie ready for the next writer (of each kind: about 0.8 MB of leaves).
constexpr size_t node_batch = 64;
constexpr size_t node_batches_max = 32;

}  // namespace drover::state
