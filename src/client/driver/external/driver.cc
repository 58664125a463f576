#include "client/driver/external/driver.h"

#include <sys/stat.h>
#include <unistd.h>

#include "client/driver/external/limits.h"
#include "client/driver/external/task.h"
#include "client/driver/isolated.h"
#include "client/system.h"
#include "codec/msgpack_value.h"
#include "grpc/protobuf.h"

namespace drover::client::external {

bool external_driver::has_own_root() const {
  auto root = plugin_->can().root;
  return root == capabilities::isolation::chroot || root == capabilities::isolation::image;
}
bool external_driver::has_image() const { return plugin_->can().root == capabilities::isolation::image; }

result<> external_driver::validate(const value& config) const {
  // A plugin that is not up yet looks at it when it starts the task.
  if (plugin_->task_schema()) TRY(plugin_->task_schema()->evaluate(config));
  return {};
}

awaitable<result<driver_network>> external_driver::make_network(std::string alloc_id, std::string hostname) {
  auto request = grpc::message_writer().text(1, alloc_id).text(2, hostname).take();
  CO_TRY_ASSIGN(auto answer, co_await plugin_->call("CreateNetwork", std::move(request), net::after(limits::start_timeout)));
  CO_TRY_ASSIGN(auto made, parse_create_network(answer));
  co_return driver_network{.namespace_path = made.spec.path, .labels = made.spec.labels};
}

awaitable<result<>> external_driver::destroy_network(std::string alloc_id, driver_network made) {
  isolation_spec spec{.mode = isolation_spec::group, .path = made.namespace_path, .labels = made.labels, .hostname = {}, .address = {}};
  auto request = grpc::message_writer().text(1, alloc_id).message(2, encode(spec)).take();
  CO_TRY(co_await plugin_->call("DestroyNetwork", std::move(request), net::after(limits::call_timeout)));
  co_return result<>{};
}

namespace {
result<> make_fifos(const output_paths& output) {
  for (const auto& path : {output.out, output.err}) {
    (void)::unlink(path.c_str());
    if (::mkfifo(path.c_str(), 0600) != 0) return fail(system_error(errno, "making the FIFO " + path));
  }
  return {};
}

// Reads what the driver writes, from before the task starts. It is the agent's own program on the host, whatever the task is.
awaitable<result<std::unique_ptr<task_handle>>> start_collector(shim_services& services, task_spec spec, output_paths output) {
  CO_TRY(co_await services.pool.run([&] { return make_fifos(output); }));
  spec.user.clear();
  spec.env.clear();
  spec.network = {};
  auto launch = base_launch_spec(services, spec);
  launch.command = services.shim_path;
  launch.args = {"--fifo-logs", output.out, output.err};
  auto started = co_await start_without_group(services, std::move(launch));
  if (!started) co_return wrap(started.error(), "starting the collector of the task's output");
  co_return started;
}

// What a start made so far, so that one that fails, is cancelled or was cut off by the end of the agent leaves nothing behind.
struct beginning {
  stored_task stored;
  std::shared_ptr<task_handle> logs;
};

// To its end, also while the agent stops.
awaitable<void> undo(plugin* p, beginning b) {
  co_await net::keep_going();
  if (b.logs) co_await b.logs->destroy();
  (void)co_await p->call("DestroyTask", grpc::message_writer().text(1, b.stored.task_id).flag(2, true).take(), net::after(limits::end_patience));
  co_await p->services().pool.run([&] {
    if (auto group = exec::task_cgroup::parse(b.stored.cgroup); !b.stored.cgroup.empty() && group) {
      (void)group->kill();
      (void)group->remove();
    }
  });
}

class start_guard {
 public:
  start_guard(std::shared_ptr<plugin> p, beginning b) : plugin_(std::move(p)), task_id_(b.stored.task_id), begun_(std::move(b)) {}
  ~start_guard() {
    plugin_->listeners.erase(task_id_);
    if (!done_) plugin_->scope().spawn(&undo, plugin_.get(), std::move(begun_));
  }
  void done() { done_ = true; }
  // Now, and not when it goes out of scope.
  awaitable<void> undo_now() {
    done_ = true;
    co_await undo(plugin_.get(), std::move(begun_));
  }

