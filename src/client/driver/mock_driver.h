// mock_driver: a task that exists only as a timer. For tests of jobs and of this agent: it ends, fails and refuses as its configuration says.
// Its tasks do not outlive the agent; recover() says not_found.
#pragma once

#include "client/driver/driver.h"

namespace drover::client {

class mock_driver : public task_driver {
 public:
  explicit mock_driver(bool enabled) : enabled_(enabled) {}
  std::string name() const override { return "mock_driver"; }
  schema::driver_info fingerprint() const override;
  bool has_own_root() const override { return false; }
  result<> validate(const value& config) const override;
  awaitable<result<std::unique_ptr<task_handle>>> start(task_spec spec) override;
  awaitable<result<std::unique_ptr<task_handle>>> recover(task_spec spec, std::string stored) override;

 private:
  bool enabled_;
};

}  // namespace drover::client
