// The deployment of a version of a job: which of the state's still counts, what a new one is, what its description says. Pure.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sched/scheduler.h"

namespace drover::sched {

bool is_active(const schema::deployment& d);

struct deployment_choice {
  const schema::deployment* current = nullptr;  // of this version, and not over; it may be paused or have failed
  const schema::deployment* earlier = nullptr;  // of another version of the same job
  bool had_one = false;                         // this version's deployment is over
  std::string active;                           // id of the current one while allocations may join it; or empty
  // What becomes of one that counts no longer.
  std::vector<schema::deployment_status_update> updates;
};
deployment_choice choose_deployment(const job_facts& facts, timestamp now);

std::shared_ptr<schema::deployment> fresh_deployment(const schema::job& job, const schema::evaluation& eval, std::string id, timestamp now);
schema::deployment_status_update success_of(const schema::deployment& d, timestamp now);
// What the group's update block says of its state.
void set_rules(schema::deployment_state& state, const schema::update_strategy& update);
// "Deployment is running", and for whose promotion it waits.
std::string describe_running(const schema::deployment& d);

}  // namespace drover::sched
