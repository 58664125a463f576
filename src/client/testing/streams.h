// Reads the streams of a node in tests.
#pragma once

#include <string>

#include "client/streams.h"
#include "net/loop.h"
#include "rpc/channel.h"
#include "schema/alloc_rpc.h"

namespace drover::client::testing {

// The payload of the next message; nothing at the end. An error of the stream is its text, as an error.
inline net::awaitable<result<std::optional<std::string>>> next_payload(rpc::message_stream& stream) {
  auto message = co_await stream.read();
  if (!message) co_return fail(message.error());
  if (!*message) co_return std::optional<std::string>{};
  auto wrapper = codec::from_msgpack<schema::stream_err_wrapper>(**message);
  if (!wrapper) co_return fail(wrapper.error());
  if (wrapper->error) co_return fail(errc::unknown, "{} ({})", wrapper->error->message, wrapper->error->code.value_or(0));
  co_return std::optional<std::string>(wrapper->payload.data);
}

// Until `enough` holds or the stream ends.
template <class F>
net::awaitable<result<std::string>> read_until(rpc::message_stream& stream, F enough) {
  std::string out;
  while (!enough(out)) {
    auto payload = co_await next_payload(stream);
    if (!payload) co_return fail(payload.error());
    if (!*payload) break;
    out += **payload;
  }
  co_return out;
}

struct exec_result {
  std::string out, err;
  int64_t code = -1;
};
inline net::awaitable<result<exec_result>> read_exec(rpc::message_stream& stream) {
  exec_result result;
  for (;;) {
    auto payload = co_await next_payload(stream);
    if (!payload) co_return fail(payload.error());
    if (!*payload) co_return result;
    auto output = codec::from_json<schema::exec_streaming_output>(**payload);
    if (!output) co_return fail(output.error());
    if (output->stdout) result.out += output->stdout->data.data;
    if (output->stderr) result.err += output->stderr->data.data;
    if (output->exited && output->result) result.code = output->result->exit_code;
  }
}

}  // namespace drover::client::testing
