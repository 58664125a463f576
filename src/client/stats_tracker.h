// Turns two readings of a task's totals into the rates that people see. Pure; owned by one task runner.
#pragma once

#include <optional>

#include "client/exec/stats.h"
#include "schema/stats.h"

namespace drover::client {

class stats_tracker {
 public:
  // Forgets earlier readings: a new process counts from zero.
  void reset() { last_.reset(); }
  // `mhz`: speed of one core, for ticks.
  schema::task_resource_usage add(const exec::task_usage& now, double mhz);

 private:
  std::optional<exec::task_usage> last_;
};

// Sums memory and CPU of the tasks of an allocation.
void add_usage(schema::resource_usage& sum, const schema::resource_usage& more);

}  // namespace drover::client
