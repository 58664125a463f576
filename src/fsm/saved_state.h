// The saved form of a whole state, as Raft snapshots and operator backups have it:
//   "DROVERFS" | version | header (msgpack) | records of every table in order (msgpack) | checksum
// Every part but the magic and the checksum has its length in front. Allocations refer to their jobs by number, so that each version of a
// job is written once. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "state/store.h"

namespace drover::fsm {

result<std::string> save_state(const state::snapshot& snapshot);
// Fills an empty transaction (store::begin_restore()); on an error the caller drops it.
result<> load_state(std::string_view saved, state::write_transaction& into);
// The index that a saved state is at, with its checksum verified.
result<uint64_t> saved_index(std::string_view saved);

}  // namespace drover::fsm
