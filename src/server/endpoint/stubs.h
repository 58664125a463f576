// The short forms that lists show.
#pragma once

#include <unordered_map>

#include "schema/alloc.h"
#include "schema/eval.h"
#include "schema/job.h"
#include "schema/node.h"
#include "state/snapshot.h"

namespace drover::server {

schema::job_list_stub job_stub(const schema::job& job, const schema::job_summary* summary, bool with_meta);
// The stubs of the jobs list, kept from one list to the next: a stub is made anew only when its job or its summary was.
// Loop thread only.
class job_stubs {
 public:
  // Requires: `job` is of `state`.
  schema::ref<schema::job_list_stub> get(const state::snapshot& state, const schema::ref<schema::job>& job);

 private:
  static constexpr size_t entries_max = 50'000;
  struct entry {
    schema::ref<schema::job> job;
    schema::ref<schema::job_summary> summary;
    schema::ref<schema::job_list_stub> stub;
    // Index of the table of summaries when this was last compared: while that stands, so does the summary.
    uint64_t checked_at = 0;
  };
  std::unordered_map<const schema::job*, entry> entries_;
};

schema::alloc_list_stub alloc_stub(const schema::allocation& alloc, bool with_resources, bool with_task_states);
schema::node_list_stub node_stub(const schema::node& node, bool with_resources, bool with_os);
schema::evaluation_stub eval_stub(const schema::evaluation& eval);

}  // namespace drover::server
