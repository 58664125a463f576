// The services of one allocation while it lives: registered while what serves them runs, checked regularly, removed before it is stopped.
//
// Everything follows from the record and the tasks' states, so sync() may be called at any time and as often as one likes. Loop thread.
// Lifecycle: begin() when the allocation is set up, sync() after changes, end() before its tasks are stopped (may be called twice), stop()
// before it is destroyed; stop() alone leaves the registrations, because the tasks run on.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/runner_context.h"
#include "client/service/check.h"
#include "client/service/workload.h"
#include "net/event.h"
#include "net/task_scope.h"

namespace drover::client {

class alloc_runner;

class alloc_services {
 public:
  alloc_services(runner_context& node, alloc_runner& alloc);
  ~alloc_services();

  void begin();
  void sync();
  void end();
  awaitable<void> stop();

  std::map<std::string, schema::alloc_check_status> results() const;
  // How the checks that count for a deployment are.
  struct health {
    // False: there are none.
    bool checked = false;
    // All pass, since `since`.
    bool passing = false;
    timestamp since;
    // Names of services of which a check does not pass.
    std::vector<std::string> failing;
  };
  health check_health() const;

 private:
  struct running_check;
  using wanted_records = std::map<std::string, schema::service_registration>;

  // What should be registered and checked now.
  struct plan {
    wanted_records records;
    std::vector<planned_check> checks;
  };
  plan make_plan() const;
  void add_services(plan& into, const workload& w, const std::vector<schema::service>& services, const task_env& env, bool serving) const;
  void sync_records(wanted_records wanted);
  void sync_checks(std::vector<planned_check> wanted);
  awaitable<void> watch(std::shared_ptr<running_check> check);
  awaitable<void> try_early(std::shared_ptr<running_check> check);
  awaitable<void> run_once(std::shared_ptr<running_check> check, bool early);
  awaitable<result<script_result>> run_script(std::string task, std::vector<std::string> command);
  void note(running_check& check, check_outcome outcome, bool early);
  void consider_restart(running_check& check);
  void restart_workload(const running_check& check);
  bool serving(const planned_check& planned) const;

  runner_context& node_;
  alloc_runner& alloc_;
  log::logger logger_;
  bool native_ = false;
  bool begun_ = false, ended_ = false;
  wanted_records records_;
  std::map<std::string, std::shared_ptr<running_check>> checks_;
  // A service that cannot be registered says so once.
  mutable std::map<std::string, std::string> complained_;
  net::task_scope scope_;
};

}  // namespace drover::client
