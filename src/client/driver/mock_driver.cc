#include "client/driver/mock_driver.h"

#include <algorithm>

#include "client/driver/config_reader.h"
#include "net/event.h"

namespace drover::client {

namespace {
struct mock_config {
  std::string start_error, exit_error, signal_error, stdout_text;
  bool start_error_recoverable = false;
  duration start_block_for, run_for, kill_after;
  int64_t exit_code = 0, exit_signal = 0;
};

result<mock_config> decode(const value& config) {
  config_reader r("mock_driver", config);
  mock_config out;
  out.start_error = r.text("start_error");
  out.start_error_recoverable = r.boolean("start_error_recoverable", false);
  out.start_block_for = r.time("start_block_for");
  out.run_for = r.time("run_for");
  out.kill_after = r.time("kill_after");
  out.exit_code = r.integer("exit_code", 0);
  out.exit_signal = r.integer("exit_signal", 0);
  out.exit_error = r.text("exit_err_msg");
  out.signal_error = r.text("signal_error");
  out.stdout_text = r.text("stdout_string");
  TRY(r.finish());
  return out;
}

class mock_task : public task_handle {
 public:
  explicit mock_task(mock_config config) : config_(std::move(config)), end_(net::after(config_.run_for)) {}
  std::string serialise() const override { return "mock"; }

  awaitable<task_exit> wait() override {
    co_await stopped_.wait(end_);
    if (!stopped_.is_set()) co_return task_exit{config_.exit_code, config_.exit_signal, false, config_.exit_error};
    if (config_.kill_after.ns > 0 && signalled_) co_await killed_.wait(net::after(config_.kill_after));
    co_return task_exit{0, signal_, false, {}};
  }
  awaitable<result<>> signal(int number) override {
    if (!config_.signal_error.empty()) co_return fail(errc::io, "{}", config_.signal_error);
    signal_ = number;
    signalled_ = true;
    if (number == 2 || number == 15) stopped_.set();
    co_return result<>{};
  }
  awaitable<result<>> kill() override {
    signal_ = 9;
    killed_.set();
    stopped_.set();
    co_return result<>{};
  }
  awaitable<void> destroy() override { co_return; }
  awaitable<result<exec::task_usage>> usage() override { co_return exec::task_usage{}; }
  awaitable<result<std::unique_ptr<exec_process>>> exec(exec_options) override { co_return fail(errc::unsupported, "the mock_driver cannot run commands"); }
  awaitable<result<>> resize(schema::allocated_task_resources) override { co_return result<>{}; }

 private:
  mock_config config_;
  net::time_point end_;
  net::event stopped_, killed_;
  bool signalled_ = false;
  int64_t signal_ = 0;
};
}  // namespace

schema::driver_info mock_driver::fingerprint() const {
  schema::driver_info info;
  if (!enabled_) return info;
  info.detected = info.healthy = true;
  info.health_description = "Healthy";
  info.attributes["driver.mock_driver"] = "true";
  return info;
}

result<> mock_driver::validate(const value& config) const {
  TRY(decode(config));
  return {};
}

awaitable<result<std::unique_ptr<task_handle>>> mock_driver::start(task_spec spec) {
  CO_TRY_ASSIGN(auto config, decode(spec.config));
  if (config.start_block_for.ns > 0) co_await net::sleep_for(config.start_block_for);
  if (!config.start_error.empty()) co_return fail(config.start_error_recoverable ? errc::unavailable : errc::invalid, "{}", config.start_error);
  co_return std::make_unique<mock_task>(std::move(config));
}

awaitable<result<std::unique_ptr<task_handle>>> mock_driver::recover(task_spec, std::string) {
  co_return fail(errc::not_found, "tasks of the mock_driver end with the agent");
}

}  // namespace drover::client
