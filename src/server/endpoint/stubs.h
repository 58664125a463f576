// The short forms that lists show.
#pragma once

#include "schema/alloc.h"
#include "schema/eval.h"
#include "schema/job.h"
#include "schema/node.h"

namespace drover::server {

schema::job_list_stub job_stub(const schema::job& job, const schema::job_summary* summary, bool with_meta);
schema::alloc_list_stub alloc_stub(const schema::allocation& alloc, bool with_resources, bool with_task_states);
schema::node_list_stub node_stub(const schema::node& node, bool with_resources, bool with_os);
schema::evaluation_stub eval_stub(const schema::evaluation& eval);

}  // namespace drover::server
