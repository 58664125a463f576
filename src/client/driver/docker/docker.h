// docker: runs an image through the Docker Engine API.
//
// Loop thread. Lifecycle: created with the agent, begin() starts looking after dockerd (is it there, which version, leftover containers), end()
// stops that. Tasks run on while the agent or, where dockerd keeps them, dockerd is away; they are found again by the container's id.
//
// Output: dockerd keeps a container's log in a small file of its own. Beside each container stands a shim, without a process below it: it
// follows that log itself and writes it to the allocation's rotated files, whether or not an agent runs
// (docs/howto/docker.md says more).
#pragma once

#include <memory>
#include <string>

#include "client/driver/docker/config.h"
#include "client/driver/shim_task.h"

namespace drover::client {

class docker_driver : public task_driver {
 public:
  // `agent` tells the containers of this agent from those of others; `plugin` is its plugin block.
  docker_driver(shim_services& services, std::string agent, const value& plugin);
  ~docker_driver() override;
  std::string name() const override { return "docker"; }
  void begin(std::function<void()> changed) override;
  awaitable<void> end() override;
  schema::driver_info fingerprint() const override;
  bool has_own_root() const override { return true; }
  bool has_image() const override { return true; }
  bool makes_network() const override { return true; }
  awaitable<result<driver_network>> make_network(std::string alloc_id, std::string hostname) override;
  awaitable<result<>> destroy_network(std::string alloc_id, driver_network made) override;
  result<> validate(const value& config) const override;
  awaitable<result<std::unique_ptr<task_handle>>> start(task_spec spec) override;
  awaitable<result<std::unique_ptr<task_handle>>> recover(task_spec spec, std::string stored) override;
  awaitable<result<std::unique_ptr<task_handle>>> find(task_spec spec) override;

  struct state;

 private:
  std::unique_ptr<state> state_;
};

}  // namespace drover::client
