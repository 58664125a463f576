// The saved form of a whole state, as Raft snapshots and operator backups have it:
//   "DROVERFS" | version | blocks (packed_blocks.h) of: header (msgpack), records of every table in order (msgpack) | checksum
// Each header and record has its length in front. Allocations refer to their jobs by number, so that each version of a job is written once.
// The whole text is never in memory uncompressed: a snapshot is taken beside the state that it holds. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "state/store.h"

namespace drover::fsm {

result<std::string> save_state(const state::snapshot& snapshot);
// Fills an empty transaction (store::begin_restore()); on an error the caller drops it.
result<> load_state(std::string_view saved, state::write_transaction& into);
// The index that a saved state is at, and how far it is from Raft's (machine.h), with its checksum verified.
struct saved_place {
  uint64_t index = 0;
  uint64_t index_offset = 0;
};
result<saved_place> place_of(std::string_view saved);

// What a saved state holds, table by table, without loading it.
struct saved_content {
  std::string table;
  uint64_t records = 0;
  uint64_t bytes = 0;
};
result<std::vector<saved_content>> content_of(std::string_view saved);

}  // namespace drover::fsm
