// Network namespaces that have a name, as `ip netns` makes them: a file in a directory with the namespace mounted on it. Blocking; any thread.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace drover::client {

// Where they are.
inline constexpr const char* namespace_directory = "/var/run/netns";

// Existing is fine.
result<> make_namespace(const std::string& path);
// Gone already is fine. The namespace ends with its last process.
result<> remove_namespace(const std::string& path);
// Is a network namespace mounted there?
bool is_namespace(const std::string& path);
// Runs `function` on a thread of its own inside, and waits for its end.
result<> run_in_namespace(const std::string& path, const std::function<result<>()>& function);

}  // namespace drover::client
