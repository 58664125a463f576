// The services of an allocation as they are to be registered and checked: interpolated, with their ids. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "client/task_env.h"
#include "schema/alloc.h"
#include "schema/eval.h"
#include "schema/job.h"
#include "schema/stats.h"

namespace drover::client {

// Whose services these are. `task` null: the group's.
struct workload {
  const schema::allocation& alloc;
  const schema::task_group& group;
  const schema::task* task = nullptr;
};

// With everything in it that may hold ${...} replaced.
schema::service interpolate(const schema::service& service, const task_env& env);

// "_nomad-task-ALLOC-WORKLOAD-SERVICE-PORT".
std::string registration_id(const workload& w, const schema::service& service);

// Requires: the service is interpolated.
result<schema::service_registration> make_registration(const workload& w, const schema::service& service, const schema::node& node);

struct planned_check {
  std::string id;
  schema::service_check check;
  std::string service;
  // Of a service of a task; empty for the group's.
  std::string task;
  std::string custom_address;
  std::string service_port_label;
  // "healthiness" counts in deployments, "readiness" does not.
  std::string mode;
};
std::vector<planned_check> plan_checks(const workload& w, const schema::service& service);

// As the first run is still to come.
schema::alloc_check_status first_status(const planned_check& planned, const std::string& alloc_name, timestamp now);

// Does any service of the group, or of a task in it, belong to the catalogue of the cluster itself?
bool has_native_services(const schema::task_group& group);

}  // namespace drover::client
