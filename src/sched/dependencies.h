// What a group waits for besides nodes: other jobs (depends_on) and its turn among the instances of a parameterized job (max_parallel). Both
// hold a group back only until it has started: what becomes of a dependency later does not touch it. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "schema/job.h"
#include "state/snapshot.h"

namespace drover::sched {

using schema::ref;

// One thing that has to happen first.
struct wait_reason {
  // Under this name a blocked evaluation waits for it (MissingNonNodeResources).
  std::string resource;
  // What is missing now: "job \"db\" has 1 of 3 allocations healthy".
  std::string text;
};

// The names of what evaluations wait for.
std::string resource_of_job(std::string_view namespace_, std::string_view id);
std::string resource_of_slots(std::string_view namespace_, std::string_view parent_id);

// The job's and the group's own, in this order.
std::vector<const schema::job_dependency*> dependencies_of(const schema::job& job, const schema::task_group& group);
bool has_dependencies(const schema::job& job);

// What of a dependency is not fulfilled yet; an empty text: it is.
std::string missing_for(const state::snapshot& state, const schema::job& job, const schema::job_dependency& dependency);

// Nothing to wait for, or everything that holds this group back now. `allocs`: all of the job's.
std::vector<wait_reason> reasons_to_wait(const state::snapshot& state, const schema::job& job, const schema::task_group& group,
                                         const std::vector<ref<schema::allocation>>& allocs);

// The group has, or had in this version of the job, an allocation.
bool has_started(const schema::job& job, const schema::task_group& group, const std::vector<ref<schema::allocation>>& allocs);

}  // namespace drover::sched
