// The sinks of a task's logs block: what it writes goes there too, as long as it lives.
#include "client/hook/hook.h"
#include "client/logs/log_sink.h"
#include "client/system.h"
#include "client/task_event.h"
#include "net/task_scope.h"

namespace drover::client {

namespace {

class log_sinks_hook : public task_hook {
 public:
  std::string_view name() const override { return "log_sinks"; }
  bool once() const override { return false; }

  // A restarted task goes on in the same files. A sink that cannot be had is told and does not stop the task.
  awaitable<result<>> prestart(task_hook_context& c) override {
    begin(c);
    co_return result<>{};
  }
  void resumed(task_hook_context& c) override { begin(c); }

  awaitable<void> stop() override {
    if (!scope_) co_return;
    co_await scope_->stop();
    for (auto& each : shippers_) co_await each->drain();
    shippers_.clear();
    scope_.reset();
  }

 private:
  void begin(task_hook_context& c) {
    if (scope_ || !c.task.log_config || c.task.log_config->sinks.empty() || c.task.log_config->disabled) return;
    scope_ = std::make_unique<net::task_scope>(c.node.loop, c.node.logger.named("log_sinks"));
    for (const auto& sink : c.task.log_config->sinks)
      if (auto begun = begin_one(c, sink); !begun)
        c.emit(events::hook_message(wall_now(), fmt::format("Log sink \"{}\" is not used: {}", sink.name, begun.error().text())));
  }

  result<> begin_one(task_hook_context& c, const schema::log_sink& sink) {
    auto control = c.node.control_root + "/" + c.alloc->id + "/" + c.task.name;
    TRY(make_directories(control, 0700));
    log_sink_options options{.sink = sink,
                             .labels = {.namespace_ = c.alloc->namespace_,
                                        .job = c.alloc->job_id,
                                        .group = c.group.name,
                                        .task = c.task.name,
                                        .alloc_id = c.alloc->id,
                                        .node = c.node.node()->name},
                             .log_dir = c.dir.logs(),
                             .position_file = control + "/sink." + sink.name,
                             .max_files = c.task.log_config->max_files,
                             .file_bytes_max = c.task.log_config->max_file_size_mb * 1024 * 1024};
    options.sink.address = c.env().replace(sink.address);
    TRY_ASSIGN(auto target, make_log_target(options, c.node.loop, c.node.pool));
    auto& shipper = shippers_.emplace_back(std::make_unique<log_shipper>(std::move(options), std::move(target), c.node.loop, c.node.pool, *c.node.log_sinks));
    scope_->spawn(&log_shipper::run, shipper.get());
    return {};
  }

  std::vector<std::unique_ptr<log_shipper>> shippers_;
  std::unique_ptr<net::task_scope> scope_;
};

}  // namespace

std::unique_ptr<task_hook> make_log_sinks_hook() { return std::make_unique<log_sinks_hook>(); }

}  // namespace drover::client
