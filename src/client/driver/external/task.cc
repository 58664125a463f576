#include "client/driver/external/task.h"

#include <unistd.h>

#include <csignal>

#include "base/bytes.h"
#include "client/driver/external/limits.h"
#include "client/exec/isolation.h"
#include "client/system.h"
#include "codec/json.h"
#include "grpc/protobuf.h"

namespace drover::client::external {

using grpc::message_writer;

std::string stored_task::serialise() const {
  value::object out;
  out.set("task_id", task_id);
  out.set("handle", base64_encode(handle));
  out.set("logs", logs);
  out.set("cgroup", cgroup);
  return codec::value_to_json(value(std::move(out)));
}

result<stored_task> stored_task::parse(std::string_view text) {
  auto decoded = codec::value_from_json(text);
  if (!decoded) return wrap(decoded.error(), "reading how to find a task again");
  auto text_at = [&](std::string_view key) {
    const auto* v = decoded->find(key);
    return v != nullptr && v->as_string() != nullptr ? *v->as_string() : std::string();
  };
  stored_task out{.task_id = text_at("task_id"), .handle = {}, .logs = text_at("logs"), .cgroup = text_at("cgroup")};
  auto handle = base64_decode(text_at("handle"));
  if (out.task_id.empty() || !handle || handle->empty()) return fail(errc::corrupt, "what is stored of a task names no task");
  out.handle = std::move(*handle);
  return out;
}

output_paths output_of(const task_spec& spec) {
  auto path = [&](std::string_view which) { return fmt::format("{}/.{}.{}.fifo", spec.log_dir, spec.task_name, which); };
  return {path("stdout"), path("stderr"), note_of(spec)};
}

std::string note_of(const task_spec& spec) { return spec.control_dir + "/external-start"; }

awaitable<result<>> recover_task(std::shared_ptr<plugin> p, std::string handle, std::string task_id) {
  auto request = message_writer().text(1, task_id).message(2, handle).take();
  auto done = co_await p->call("RecoverTask", std::move(request), net::after(limits::call_timeout));
  if (!done) co_return fail(errc::not_found, "the driver does not find the task again: {}", done.error().text());
  co_return result<>{};
}

namespace {

class external_task : public task_handle {
 public:
  external_task(std::shared_ptr<plugin> p, stored_task stored, output_paths output, std::shared_ptr<task_handle> logs, uint64_t generation)
      : plugin_(std::move(p)), stored_(std::move(stored)), output_(std::move(output)), logs_(std::move(logs)), generation_(generation) {}

  std::string serialise() const override { return stored_.serialise(); }
  int stop_signal() const override { return SIGINT; }

  awaitable<task_exit> wait() override {
    auto exit = co_await wait_driver();
    if (logs_) {
      // It takes what is there and ends: whoever sees the end finds all of the output.
      (void)co_await logs_->signal(SIGTERM);
      (void)co_await net::with_deadline(wait_logs(), net::after(limits::logs_patience));
    }
    co_return exit;
  }

  awaitable<result<>> signal(int number) override {
    if (!plugin_->can().send_signals) co_return fail(errc::unsupported, "driver \"{}\" cannot send signals to tasks", plugin_->name());
    CO_TRY(co_await call("SignalTask", id().text(2, exec::signal_name(number)), limits::call_timeout));
    co_return result<>{};
  }

  awaitable<result<>> stop(int number, duration timeout) override {
    auto request = id().message(2, grpc::seconds_message(timeout.ns)).text(3, exec::signal_name(number));
    CO_TRY(co_await call("StopTask", std::move(request), timeout + limits::stop_patience));
    co_return result<>{};
  }

  awaitable<result<>> kill() override {
    auto stopped = co_await call("StopTask", id().message(2, grpc::seconds_message(0)).text(3, "SIGKILL"), limits::stop_patience);
    if (stopped || stopped.error().code() == errc::not_found) co_return result<>{};
    co_return fail(stopped.error());
  }

  awaitable<void> destroy() override {
    auto gone = co_await call("DestroyTask", id().flag(2, true), limits::call_timeout);
    if (!gone && gone.error().code() != errc::not_found)
      plugin_->logger().warn("a driver does not forget a task", {{"task_id", stored_.task_id}, {"error", gone.error().text()}});
    if (logs_) co_await logs_->destroy();
    co_await plugin_->services().pool.run([&] {
      (void)::unlink(output_.out.c_str());
      (void)::unlink(output_.err.c_str());
      (void)::unlink(output_.note.c_str());
      if (auto group = exec::task_cgroup::parse(stored_.cgroup); !stored_.cgroup.empty() && group) {
        (void)group->kill();
        (void)group->remove();
      }
    });
  }

