#include "client/driver/driver.h"

#include <csignal>

namespace drover::client {

int task_handle::stop_signal() const { return SIGINT; }

awaitable<result<>> task_handle::stop(int, duration) { co_return fail(errc::unsupported, "this driver leaves stopping to its caller"); }

void task_driver::begin(std::function<void()>) {}

awaitable<void> task_driver::end() { co_return; }

awaitable<result<driver_network>> task_driver::make_network(std::string, std::string) {
  co_return fail(errc::unsupported, "the {} driver makes no networks", name());
}

awaitable<result<>> task_driver::destroy_network(std::string, driver_network) { co_return result<>{}; }

awaitable<result<std::unique_ptr<task_handle>>> task_driver::find(task_spec) { co_return fail(errc::not_found, "nothing of the task is left"); }

}  // namespace drover::client
