// Storing jobs: every way by which one gets into the state ends here. Loop thread only.
#pragma once

#include <string_view>

#include "net/loop.h"
#include "schema/job_rpc.h"
#include "server/context.h"

namespace drover::server {

// Stores command.job (admitted, with its submit time) and, in the same log entry, the evaluation that makes it run, unless it is a parent that
// never runs itself.
net::awaitable<result<schema::job_register_response>> store_job(server_context& context, schema::job_register_request command, std::string_view triggered_by);

// A job that an instance of `parent` runs as: of that id, without the parent's schedule and without anything that only a server says.
schema::job child_of(const schema::job& parent, std::string id);

}  // namespace drover::server
