// Why a job waits, in words (Job.Explain): ours. Plain values.
#pragma once

#include "schema/common.h"
#include "schema/describe.h"

namespace drover::schema {

// A group that has fewer allocations than it asks for.
struct explained_group {
  std::string name;
  int64_t waiting = 0;  // allocations without a node
  // The first says what waits, the last what would make it run.
  std::vector<std::string> sentences;
  DROVER_RECORD(explained_group);
};

struct job_explanation {
  std::string job_id;
  std::string namespace_;
  std::string status;
  // About the job as a whole.
  std::vector<std::string> sentences;
  std::vector<explained_group> groups;
  DROVER_RECORD(job_explanation);
};

struct job_explain_response : query_meta {
  std::optional<job_explanation> explanation;
  DROVER_RECORD(job_explain_response);
};

}  // namespace drover::schema
