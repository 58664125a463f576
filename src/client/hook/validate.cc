#include <algorithm>

#include "base/text.h"
#include "client/hook/hook.h"
#include "client/system.h"
#include "client/task_event.h"

namespace drover::client {

namespace {
bool in_list(const client_options& o, const std::string& key, std::string_view otherwise, const std::string& wanted) {
  auto it = o.options.find(key);
  auto names = split(it == o.options.end() ? otherwise : std::string_view(it->second), ',');
  return std::any_of(names.begin(), names.end(), [&](auto n) { return trim(n) == wanted; });
}

// May this user run with this driver, and is the driver's configuration complete? Configuration is checked with the values it will have.
class validate_hook : public task_hook {
 public:
  std::string_view name() const override { return "validate"; }
  bool once() const override { return false; }
  awaitable<result<>> prestart(task_hook_context& c) override {
    auto checked = check(c);
    if (!checked) c.failure = events::failed_validation(wall_now(), checked.error().text());
    co_return checked;
  }

 private:
  static result<> check(task_hook_context& c) {
    auto env = c.env();
    auto user = env.replace(c.task.user);
    if (!user.empty() && in_list(c.node.options, "user.checked_drivers", "exec,qemu,java", c.task.driver) &&
        in_list(c.node.options, "user.denylist", "root,Administrator", user))
      return fail(errc::permission_denied, "running as user \"{}\" is disallowed with the {} driver", user, c.task.driver);
    value::object config;
    for (auto& [key, v] : c.task.config) config.set(key, env.replace_value(v));
    return c.driver.validate(value(std::move(config)));
  }
};
}  // namespace

std::unique_ptr<task_hook> make_validate_hook() { return std::make_unique<validate_hook>(); }

}  // namespace drover::client
