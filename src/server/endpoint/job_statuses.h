// Job.Statuses, which is large enough for a file of its own.
#pragma once

#include "rpc/channel.h"

namespace drover::server {

struct server_context;
void add_job_statuses(rpc::method_table& table, server_context& context);

}  // namespace drover::server
