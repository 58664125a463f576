// Memory for the nodes of trees. The thread that writes takes a few nodes for each record, and whichever thread drops the last snapshot of a state
// gives as many back: through the heap that all threads share, each would wait for its lock. Here they pass whole batches on.
//
// Threads: any. Each keeps up to two batches of its own; between threads up to node_batches_max lie ready, the rest goes to the heap.
#pragma once

#include <cstddef>

namespace drover::state::detail {

enum class node_kind : size_t { leaf, inner };

void* take_node(node_kind kind);
void give_node(node_kind kind, void* memory);

}  // namespace drover::state::detail
