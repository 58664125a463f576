#include <unistd.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <csignal>

#include "base/text.h"
#include "client/driver/docker/container.h"
#include "client/driver/docker/exec_session.h"
#include "client/driver/docker/limits.h"
#include "client/driver/docker/state.h"
#include "client/driver/isolated.h"
#include "client/exec/isolation.h"
#include "client/system.h"
#include "codec/json.h"

namespace drover::client::docker {

std::string stored_task::serialise() const {
  value::object out;
  out.set("container", container);
  out.set("image", image);
  out.set("logs", logs);
  out.set("terminal", terminal);
  return codec::value_to_json(value(std::move(out)));
}

result<stored_task> stored_task::parse(std::string_view text) {
  auto decoded = codec::value_from_json(text);
  if (!decoded) return wrap(decoded.error(), "reading how to find a container again");
  stored_task out{.container = text_at(*decoded, "container"),
                  .image = text_at(*decoded, "image"),
                  .logs = text_at(*decoded, "logs"),
                  .terminal = boolean_at(*decoded, "terminal")};
  if (out.container.empty()) return fail(errc::corrupt, "what is stored of a docker task names no container");
  return out;
}

awaitable<result<std::unique_ptr<task_handle>>> start_logs(docker_driver::state& driver, task_spec spec, std::string container, bool terminal) {
  if (spec.logs.disabled || driver.options.disable_log_collection) co_return std::unique_ptr<task_handle>();
  CO_TRY_ASSIGN(auto prefix, co_await driver.engine->version_prefix());
  auto position = fmt::format("{}/docker-{}.position", spec.control_dir, container.substr(0, 12));
  // It is the agent's own program on the host, whatever the task is; without a group of its own, beside the other shims.
  spec.user.clear();
  spec.env.clear();
  spec.network = {};
  auto launch = base_launch_spec(driver.services, spec);
  launch.command = driver.services.shim_path;
  launch.docker_log = {.socket = driver.engine->socket_path(),
                       .target = fmt::format("{}/containers/{}/logs?follow=1&stdout=1&stderr=1&timestamps=1", prefix, container),
                       .position = position,
                       .terminal = terminal};
  auto started = co_await start_without_group(driver.services, std::move(launch));
  if (!started) co_return wrap(started.error(), "starting the collector of the container's output");
  co_return started;
}

namespace {

class docker_task : public task_handle {
 public:
  docker_task(docker_driver::state& driver, stored_task stored, task_spec spec, config c, std::unique_ptr<task_handle> logs, std::string stop_signal)
      : driver_(driver),
        engine_(driver.engine),
        stored_(std::move(stored)),
        spec_(std::move(spec)),
        config_(std::move(c)),
        logs_(std::move(logs)),
        stop_signal_(SIGTERM),
        place_(driver.containers.insert(stored_.container)) {
    // Its functions belong to whoever waited for the start, and a task's environment is not needed while it runs.
    spec_.tell = {};
    spec_.env.clear();
    spec_.config = value();
    if (auto number = exec::parse_signal(stop_signal); number && !stop_signal.empty()) stop_signal_ = *number;
  }
  ~docker_task() override { driver_.containers.erase(place_); }

  std::string serialise() const override { return stored_.serialise(); }
  int stop_signal() const override { return stop_signal_; }

  awaitable<task_exit> wait() override {
    if (!logs_) co_return co_await wait_container();
    using namespace boost::asio::experimental::awaitable_operators;
    auto first = co_await (wait_container() || keep_logs());
    ENSURE(first.index() == 0, "the collector is kept as long as the container runs");
    // Whoever sees the end finds all of the output.
    co_await net::with_deadline(wait_logs(), net::after(limits::logs_patience));
    co_return std::get<0>(std::move(first));
  }

  awaitable<result<>> signal(int number) override { co_return co_await send_signal(exec::signal_name(number)); }
  awaitable<result<>> kill() override { co_return co_await send_signal("SIGKILL"); }

  awaitable<void> destroy() override {
    if (logs_) co_await logs_->destroy();
    auto position = fmt::format("{}/docker-{}.position", spec_.control_dir, stored_.container.substr(0, 12));
    (void)co_await driver_.services.pool.run([&] { return ::unlink(position.c_str()); });
    if (driver_.options.gc_container) {
      // What cannot be removed now is found by the next sweep.
      if (auto gone = co_await engine_->remove_container(stored_.container); !gone)
        driver_.logger.warn("cannot remove a container", {{"container_id", stored_.container}, {"error", gone.error().text()}});
    }
    driver_.images->release(stored_.image, spec_.alloc_id + "/" + spec_.task_name);
  }

  awaitable<result<exec::task_usage>> usage() override;

  awaitable<result<std::unique_ptr<exec_process>>> exec(exec_options options) override {
    co_return co_await start_exec(engine_, driver_.scope, stored_.container, std::move(options));
  }

  awaitable<result<>> resize(schema::allocated_task_resources resources) override {
    CO_TRY(co_await engine_->call({.method = "POST", .target = path("/update"), .body = make_update(resources, config_)}));
    co_return result<>{};
  }

 private:
  std::string path(std::string_view rest) const { return fmt::format("/containers/{}{}", stored_.container, rest); }

