// What is inside a server's data directory or a snapshot file, for people: `operator raft logs|state`, `operator snapshot state|redact`. No server
// may run on the directory; nothing in it is changed. Blocking; any thread. Secrets (schema::redacted) are left out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"
#include "codec/filter.h"

namespace drover::server {

// Each entry of the log: {"Index", "Term", "Type", and what its type has}. Ends with the first error of `each`.
result<> show_log(const std::string& raft_directory, const std::function<result<>(const value&)>& each);

struct state_filter {
  // Only records that it matches; a table whose records lack what it asks for is shown empty.
  std::optional<codec::filter> matching;
};
// The state after the entry `last_index` (0: the last one that the log has), as one object: "Index", "Indexes", and a list for each table.
result<value> show_state(const std::string& raft_directory, uint64_t last_index, const state_filter& filter);
// The same of a snapshot file's content.
result<value> show_archive(std::string_view file, const state_filter& filter);

// The file without what opens the variables in it: the root keys. It can be looked at by strangers, and not restored for use.
result<std::string> redact_archive(std::string_view file);

}  // namespace drover::server
