// Which changes of a job need a new allocation, and which reach a running one in place. Pure.
#pragma once

#include <span>
#include <string_view>

#include "schema/job.h"

namespace drover::sched {

// True if an allocation of `before`'s group must be replaced to become one of `after`'s. Metadata counts as tasks see it: job's,
// group's and task's put together.
bool needs_replacement(const schema::job& before, const schema::task_group& before_group, const schema::job& after, const schema::task_group& after_group);

// The rule as data: members of task_group and task whose change replaces, and all others. Together they name every member.
std::span<const std::string_view> replacing_group_fields();
std::span<const std::string_view> in_place_group_fields();
std::span<const std::string_view> replacing_task_fields();
std::span<const std::string_view> in_place_task_fields();

}  // namespace drover::sched