  awaitable<result<exec::task_usage>> usage() override;

  awaitable<result<std::unique_ptr<exec_process>>> exec(exec_options options) override {
    if (!plugin_->can().exec) co_return fail(errc::unsupported, "driver \"{}\" cannot run commands in its tasks", plugin_->name());
    co_return co_await start_exec(plugin_, stored_.task_id, std::move(options));
  }

  // The protocol has no way to say so; the driver keeps the limits it was given.
  awaitable<result<>> resize(schema::allocated_task_resources) override { co_return result<>{}; }

 private:
  message_writer id() const { return message_writer().text(1, stored_.task_id); }
  awaitable<result<std::string>> call(std::string method, message_writer request, duration timeout) {
    return plugin_->call(std::move(method), request.take(), net::after(timeout));
  }
  awaitable<result<>> wait_logs() {
    co_await logs_->wait();
    co_return result<>{};
  }

  // The plugin may end and come back any number of times meanwhile.
  awaitable<task_exit> wait_driver() {
    for (;;) {
      auto way = co_await plugin_->ready(net::never);
      if (!way) co_return task_exit{.message = fmt::format("the driver is gone, and how the task ended is not known: {}", way.error().text())};
      if (generation_ != plugin_->generation()) {
        auto now = plugin_->generation();
        auto found = co_await recover_task(plugin_, stored_.handle, stored_.task_id);
        if (!found && (*way)->closed()) continue;
        if (!found) co_return task_exit{.message = found.error().text()};
        generation_ = now;
      }
      auto answer = co_await (*way)->ask(std::string(driver_service) + "WaitTask", id().take());
      if (!answer.status.ok()) {
        // With the connection everything ends; whether the task did is asked over the next one.
        if ((*way)->closed()) continue;
        co_return task_exit{.message = answer.status.error().text()};
      }
      auto exit = parse_wait(answer.message);
      if (exit) co_return std::move(*exit);
      co_return task_exit{.message = exit.error().text()};
    }
  }

  std::shared_ptr<plugin> plugin_;
  stored_task stored_;
  output_paths output_;
  std::shared_ptr<task_handle> logs_;
  uint64_t generation_;
  // Drivers tell percents of the time between two samples; totals are what is kept here.
  exec::task_usage total_;
};

awaitable<result<exec::task_usage>> external_task::usage() {
  CO_TRY_ASSIGN(auto way, co_await plugin_->ready(net::after(limits::stats_timeout)));
  CO_TRY_ASSIGN(auto stream, way->open(std::string(driver_service) + "TaskStats"));
  CO_TRY(co_await stream->send(id().message(2, grpc::seconds_message(seconds(1).ns)).take()));
  stream->finish_sending();
  auto message = co_await stream->receive(net::after(limits::stats_timeout));
  if (!message && stream->has_ended()) co_return fail(errc::unavailable, "driver \"{}\" gives no figures: {}", plugin_->name(), stream->ended().message);
  if (!message) co_return fail(errc::timeout, "driver \"{}\" gives no figures", plugin_->name());
  CO_TRY_ASSIGN(auto sample, parse_stats(*message));
  auto out = sample.memory;
  out.read_at_ns = wall_now().ns;
  double elapsed = total_.read_at_ns == 0 ? 0 : static_cast<double>(out.read_at_ns - total_.read_at_ns) / 100;
  auto add = [&](uint64_t before, double percent) { return before + static_cast<uint64_t>(std::max(0.0, percent * elapsed)); };
  out.cpu_system_ns = add(total_.cpu_system_ns, sample.system_percent);
  out.cpu_user_ns = add(total_.cpu_user_ns, sample.user_percent);
  out.cpu_total_ns = add(total_.cpu_total_ns, sample.percent);
  total_ = out;
  co_return out;
}
}  // namespace

std::unique_ptr<task_handle> make_handle(std::shared_ptr<plugin> p, stored_task stored, output_paths output, std::shared_ptr<task_handle> logs,
                                         uint64_t generation) {
  return std::make_unique<external_task>(std::move(p), std::move(stored), std::move(output), std::move(logs), generation);
}

}  // namespace drover::client::external
