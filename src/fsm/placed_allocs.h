// New allocations of a plan as the log has them: what many have in common once, and for each only what is its own. A plan of thousands is then
// some 40 bytes of log an allocation instead of 400, and what they share is one record in memory too.
// Plain values; pure; any thread.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "schema/alloc.h"

namespace drover::fsm {

using schema::ref;

struct placed_node {
  std::string id;
  std::string name;
  DROVER_RECORD(placed_node);
};

struct placed_allocs {
  // The rest of each is empty here: id, name, node, resources, metrics, previous allocation.
  ref<schema::allocation> like;
  std::vector<fsm::placed_node> nodes;
  std::vector<ref<schema::allocated_resources>> resources;
  std::vector<ref<schema::alloc_metric>> metrics;
  std::vector<std::string> previous;
  // One after the other, in the order of their ids: the id's 16 bytes, then five numbers of four bytes, lowest first: place in `nodes`, index of the
  // name, and one more than the place in `resources`, `metrics` and `previous` (0: none).
  bytes members;
  DROVER_RECORD(placed_allocs);
};

// Allocations that no server has stored yet, by what they share. Those that cannot be told so (a foreign id or name, nothing in common with any
// other) go to `rest` as they are.
std::vector<placed_allocs> pack_placed(std::span<const ref<schema::allocation>> allocs, std::vector<ref<schema::allocation>>& rest);

size_t size_of(const placed_allocs& placed);
// Each as it was packed, in order. Corrupt: the members do not fit together.
result<> visit_placed(const placed_allocs& placed, const std::function<result<>(schema::allocation&&)>& each);

}  // namespace drover::fsm
