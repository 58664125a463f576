// The inside of docker_driver: shared by the files of this folder only. Loop thread.
#pragma once

#include <set>

#include "client/driver/docker/api.h"
#include "client/driver/docker/docker.h"
#include "client/driver/docker/images.h"
#include "net/task_scope.h"

namespace drover::client {

struct docker_driver::state {
  state(shim_services& s, std::string a, result<docker::options> o);

  // watch.cc: dockerd's health, and containers that belong to nobody.
  awaitable<void> watch();
  awaitable<result<>> look();
  awaitable<void> wait_for_end();
  void set_info(schema::driver_info next);
  void set_away();
  // For who could not reach dockerd: asks it now instead of waiting until its end is noticed. Returns once it answers.
  awaitable<void> wait_for_dockerd();
  awaitable<void> sweep_regularly();
  awaitable<result<>> sweep(int64_t now_seconds);
  // network.cc
  awaitable<result<std::string>> infra_image();

  result<> ready() const;

  shim_services& services;
  std::string agent;
  docker::options options;
  // What is wrong with the plugin block; then there is no engine.
  std::optional<error> wrong;
  log::logger logger;
  net::task_scope scope;
  std::shared_ptr<docker::api> engine;
  std::unique_ptr<docker::images> images;
  // Of tasks that run, or are about to: ids, and names while they are made.
  std::multiset<std::string> containers;
  schema::driver_info info;
  bool was_detected = false;
  // Set while dockerd answers; notified when it comes.
  net::event reachable;
  // Set by who finds that dockerd is away: look at it now.
  net::event doubted;
  std::function<void()> changed;
};

namespace docker {

// What is stored of a task.
struct stored_task {
  std::string container, image, logs;
  bool terminal = false;
  std::string serialise() const;
  static result<stored_task> parse(std::string_view text);
};

// task.cc
std::unique_ptr<task_handle> make_handle(docker_driver::state& driver, stored_task stored, task_spec spec, config c, std::unique_ptr<task_handle> logs,
                                         std::string stop_signal);
// Starts the collector of a container's output; null: none is wanted.
awaitable<result<std::unique_ptr<task_handle>>> start_logs(docker_driver::state& driver, task_spec spec, std::string container, bool terminal);

}  // namespace docker
}  // namespace drover::client
