#include "client/hook/hook.h"
#include "client/system.h"
#include "client/task_event.h"

namespace drover::client {

namespace {
class task_dir_hook : public task_hook {
 public:
  std::string_view name() const override { return "task_dir"; }
  awaitable<result<>> prestart(task_hook_context& c) override {
    c.emit(events::setup(wall_now(), "Building Task Directory"));
    auto built = c.dir.build_task(c.task.name, c.task.resources ? c.task.resources->secrets_mb : 0);
    if (!built) c.failure = events::setup_failure(wall_now(), built.error().text());
    co_return built;
  }
};
}  // namespace

std::unique_ptr<task_hook> make_task_dir_hook() { return std::make_unique<task_dir_hook>(); }

}  // namespace drover::client
