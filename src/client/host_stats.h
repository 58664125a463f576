// How busy this machine is: CPU, memory, disks, uptime. Owned by the client; CPU figures are since the last call. Blocking reads of /proc.
#pragma once

#include <map>
#include <string>

#include "schema/stats.h"

namespace drover::client {

class host_stats_reader {
 public:
  // `total_mhz`: of all cores, for ticks.
  schema::host_stats read(const std::string& alloc_dir, double total_mhz);

 private:
  struct ticks {
    uint64_t user = 0, system = 0, idle = 0, total = 0;
  };
  void read_cpu(schema::host_stats& out, double total_mhz);
  std::map<std::string, ticks> last_;
};

}  // namespace drover::client
