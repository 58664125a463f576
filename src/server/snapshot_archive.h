// A snapshot file: the state of a whole cluster, to keep elsewhere. The same shape as Nomad's: a gzipped tar of
//   meta.json    what it is (schema::snapshot_meta)
//   state.bin    the state (fsm/saved_state.h)
//   SHA256SUMS   "<hex>  <name>" for the two others
// so that a flipped bit anywhere is found before anything is changed. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/snapshot_rpc.h"

namespace drover::server {

struct snapshot_archive {
  schema::snapshot_meta meta;
  std::string state;
};

std::string write_archive(const snapshot_archive& archive);
// Checks everything: the compression, the checksums, that nothing is missing, twice there or left over, and that the state's own checksum and
// index are right. errc::corrupt or errc::too_large; the sentence says what is wrong.
result<snapshot_archive> read_archive(std::string_view file);
// "sha-256=<base64>" of a file.
std::string archive_checksum(std::string_view file);

// What `operator snapshot inspect` shows.
struct snapshot_type {
  std::string name;
  uint64_t count = 0;
  uint64_t bytes = 0;
};
struct snapshot_summary {
  schema::snapshot_meta meta;
  std::vector<snapshot_type> types;  // those that are there, the largest first
};
result<snapshot_summary> inspect_archive(std::string_view file);

}  // namespace drover::server
