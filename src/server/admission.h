// May this job be stored, and in which form? Pure functions of the request and the state.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "schema/job.h"
#include "schema/job_rpc.h"
#include "server/options.h"
#include "state/snapshot.h"

namespace drover::server {

struct admitted_job {
  schema::job job;                    // canonical, without anything that only the server says
  std::vector<std::string> warnings;  // sentences; jobspec::multi_warning() for people
};

// Canonical form, validation, and what the state has to say (namespace, node pool, driver of the impossible is no matter here). Errors are
// errc::invalid with all that is wrong.
result<admitted_job> admit(schema::job submitted, std::string_view request_namespace, const state::snapshot& state, const server_options& options);

// -check-index: is the stored job the one that the caller has seen?
result<> check_index(const schema::job* existing, uint64_t expected_job_modify_index);

// Counts and resources of the stored job that the caller wants to keep.
void preserve(schema::job& job, const schema::job& existing, bool counts, bool resources);

// Takes off what only a server may say: a job that was read from one can be submitted again as it is.
void strip_server_fields(schema::job& job);

// False for jobs that never run themselves: periodic and parameterized parents.
bool runs_itself(const schema::job& job);

}  // namespace drover::server
