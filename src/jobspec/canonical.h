// The one form of a job: every default filled in, policies of the job pushed down to its groups and from there to
// tasks, empty maps absent. After canonicalize() a group has restart_policy, ephemeral_disk, reschedule_policy (service
// and batch), update (service; system where the job has one) and migrate (service), each with all members set; a task
// has restart_policy, resources and log_config. What a person wrote is kept. Idempotent; never fails: what makes no
// sense is for validate.h to refuse. Pure and thread-safe.
#pragma once

#include "schema/job.h"

namespace drover::jobspec {

void canonicalize(schema::job& job);

// Nomad's defaults for a job type; every member set. An unknown type has the defaults of a service.
schema::restart_policy default_restart_policy(std::string_view job_type);
schema::reschedule_policy default_reschedule_policy(std::string_view job_type);
schema::update_strategy default_update_strategy();
schema::migrate_strategy default_migrate_strategy();

}  // namespace drover::jobspec
