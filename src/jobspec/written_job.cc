#include "jobspec/written_job.h"

#include "schema/describe_macros.h"

namespace drover::jobspec {

using namespace schema;

#define SELF written_group
DESCRIBE_EMPTY(written_group, "TaskGroup", BASES(task_group))
#undef SELF

#define SELF written_job
DESCRIBE_EMPTY(written_job, "Job", BASES(job))
#undef SELF

}  // namespace drover::jobspec
