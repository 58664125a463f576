// Runs one allocation: sets it up, lets its tasks start and end in order, tells the servers how it is, watches its health.
//
// Loop thread. Lifecycle: constructed (with what was stored, after a restart), start(), update() as the servers change it; stop() before it
// is destroyed, which leaves tasks running, or destroy(), which ends them and removes every trace.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/alloc_dir.h"
#include "client/runner_context.h"
#include "client/service/alloc_services.h"
#include "client/task_runner.h"
#include "net/event.h"
#include "net/task_scope.h"

namespace drover::client {

class alloc_runner : public task_owner {
 public:
  // Requires: the record has its job, and the job the group.
  alloc_runner(runner_context& node, schema::ref<schema::allocation> alloc, std::optional<stored_alloc> stored);
  ~alloc_runner() override;

  void start();
  // A newer record from the servers.
  void update(schema::ref<schema::allocation> alloc);
  // The agent goes away; processes run on.
  awaitable<void> stop();
  // Ends the tasks and returns when they have ended (dev mode).
  awaitable<void> kill_and_wait();
  // Ends the tasks, then removes directories and memory of it.
  awaitable<result<>> destroy();
  // Ends the tasks for a reason of this node: contact to the servers was lost for too long.
  void kill_tasks();
  // Tasks that waited for the servers' word may run.
  void servers_known();

  const std::string& id() const { return alloc_->id; }
  // What is reported to the servers.
  schema::ref<schema::allocation> report() const;
  // All tasks have ended for good.
  bool tasks_done() const;
  timestamp finished_at() const;
  awaitable<void> wait_tasks_done();
  std::string client_status() const { return status_.status; }
  const std::optional<schema::alloc_deployment_status>& health() const { return health_; }
  void set_health(bool healthy, std::string why);
  const alloc_services& services() const { return services_; }
  // Null: no such task.
  task_runner* find_task(const std::string& name);
  const std::vector<std::unique_ptr<task_runner>>& tasks() const { return tasks_; }
  // The only task, or the one of that name; the error names those that exist.
  result<task_runner*> pick_task(const std::string& name);
  result<> restart(const std::string& task, bool all);
  awaitable<result<schema::alloc_resource_usage>> usage(std::string task);

  schema::ref<schema::allocation> alloc() const override { return alloc_; }
  const schema::task_group& group() const override { return *group_; }
  const alloc_dir& dir() const override { return dir_; }
  const task_network& network() const override { return network_; }
  task_states states() const override;
  net::event& states_changed() override { return changed_; }
  void task_changed(const std::string& task) override;

 private:
  awaitable<void> run();
  awaitable<result<>> prerun();
  awaitable<void> kill_all(bool no_shutdown_delay, bool also_poststop);
  awaitable<void> kill_stage(bool (*wanted)(const schema::task&), bool no_shutdown_delay);
  void kill_others(const task_runner& cause, const schema::task_event& why);
  void stop_tasks(bool no_shutdown_delay, bool also_poststop);
  void start_health_watch();
  void tell();
  void take_network(std::shared_ptr<const schema::alloc_network_status> status);
  awaitable<void> release_network();
  // csi_release.cc
  awaitable<void> release_volumes();
  awaitable<void> keep_releasing_volumes();
  awaitable<void> forget_volumes();
  static const schema::task_group* find_group(const schema::allocation& alloc);

  runner_context& node_;
  schema::ref<schema::allocation> alloc_;
  const schema::task_group* group_;
  alloc_dir dir_;
  log::logger logger_;
  std::vector<std::unique_ptr<task_runner>> tasks_;
  std::optional<schema::alloc_deployment_status> health_;
  task_network network_;
  std::shared_ptr<const schema::alloc_network_status> network_status_;
  status_summary status_;
  bool restored_ = false;
  bool stopping_ = false;
  bool siblings_killed_ = false;
  bool sidecars_killed_ = false;
  std::string watched_deployment_;
  bool health_watched_ = false;
  net::event changed_;
  net::task_scope scope_;
  net::task_scope health_scope_;
  alloc_services services_;
};

}  // namespace drover::client