  awaitable<result<>> send_signal(std::string name) {
    auto sent = co_await engine_->call({.method = "POST", .target = path("/kill?signal=" + name), .timeout = limits::kill_timeout});
    // "Container ... is not running".
    if (!sent && sent.error().code() == errc::conflict) co_return fail(errc::not_found, "the container does not run");
    if (!sent) co_return fail(sent.error());
    co_return result<>{};
  }

  awaitable<result<>> wait_logs() {
    if (!logs_ended_) co_await logs_->wait();
    co_return result<>{};
  }

  // Another collector when somebody killed the one that was there. Never returns.
  awaitable<void> keep_logs() {
    for (;;) {
      auto end = co_await logs_->wait();
      if (end.ok()) break;
      driver_.logger.warn("the collector of a container's output is gone: starting another", {{"container_id", stored_.container}});
      co_await net::sleep_for(limits::retry);
      auto again = co_await start_logs(driver_, spec_, stored_.container, stored_.terminal);
      if (again) {
        logs_ = std::move(*again);
        continue;
      }
      driver_.logger.error("a container's output is not collected", {{"container_id", stored_.container}, {"error", again.error().text()}});
      break;
    }
    logs_ended_ = true;
    co_await net::event().wait();
  }

  static task_exit exit_from(const value& facts) {
    task_exit out;
    out.code = integer_at(facts, "State.ExitCode");
    out.oom_killed = boolean_at(facts, "State.OOMKilled");
    if (out.code != 0) out.message = fmt::format("Docker container exited with non-zero exit code: {}", out.code);
    if (auto text = text_at(facts, "State.Error"); !text.empty()) out.message = text;
    if (out.oom_killed) out.message = "OOM Killed";
    return out;
  }

  // dockerd may go away and come back any number of times meanwhile.
  awaitable<task_exit> wait_container() {
    for (auto pause = limits::retry_first;;) {
      auto facts = co_await engine_->call({.target = path("/json")});
      if (facts) {
        auto status = text_at(*facts, "State.Status");
        if (status == "exited" || status == "dead") co_return exit_from(*facts);
        // Returns when it has ended; what it says is looked up above.
        auto ended = co_await engine_->call(
            {.method = "POST", .target = path(status == "removing" ? "/wait?condition=removed" : "/wait?condition=not-running"), .timeout = {}});
        if (ended && boolean_at(*facts, "State.Running")) {
          pause = limits::retry_first;
          continue;
        }
      } else if (facts.error().code() == errc::not_found) {
        co_return task_exit{.message = "the container was removed by somebody else, and how it ended is not known"};
      }
      co_await driver_.wait_for_dockerd();
      // It is there, yet refused or said nonsense.
      co_await net::sleep_for(pause);
      pause = std::min(duration(pause * 2), limits::retry_max);
    }
  }

  docker_driver::state& driver_;
  std::shared_ptr<api> engine_;
  stored_task stored_;
  task_spec spec_;
  config config_;
  std::unique_ptr<task_handle> logs_;
  // Nothing more comes of it.
  bool logs_ended_ = false;
  int stop_signal_;
  std::multiset<std::string>::iterator place_;
};

awaitable<result<exec::task_usage>> docker_task::usage() {
  CO_TRY_ASSIGN(auto stats, co_await engine_->call({.target = path("/stats?stream=false&one-shot=true"), .timeout = limits::ping_timeout}));
  auto number = [&](std::string_view where) { return static_cast<uint64_t>(std::max<int64_t>(0, integer_at(stats, where))); };
  exec::task_usage out;
  out.read_at_ns = wall_now().ns;
  out.cpu_total_ns = number("cpu_stats.cpu_usage.total_usage");
  out.cpu_user_ns = number("cpu_stats.cpu_usage.usage_in_usermode");
  out.cpu_system_ns = number("cpu_stats.cpu_usage.usage_in_kernelmode");
  out.throttled_periods = number("cpu_stats.throttling_data.throttled_periods");
  out.throttled_ns = number("cpu_stats.throttling_data.throttled_time");
  out.usage_bytes = number("memory_stats.usage");
  out.max_usage_bytes = number("memory_stats.max_usage");
  out.measured_cpu = {"Throttled Periods", "Throttled Time", "Percent"};
  if (find_at(stats, "memory_stats.stats.rss")) {
    out.rss_bytes = number("memory_stats.stats.rss");
    out.cache_bytes = number("memory_stats.stats.cache");
    out.swap_bytes = number("memory_stats.stats.swap");
    out.mapped_file_bytes = number("memory_stats.stats.mapped_file");
    out.measured_memory = {"RSS", "Cache", "Swap", "Usage", "Max Usage"};
  } else {
    out.cache_bytes = number("memory_stats.stats.file");
    out.measured_memory = {"Cache", "Usage"};
  }
  co_return out;
}

}  // namespace

std::unique_ptr<task_handle> make_handle(docker_driver::state& driver, stored_task stored, task_spec spec, config c, std::unique_ptr<task_handle> logs,
                                         std::string stop_signal) {
  return std::make_unique<docker_task>(driver, std::move(stored), std::move(spec), std::move(c), std::move(logs), std::move(stop_signal));
}

}  // namespace drover::client::docker
