#include <pwd.h>

#include <vector>

#include "client/artifact/child.h"
#include "client/hook/hook.h"
#include "client/system.h"
#include "client/task_event.h"
#include "client/task_path.h"

namespace drover::client {

namespace {
// The task's user and group, for chown = true.
result<> take_owner(const std::string& user, artifact_request& request) {
  if (user.empty()) return {};
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return fail(errc::invalid, "the user \"{}\" of the task is not known on this node", user);
  request.uid = entry.pw_uid;
  request.gid = entry.pw_gid;
  return {};
}

class artifact_hook : public task_hook {
 public:
  std::string_view name() const override { return "artifacts"; }
  awaitable<result<>> prestart(task_hook_context& c) override {
    if (c.task.artifacts.empty()) co_return result<>{};
    c.emit(events::downloading_artifacts(wall_now()));
    for (auto& artifact : c.task.artifacts) {
      auto done = co_await fetch(c, artifact);
      if (done) continue;
      c.failure =
          events::failed_artifact_download(wall_now(), fmt::format("failed to download artifact \"{}\": {}", artifact.getter_source, done.error().text()));
      // What the server does may be better next time: the restart policy decides.
      auto code = done.error().code();
      if (code == errc::not_found || code == errc::too_large) code = errc::unavailable;
      co_return fail(code, "{}", done.error().text());
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
    request.root = c.dir.root();
    request.limits = c.node.options.artifacts;
    if (a.chown) CO_TRY(take_owner(c.task.user, request));
    CO_TRY_ASSIGN(request.destination, host_path(env, c.dir, c.task.name, c.driver.has_own_root(), a.relative_dest.empty() ? "local/" : a.relative_dest));
    co_return co_await fetch_in_child(c.node.loop, std::move(request));
  }
};
}  // namespace

std::unique_ptr<task_hook> make_artifact_hook() { return std::make_unique<artifact_hook>(); }

}  // namespace drover::client
