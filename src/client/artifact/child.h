// The process that fetches an artifact: this program again, with what it may touch cut down to the allocation's directory (Landlock), so that
// a mistake in a getter or an archive reader harms nothing else.
//
// fetch_in_child() on the loop; cancelling it ends the process and all that it started.
#pragma once

#include "client/artifact/request.h"
#include "net/loop.h"

namespace drover::client {

net::awaitable<result<>> fetch_in_child(net::loop& l, artifact_request request);

// What that process does: reads the request, cuts itself down, fetches, says how it went. Returns the exit code.
int run_artifact_child();
// The word that makes this program that process.
inline constexpr const char* artifact_child_word = "artifact-isolation";

}  // namespace drover::client
