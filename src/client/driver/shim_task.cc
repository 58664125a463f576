#include "client/driver/shim_task.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/driver/isolated.h"
#include "client/driver/shim_process.h"
#include "client/kill_point.h"
#include "client/limits.h"

namespace drover::client {

namespace asio = boost::asio;

namespace {

task_exit from_status(const exec::exit_status& s) {
  return {.code = s.code, .signal = s.signal, .oom_killed = s.oom_killed, .message = s.oom_killed ? "OOM Killed" : ""};
}
task_exit lost() { return {.message = "the task was lost: its supervisor is gone and how it ended is not known"}; }

int exit_code(const exec::exit_status& s) { return s.signal ? 128 + s.signal : s.code; }

// A task whose shim is gone; only its end is left to tell.
class ended_task : public task_handle {
 public:
  ended_task(std::string stored, task_exit exit) : stored_(std::move(stored)), exit_(std::move(exit)) {}
  std::string serialise() const override { return stored_; }
  awaitable<task_exit> wait() override { co_return exit_; }
  awaitable<result<>> signal(int) override { co_return gone(); }
  awaitable<result<>> kill() override { co_return result<>{}; }
  awaitable<void> destroy() override { co_return; }
  awaitable<result<exec::task_usage>> usage() override { co_return gone(); }
  awaitable<result<std::unique_ptr<exec_process>>> exec(exec_options) override { co_return gone(); }
  awaitable<result<>> resize(schema::allocated_task_resources) override { co_return gone(); }

 private:
  static std::unexpected<error> gone() { return fail(errc::not_found, "the task does not run"); }
  std::string stored_;
  task_exit exit_;
};

class shim_task : public task_handle {
 public:
  shim_task(shim_services& services, std::unique_ptr<exec::shim_handle> handle, bool limited)
      : services_(services), handle_(std::move(handle)), events_(services.loop), limited_(limited) {
    events_.assign(handle_->event_fd());
  }
  // The descriptor belongs to the handle.
  ~shim_task() override { events_.release(); }

  std::string serialise() const override { return handle_->info().serialise(); }

  awaitable<task_exit> wait() override {
    for (;;) {
      while (auto e = handle_->next_event()) {
        if (e->kind == exec::event::kind::exited) co_return from_status(e->exit);
        if (e->kind == exec::event::kind::exec_exited) end_session(e->session, exit_code(e->exit));
        if (e->kind == exec::event::kind::disconnected) co_return co_await find_exit();
      }
      boost::system::error_code failed;
      co_await events_.async_wait(asio::posix::stream_descriptor::wait_read, asio::redirect_error(asio::use_awaitable, failed));
    }
  }

  awaitable<result<>> signal(int number) override {
    co_return co_await services_.pool.run([this, number] { return handle_->signal(number); });
  }
  awaitable<result<>> kill() override {
    co_return co_await services_.pool.run([this] { return handle_->kill_tree(); });
  }
  awaitable<void> destroy() override {
    for (auto& [id, end] : sessions_) finish(*end, 137);
    (void)co_await services_.pool.run([this] { return handle_->shutdown(); });
  }
  awaitable<result<exec::task_usage>> usage() override {
    co_return co_await services_.pool.run([this] { return handle_->stats(); });
  }
  awaitable<result<>> resize(schema::allocated_task_resources resources) override {
    if (!limited_) co_return result<>{};
    auto limits = limits_of(resources);
    co_return co_await services_.pool.run([this, &limits] { return handle_->resize(limits); });
  }

  awaitable<result<std::unique_ptr<exec_process>>> exec(exec_options options) override {
    exec::exec_request request{.argv = std::move(options.command), .env = std::move(options.env), .work_dir = {}, .tty = options.tty};
    auto session = co_await services_.pool.run([this, &request] { return handle_->exec(request); });
    if (!session) co_return fail(session.error());
    auto end = std::make_shared<session_end>();
    // Its end may have been read while the pool thread was still returning.
    if (auto early = early_ends_.find(session->id()); early != early_ends_.end()) {
      finish(*end, early->second);
      early_ends_.erase(early);
    } else {
      sessions_[session->id()] = end;
    }
    co_return std::make_unique<shim_process>(services_.loop, services_.pool, std::move(*session), std::move(end));
  }

