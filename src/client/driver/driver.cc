#include "client/driver/driver.h"

namespace drover::client {

awaitable<result<driver_network>> task_driver::make_network(std::string, std::string) {
  co_return fail(errc::unsupported, "the {} driver makes no networks", name());
}

awaitable<result<>> task_driver::destroy_network(std::string, driver_network) { co_return result<>{}; }

}  // namespace drover::client
