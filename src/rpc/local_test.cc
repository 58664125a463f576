#include "rpc/local.h"

#include <gtest/gtest.h>

#include "net/blocking.h"
#include "schema/alloc_rpc.h"
#include "schema/common.h"
#include "schema/operator_rpc.h"

namespace drover::rpc {
namespace {

awaitable<result<schema::generic_response>> answer(call_context, schema::generic_request request) {
  if (request.prefix.empty()) co_return fail(errc::not_found, "nothing");
  schema::generic_response out;
  out.index = 7;
  co_return out;
}

awaitable<result<>> echo(call_context, schema::fs_logs_request request, std::unique_ptr<message_stream> stream) {
  for (;;) {
    CO_TRY_ASSIGN(auto message, co_await stream->read());
    if (!message) co_return fail(errc::io, "task {} broke", request.task);
    CO_TRY(co_await stream->write("echo " + *message));
  }
}

awaitable<void> exercise(net::loop& l) {
  method_table table;
  table.add<schema::generic_request, schema::generic_response>("Test.Answer", answer);
  table.add_stream<schema::fs_logs_request>("Test.Echo", echo);
  local_channel through(l, table);

  schema::generic_request request;
  auto refused = co_await call<schema::generic_response>(through, "Test.Answer", request);
  EXPECT_EQ(refused.error().code(), errc::not_found);
  request.prefix = "x";
  auto answered = co_await call<schema::generic_response>(through, "Test.Answer", request);
  EXPECT_EQ(answered->index, 7u);
  auto unknown = co_await call<schema::generic_response>(through, "No.Such", request);
  EXPECT_EQ(unknown.error().message(), "rpc: can't find service No.Such");

  schema::fs_logs_request logs;
  logs.task = "redis";
  auto stream = co_await open(through, "Test.Echo", logs);
  EXPECT_TRUE(stream.has_value());
  EXPECT_TRUE(co_await (*stream)->write("one"));
  auto reply = co_await (*stream)->read();
  EXPECT_EQ(reply->value_or(""), "echo one");
  EXPECT_FALSE(co_await (*stream)->write(std::string(message_stream::message_bytes_max + 1, 'x')));
  (*stream)->close_write();
  auto end = co_await (*stream)->read();
  EXPECT_EQ(end.error().message(), "task redis broke");
  stream->reset();
  co_await through.stop();
}

TEST(LocalChannel, CallsAndStreams) {
  net::loop l;
  net::run_to_completion(l, exercise(l));
}

}  // namespace
}  // namespace drover::rpc
