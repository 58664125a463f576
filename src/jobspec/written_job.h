// A job and a group with what only the language has: defaults for tasks that are copied into them once all is read.
#pragma once

#include <optional>
#include <vector>

#include "schema/job.h"

namespace drover::jobspec {

struct written_group : schema::task_group {
  std::optional<schema::vault> vault;
  DROVER_RECORD(written_group);
};

struct written_job : schema::job {
  std::optional<schema::vault> vault;
  std::vector<schema::secret> secrets;
  bool names_namespace = false;
  bool names_region = false;
  DROVER_RECORD(written_job);
};

}  // namespace drover::jobspec
