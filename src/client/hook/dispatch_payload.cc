#include <filesystem>

#include "client/hook/hook.h"
#include "client/limits.h"
#include "client/system.h"
#include "codec/snappy.h"

namespace drover::client {

namespace {
// The payload of a dispatched job, as a file below local/.
class dispatch_payload_hook : public task_hook {
 public:
  std::string_view name() const override { return "dispatch_payload"; }
  awaitable<result<>> prestart(task_hook_context& c) override {
    auto& payload = c.alloc->job->payload;
    if (!c.task.dispatch_payload || c.task.dispatch_payload->file.empty() || payload.empty()) co_return result<>{};
    namespace fs = std::filesystem;
    auto local = fs::path(c.dir.task(c.task.name).local);
    auto file = (local / fs::path("/" + c.task.dispatch_payload->file).lexically_normal().relative_path());
    CO_TRY(make_directories(file.parent_path().string(), 0777));
    CO_TRY_ASSIGN(auto plain, codec::snappy_uncompress(payload.data, limits::dispatch_payload_bytes_max));
    co_return write_file(file.string(), plain, 0666);
  }
};
}  // namespace

std::unique_ptr<task_hook> make_dispatch_payload_hook() { return std::make_unique<dispatch_payload_hook>(); }

}  // namespace drover::client
