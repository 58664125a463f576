// The networks of allocations that do not use the host's: none, bridge and cni/NAME. One namespace an allocation, shared by its tasks.
//
// What was made is written down before it is made (state directory, networks/ALLOC.json), so that an agent that is killed at any point finds
// everything again: set_up() completes what was begun and may be called as often as one likes, begin() removes what no living allocation owns.
//
// Thread rule: called on the loop; the work itself runs on the blocking pool, one change of the machine at a time. Lifecycle: made with the
// client, begin() before the first set_up().
#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/log.h"
#include "client/driver/registry.h"
#include "client/options.h"
#include "net/blocking.h"
#include "schema/alloc.h"

namespace drover::client {

struct alloc_network {
  task_network for_tasks;
  // Null: there is nothing to tell.
  std::shared_ptr<const schema::alloc_network_status> status;
};

class network_manager {
 public:
  network_manager(const client_options& options, const std::string& state_dir, driver_registry& drivers, net::blocking_pool& pool, log::logger logger);
  ~network_manager();

  // `alloc_dir` is where files for its tasks are put. `hostname` is interpolated. After an error nothing is left.
  awaitable<result<alloc_network>> set_up(schema::ref<schema::allocation> alloc, schema::network_resource wanted, std::string alloc_dir);
  // Gone already is fine.
  awaitable<result<>> tear_down(std::string alloc_id);
  // `living`: allocations whose tasks may run.
  awaitable<void> begin(std::set<std::string> living);

 private:
  struct inside;
  std::unique_ptr<inside> inside_;
};

}  // namespace drover::client
