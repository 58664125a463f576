#include "schema/diff.h"

#include "schema/describe_macros.h"

namespace drover::schema {

#define SELF field_diff
DESCRIBE(field_diff, "FieldDiff", BASES(), FIELD(type), FIELD(name), FIELD(old), FIELD(new_), FIELD(annotations))
#undef SELF

#define SELF object_diff
DESCRIBE(object_diff, "ObjectDiff", BASES(), FIELD(type), FIELD(name), FIELD(fields), FIELD(objects))
#undef SELF

#define SELF task_diff
DESCRIBE(task_diff, "TaskDiff", BASES(), FIELD(type), FIELD(name), FIELD(fields), FIELD(objects), FIELD(annotations))
#undef SELF

#define SELF task_group_diff
DESCRIBE(task_group_diff, "TaskGroupDiff", BASES(), FIELD(type), FIELD(name), FIELD(fields), FIELD(objects), FIELD(tasks), FIELD(updates))
#undef SELF

#define SELF job_diff
DESCRIBE(job_diff, "JobDiff", BASES(), FIELD(type), FIELD(id), FIELD(fields), FIELD(objects), FIELD(task_groups))
#undef SELF

}  // namespace drover::schema
