// Is a job allowed? All that is wrong with it at once, and what is allowed but doubtful. Looks at the job alone:
// drivers, volumes, node pools and namespaces that may or may not exist are the server's to check. Requires a canonical
// job (canonical.h). Pure and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/job.h"

namespace drover::jobspec {

struct validation_limits {
  int64_t priority_max = 100;  // server { job_max_priority }
  int64_t count_max = 50'000;  // server { job_max_count }; 0: none
};

struct validation {
  // Each a sentence; what is wrong inside a group or task is one entry for that group, in multi_error's form.
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
  bool ok() const { return errors.empty(); }
};

validation validate(const schema::job& job, const validation_limits& limits = {});

// "1 error occurred:\n\t* Missing job datacenters\n\n", as Nomad's clients know it. Empty for an empty list.
std::string multi_error(const std::vector<std::string>& messages);
// The same for warnings: "1 warning:\n\n* ...". Empty for an empty list.
std::string multi_warning(const std::vector<std::string>& messages);

}  // namespace drover::jobspec