 private:
  static void finish(session_end& end, int code) {
    end.code = code;
    end.done.set();
  }
  void end_session(uint32_t id, int code) {
    auto it = sessions_.find(id);
    if (it == sessions_.end()) {
      early_ends_[id] = code;
      return;
    }
    finish(*it->second, code);
    sessions_.erase(it);
  }
  awaitable<task_exit> find_exit() {
    auto info = handle_->info();
    auto found = co_await services_.pool.run([&info] { return exec::shim_handle::find_exit(info); });
    for (auto& [id, end] : sessions_) finish(*end, 137);
    sessions_.clear();
    if (found && *found) co_return from_status(**found);
    co_return lost();
  }

  shim_services& services_;
  std::unique_ptr<exec::shim_handle> handle_;
  asio::posix::stream_descriptor events_;
  bool limited_;
  std::map<uint32_t, std::shared_ptr<session_end>> sessions_;
  std::map<uint32_t, int> early_ends_;
};

}  // namespace

std::string cgroup_name(const task_spec& task) { return task.alloc_id + "." + task.task_name; }

std::unique_ptr<task_handle> wrap_shim_task(shim_services& services, std::unique_ptr<exec::shim_handle> handle) {
  return std::make_unique<shim_task>(services, std::move(handle), false);
}

exec::launch_spec base_launch_spec(const shim_services& services, const task_spec& task) {
  exec::launch_spec spec;
  spec.id = task.alloc_id + "/" + task.task_name;
  spec.shim_path = services.shim_path;
  spec.control_dir = task.control_dir;
  spec.env = task.env;
  spec.user = task.user;
  spec.logs.dir = task.log_dir;
  spec.logs.task = task.task_name;
  spec.logs.max_files = static_cast<int>(task.logs.max_files);
  spec.logs.max_file_bytes = task.logs.max_file_size_mb * 1024 * 1024;
  spec.logs.disabled = task.logs.disabled;
  spec.shim_cgroup = services.cgroups.shim_cgroup();
  spec.network_namespace = task.network.namespace_path;
  return spec;
}

awaitable<result<std::unique_ptr<task_handle>>> start_shim_task(shim_services& services, exec::launch_spec spec, exec::cgroup_limits limits, std::string name) {
  bool limited = limits.is_set();
  auto started = co_await services.pool.run([&]() -> result<std::unique_ptr<exec::shim_handle>> {
    if (services.cgroups.mode() != exec::cgroup_mode::none) {
      TRY_ASSIGN(spec.cgroup, services.cgroups.create(name, limits));
    }
    kill_point("cgroup_made");
    auto handle = exec::shim_handle::start(spec);
    if (!handle && !spec.cgroup.empty()) (void)spec.cgroup.remove();
    return handle;
  });
  if (!started) co_return fail(started.error());
  co_return std::make_unique<shim_task>(services, std::move(*started), limited);
}

awaitable<result<std::unique_ptr<task_handle>>> start_without_group(shim_services& services, exec::launch_spec spec) {
  auto started = co_await services.pool.run([&] { return exec::shim_handle::start(spec); });
  if (!started) co_return fail(started.error());
  co_return wrap_shim_task(services, std::move(*started));
}

awaitable<result<std::unique_ptr<task_handle>>> find_shim_task(shim_services& services, task_spec task, exec::cgroup_limits limits) {
  exec::reattach_info unknown;
  unknown.control_dir = std::move(task.control_dir);
  unknown.cgroup = services.cgroups.find(cgroup_name(task), limits);
  CO_TRY_ASSIGN(auto attached, co_await services.pool.run([&] { return exec::shim_handle::attach(unknown); }));
  co_return std::make_unique<shim_task>(services, std::move(attached), limits.is_set());
}

awaitable<result<std::unique_ptr<task_handle>>> recover_shim_task(shim_services& services, std::string stored, bool limited) {
  auto info = exec::reattach_info::parse(stored);
  if (!info) co_return wrap(info.error(), "reading how to find the task again");
  auto attached = co_await services.pool.run([&] { return exec::shim_handle::attach(*info); });
  if (attached) co_return std::make_unique<shim_task>(services, std::move(*attached), limited);
  auto found = co_await services.pool.run([&] { return exec::shim_handle::find_exit(*info); });
  if (found && *found) co_return std::make_unique<ended_task>(stored, from_status(**found));
  co_return fail(errc::not_found, "{}", lost().message);
}

}  // namespace drover::client
