// Time zones by name, from the machine's zone database (/usr/share/zoneinfo). Values; any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"

namespace drover::env {

class time_zone {
 public:
  // "UTC", "Europe/Berlin", "Local" (the machine's own); "" means UTC. errc::invalid for others.
  static result<time_zone> named(const std::string& name);

  // The wall clock there, written as if it were UTC.
  timestamp to_local(timestamp utc) const;
  // The other way. A wall time that happens twice means the first; one that is skipped means the instant of the change.
  timestamp to_utc(timestamp local) const;

 private:
  explicit time_zone(const void* zone) : zone_(zone) {}
  const void* zone_;  // lives as long as the process
};

}  // namespace drover::env
