#include <deque>

#include "client/driver/external/limits.h"
#include "client/driver/external/task.h"
#include "grpc/protobuf.h"

namespace drover::client::external {
namespace {

using grpc::message_writer;

// A command in a task: over ExecTaskStreaming, or for drivers that have only ExecTask in one go and without input.
class session : public exec_process {
 public:
  session(std::shared_ptr<plugin> p, std::shared_ptr<grpc::call> call, std::string task_id, exec_options options)
      : plugin_(std::move(p)), call_(std::move(call)), task_id_(std::move(task_id)), options_(std::move(options)) {}

  awaitable<result<std::optional<chunk>>> read() override {
    for (;;) {
      if (!chunks_.empty()) {
        auto out = std::move(chunks_.front());
        chunks_.pop_front();
        if (out.data.empty()) (out.is_stderr ? err_ended_ : out_ended_) = true;
        co_return out;
      }
      if (ended_) {
        // Each stream says that it has ended.
        if (!std::exchange(out_ended_, true)) co_return chunk{false, {}};
        if (!std::exchange(err_ended_, true)) co_return chunk{true, {}};
        co_return std::optional<chunk>{};
      }
      CO_TRY(co_await more());
    }
  }

  awaitable<result<>> write(std::string data) override { return send(call_, message_writer().text(1, data)); }
  void close_stdin() override { plugin_->scope().spawn(&session::send_quietly, call_, message_writer().message(3, message_writer().flag(2, true)).take()); }
  result<> resize(uint16_t rows, uint16_t columns) override {
    plugin_->scope().spawn(&session::send_quietly, call_, message_writer().message(2, message_writer().integer(1, rows).integer(2, columns)).take());
    return {};
  }
  awaitable<result<int>> wait() override {
    while (!ended_) CO_TRY(co_await more());
    co_return code_;
  }

 private:
  static awaitable<result<>> send(std::shared_ptr<grpc::call> call, message_writer input) {
    co_return co_await call->send(message_writer().message(3, input).take());
  }
  static awaitable<void> send_quietly(std::shared_ptr<grpc::call> call, std::string message) { (void)co_await call->send(std::move(message)); }

  void take(exec_output part) {
    heard_ = true;
    if (!part.out.empty()) chunks_.push_back({false, std::move(part.out)});
    if (!part.err.empty()) chunks_.push_back({true, std::move(part.err)});
    if (!part.exited) return;
    ended_ = true;
    code_ = static_cast<int>(part.exit.signal != 0 ? 128 + part.exit.signal : part.exit.code);
  }

  awaitable<result<>> more() {
    auto message = co_await call_->receive();
    if (message) {
      CO_TRY_ASSIGN(auto part, parse_exec_part(*message));
      take(std::move(part));
      co_return result<>{};
    }
    if (!heard_ && call_->ended().code == grpc::code::unimplemented) co_return co_await at_once();
    if (!call_->ended().ok()) co_return fail(call_->ended().error());
    ended_ = true;
    co_return result<>{};
  }

  awaitable<result<>> at_once() {
    auto request = message_writer().text(1, task_id_).texts(2, options_.command).message(3, grpc::seconds_message(limits::exec_timeout.ns)).take();
    CO_TRY_ASSIGN(auto answer, co_await plugin_->call("ExecTask", std::move(request), net::after(limits::exec_timeout + limits::call_timeout)));
    CO_TRY_ASSIGN(auto part, parse_exec(answer));
    take(std::move(part));
    co_return result<>{};
  }

  std::shared_ptr<plugin> plugin_;
  std::shared_ptr<grpc::call> call_;
  std::string task_id_;
  exec_options options_;
  std::deque<chunk> chunks_;
  bool heard_ = false, ended_ = false, out_ended_ = false, err_ended_ = false;
  int code_ = 0;
};

}  // namespace

awaitable<result<std::unique_ptr<exec_process>>> start_exec(std::shared_ptr<plugin> p, std::string task_id, exec_options options) {
  CO_TRY_ASSIGN(auto way, co_await p->ready(net::after(limits::call_timeout)));
  CO_TRY_ASSIGN(std::shared_ptr<grpc::call> call, way->open(std::string(driver_service) + "ExecTaskStreaming"));
  auto setup = message_writer().text(1, task_id).texts(2, options.command).flag(3, options.tty);
  CO_TRY(co_await call->send(message_writer().message(1, setup).take()));
  co_return std::make_unique<session>(std::move(p), std::move(call), std::move(task_id), std::move(options));
}

}  // namespace drover::client::external
