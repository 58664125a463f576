#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "client/client_state.h"
#include "client/streams.h"
#include "schema/exec_input.h"

namespace drover::client {

namespace {
std::string output_message(const schema::exec_streaming_output& out) { return stream_payload(codec::to_json(out)); }

awaitable<result<>> send_end(rpc::message_stream& stream, int code) {
  schema::exec_streaming_output out;
  out.exited = true;
  out.result = schema::exec_streaming_exit_result{code};
  co_return co_await stream.write(output_message(out));
}

// A command that could not be started ends like one that a shell could not start.
awaitable<result<>> send_not_started(rpc::message_stream& stream, std::string why, int code) {
  schema::exec_streaming_output out;
  out.stderr = schema::exec_streaming_io_operation{bytes(why + "\n"), false};
  CO_TRY(co_await stream.write(output_message(out)));
  co_return co_await send_end(stream, code);
}

// Until the caller goes away; the end of its input is not that.
awaitable<result<>> pump_input(rpc::message_stream* stream, exec_process* process) {
  for (;;) {
    auto message = co_await stream->read();
    if (!message) co_return fail(message.error());
    if (!*message) break;
    auto input = codec::from_msgpack<schema::exec_node_input>(**message);
    if (!input) co_return fail(input.error());
    if (input->tty_size) (void)process->resize(static_cast<uint16_t>(input->tty_size->height), static_cast<uint16_t>(input->tty_size->width));
    // A command that has stopped reading is no reason to stop its output.
    if (input->stdin && !input->stdin->data.empty()) (void)co_await process->write(std::move(input->stdin->data.data));
    if (input->stdin && input->stdin->close) process->close_stdin();
  }
  process->close_stdin();
  net::event never;
  co_await never.wait();
  co_return result<>{};
}

awaitable<result<>> pump_output(rpc::message_stream* stream, exec_process* process) {
  for (;;) {
    auto chunk = co_await process->read();
    if (!chunk) co_return fail(chunk.error());
    if (!*chunk) break;
    schema::exec_streaming_output out;
    schema::exec_streaming_io_operation operation{bytes((*chunk)->data), (*chunk)->data.empty()};
    ((*chunk)->is_stderr ? out.stderr : out.stdout) = std::move(operation);
    CO_TRY(co_await stream->write(output_message(out)));
  }
  auto code = co_await process->wait();
  if (!code) co_return fail(code.error());
  co_return co_await send_end(*stream, *code);
}
// What an action of the task runs.
result<std::vector<std::string>> command_of(const task_runner& task, const schema::alloc_exec_request& request) {
  if (request.action.empty()) return request.cmd;
  const auto& actions = task.task().actions;
  auto found = std::ranges::find(actions, request.action, &schema::action::name);
  if (found == actions.end()) return fail(errc::invalid, "action {} not found in task {}", request.action, task.name());
  std::vector<std::string> out{found->command};
  out.insert(out.end(), found->args.begin(), found->args.end());
  return out;
}
}  // namespace

void endpoints::add_exec(rpc::method_table& table) {
  table.add_stream<schema::alloc_exec_request>(
      "Allocations.Exec", [this](context c, schema::alloc_exec_request r, stream s) { return exec(std::move(c), std::move(r), std::move(s)); });
}

rpc::awaitable<result<>> endpoints::exec(context, schema::alloc_exec_request request, stream s) {
  std::shared_ptr<alloc_runner> runner;
  auto picked = [&]() -> result<task_runner*> {
    if (state_.options.disable_remote_exec) return fail(errc::permission_denied, "exec is disabled on this node (disable_remote_exec)");
    TRY_ASSIGN(runner, find(request.alloc_id));
    if (!request.job_id.empty() && request.job_id != runner->alloc()->job_id)
      return fail(errc::invalid, "job {} does not have allocation {}", request.job_id, request.alloc_id);
    TRY_ASSIGN(auto* task, runner->pick_task(request.task));
    TRY_ASSIGN(request.cmd, command_of(*task, request));
    if (request.cmd.empty()) return fail(errc::invalid, "the command is missing");
    return task;
  }();
  if (!picked) co_return co_await s->write(stream_error(picked.error()));
  auto process = co_await (*picked)->exec(request.cmd, request.tty);
  if (!process) {
    auto code = process.error().code();
    bool runs = (*picked)->state().state == "running";
    if (runs && code == errc::not_found) co_return co_await send_not_started(*s, process.error().text(), 127);
    if (runs && code == errc::permission_denied) co_return co_await send_not_started(*s, process.error().text(), 126);
    co_return co_await s->write(stream_error(process.error()));
  }
  using namespace boost::asio::experimental::awaitable_operators;
  auto ended = co_await (pump_output(s.get(), process->get()) || pump_input(s.get(), process->get()));
  co_return std::visit([](auto& r) { return r; }, ended);
}

}  // namespace drover::client
