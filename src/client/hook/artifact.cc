#include "client/artifact.h"
#include "client/hook/hook.h"
#include "client/system.h"
#include "client/task_event.h"
#include "client/task_path.h"

namespace drover::client {

namespace {
class artifact_hook : public task_hook {
 public:
  std::string_view name() const override { return "artifacts"; }
  awaitable<result<>> prestart(task_hook_context& c) override {
    if (c.task.artifacts.empty()) co_return result<>{};
    c.emit(events::downloading_artifacts(wall_now()));
    for (auto& artifact : c.task.artifacts) {
      auto done = co_await fetch(c, artifact);
      if (done) continue;
      c.failure = events::failed_artifact_download(wall_now(), done.error().text());
      co_return fail(done.error());
    }
    co_return result<>{};
  }

 private:
  static awaitable<result<>> fetch(task_hook_context& c, const schema::task_artifact& a) {
    auto env = c.env();
    artifact_request request;
    request.source = env.replace(a.getter_source);
    for (auto& [key, v] : a.getter_options) request.options[key] = env.replace(v);
    for (auto& [key, v] : a.getter_headers) request.headers[key] = env.replace(v);
    request.mode = a.getter_mode;
    request.insecure = a.getter_insecure;
    CO_TRY_ASSIGN(request.destination,
                  host_path(env, c.dir, c.task.name, c.driver.has_own_root(), a.relative_dest.empty() ? "local/" : a.relative_dest));
    co_return co_await c.node.pool.run([&request] { return fetch_artifact(request); });
  }
};
}  // namespace

std::unique_ptr<task_hook> make_artifact_hook() { return std::make_unique<artifact_hook>(); }

}  // namespace drover::client
