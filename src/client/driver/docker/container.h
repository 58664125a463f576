// From a task to what dockerd is asked to create. Pure; any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "base/value.h"
#include "client/driver/docker/config.h"
#include "client/driver/driver.h"

namespace drover::client::docker {

inline constexpr std::string_view label_alloc_id = "com.hashicorp.nomad.alloc_id";
// Ours: whose container it is when several agents share one dockerd. Only such are cleaned up.
inline constexpr std::string_view label_agent = "drover.agent";

// "TASK-ALLOCID", which is also how a container is found again.
std::string container_name(const task_spec& task);
// The body of POST /containers/create. `agent` is the value of label_agent.
result<value> make_container(const task_spec& task, const config& c, const options& o, const std::string& agent);
// The memory limits as dockerd wants them, in bytes.
struct memory_limits {
  int64_t hard = 0, reservation = 0;
};
memory_limits memory_of(const schema::allocated_task_resources& resources, const config& c);
value make_update(const schema::allocated_task_resources& resources, const config& c);

}  // namespace drover::client::docker
