// Claims: which dynamic host volume a sticky group has its data in. Made when an allocation is placed where it has one; the next allocation goes there
// too (sched/feasible/volumes.h), until the claim is deleted or its job is purged. Part of applying.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "fsm/context.h"
#include "schema/job.h"

namespace drover::fsm {

// The volumes that a group claims; mostly none.
std::vector<std::string> sticky_sources(const schema::job& job, std::string_view group);
// For a new allocation. One claim for each group and volume: its allocation is the newest.
void claim_volumes(context& c, const schema::allocation& alloc, std::span<const std::string> sources);
void drop_claims(context& c, std::string_view ns, std::string_view job_id);

}  // namespace drover::fsm