 private:
  std::shared_ptr<plugin> plugin_;
  std::string task_id_;
  beginning begun_;
  bool done_ = false;
};

// What an agent that died in the middle of a start left.
awaitable<void> undo_earlier(std::shared_ptr<plugin> p, std::string note) {
  auto text = read_file(note);
  auto stored = text ? stored_task::parse(*text) : fail(errc::not_found, "nothing was begun");
  if (!stored) co_return;
  beginning b{.stored = std::move(*stored), .logs = nullptr};
  if (!b.stored.logs.empty())
    if (auto logs = co_await recover_shim_task(p->services(), b.stored.logs, false)) b.logs = std::move(*logs);
  co_await undo(p.get(), std::move(b));
  (void)::unlink(note.c_str());
}

// An error of StartTask: one that may pass is told from one that will not.
error start_error(const grpc::status& status) {
  auto e = status.error();
  auto passes = recoverable(status.details);
  if (passes) return {*passes ? errc::unavailable : errc::unknown, e.text()};
  return {e.code() == errc::unavailable ? errc::unavailable : errc::unknown, e.text()};
}

awaitable<result<start_answer>> ask_to_start(std::shared_ptr<plugin> p, std::string request) {
  CO_TRY_ASSIGN(auto way, co_await p->ready(net::after(limits::ready_timeout)));
  auto answer = co_await way->ask(std::string(driver_service) + "StartTask", std::move(request));
  if (!answer.status.ok()) co_return fail(start_error(answer.status));
  CO_TRY_ASSIGN(auto started, parse_start(answer.message));
  if (started.result == start_answer::outcome::retry) co_return fail(errc::unavailable, "{}", started.message);
  if (started.result == start_answer::outcome::fatal) co_return fail(errc::unknown, "{}", started.message);
  if (started.handle.empty()) co_return fail(errc::unknown, "the driver started the task and gave no handle of it");
  co_return started;
}

// On cgroup v2 a driver is told of a group that is there and empty; elsewhere drivers make their own.
awaitable<result<exec::task_cgroup>> make_group(shim_services& services, const task_spec& spec) {
  if (services.cgroups.mode() != exec::cgroup_mode::v2) co_return exec::task_cgroup();
  auto name = cgroup_name(spec);
  auto limits = limits_of(spec.resources);
  co_return co_await services.pool.run([&] { return services.cgroups.create(name, limits); });
}
}  // namespace

awaitable<result<std::unique_ptr<task_handle>>> external_driver::start(task_spec spec) {
  auto p = plugin_;
  CO_TRY(co_await p->ready(net::after(limits::ready_timeout)));
  CO_TRY_ASSIGN(auto config, p->task_schema()->evaluate(spec.config));
  task_request request{.id = fmt::format("{}/{}/{}", spec.alloc_id, spec.task_name, new_uuid().substr(0, 8)),
                       .msgpack = codec::value_to_msgpack(config),
                       .stdout_path = "/dev/null",
                       .stderr_path = "/dev/null",
                       .cgroup = {}};
  auto output = output_of(spec);
  auto note = note_of(spec);
  co_await undo_earlier(p, note);
  std::unique_ptr<task_handle> logs;
  if (!spec.logs.disabled && !p->can().disable_log_collection) {
    CO_TRY_ASSIGN(logs, co_await start_collector(p->services(), spec, output));
    request.stdout_path = output.out;
    request.stderr_path = output.err;
  }
  beginning begun{.stored = {.task_id = request.id, .handle = "none yet", .logs = logs ? logs->serialise() : std::string(), .cgroup = {}},
                  .logs = std::move(logs)};
  auto collector = begun.logs;
  auto group = co_await make_group(p->services(), spec);
  if (group && !group->empty()) {
    request.cgroup = group->unified;
    begun.stored.cgroup = group->serialise();
  }
  auto stored = begun.stored;
  start_guard guard(p, std::move(begun));
  if (!group) co_return fail(group.error());
  auto noted = write_file(note, stored.serialise(), 0600);
  p->listeners[request.id] = spec.tell;
  auto generation = p->generation();
  auto started = noted ? co_await ask_to_start(p, grpc::message_writer().message(1, encode_task(spec, request)).take()) : fail(noted.error());
  if (!started) {
    co_await guard.undo_now();
    (void)::unlink(note.c_str());
    co_return fail(started.error());
  }
  guard.done();
  stored.handle = std::move(started->handle);
  co_return make_handle(p, std::move(stored), std::move(output), std::move(collector), generation);
}

awaitable<result<std::unique_ptr<task_handle>>> external_driver::recover(task_spec spec, std::string text) {
  auto p = plugin_;
  CO_TRY_ASSIGN(auto stored, stored_task::parse(text));
  auto way = co_await p->ready(net::after(limits::ready_timeout));
  // Not known is not gone: the handle waits for the driver, and recovers the task when it is there.
  uint64_t generation = 0;
  if (way) {
    generation = p->generation();
    CO_TRY(co_await recover_task(p, stored.handle, stored.task_id));
  }
  std::shared_ptr<task_handle> logs;
  if (!stored.logs.empty()) {
    auto found = co_await recover_shim_task(p->services(), stored.logs, false);
    if (found) logs = std::move(*found);
    else p->logger().warn("the collector of a task's output is gone", {{"task_id", stored.task_id}, {"error", found.error().text()}});
  }
  co_return make_handle(p, std::move(stored), output_of(spec), std::move(logs), generation);
}

// Without the handle that the plugin gave there is no way to the task but to end it.
awaitable<result<std::unique_ptr<task_handle>>> external_driver::find(task_spec spec) {
  auto p = plugin_;
  auto note = note_of(spec);
  CO_TRY(co_await p->ready(net::after(limits::ready_timeout)));
  co_await undo_earlier(p, std::move(note));
  co_return fail(errc::not_found, "what the driver had begun is undone");
}

}  // namespace drover::client::external
