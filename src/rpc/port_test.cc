// The RPC port against bytes as other agents send them, and against those that nobody should send.
#include <gtest/gtest.h>

#include "net/test_loop.h"
#include "rpc/framing.h"
#include "rpc/limits.h"
#include "rpc/test_support.h"
#include "schema/rpc_header.h"

namespace drover::rpc {
namespace {

using net::must;
using net::run_test;

std::string request_frame(uint64_t seq, std::string method, const schema::generic_request& body) {
  return codec::to_msgpack(schema::rpc_request_header{seq, std::move(method)}) + codec::to_msgpack(body);
}

struct answer_frame {
  schema::rpc_response_header header;
  std::string body;
};
awaitable<answer_frame> next_answer(object_reader& reader) {
  answer_frame out;
  out.header = must(codec::from_msgpack<schema::rpc_response_header>(*must(co_await reader.next(response_header_bytes_max))));
  out.body = std::string(*must(co_await reader.next(body_bytes_max)));
  co_return out;
}

TEST(Port, PipelinedCallsAreAllAnswered) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    rpc_world w(l);
    auto stream = must(co_await net::dial(w.where));
    std::string all = "\x01";
    schema::generic_request request;
    for (uint64_t n = 0; n < 300; ++n) {
      request.min_query_index = n;
      all += request_frame(n, "Test.Answer", request);
    }
    must(co_await stream->write_all(all));
    must(co_await stream->shutdown());
    object_reader reader(*stream);
    std::vector<bool> seen(300);
    for (int i = 0; i < 300; ++i) {
      auto answer = co_await next_answer(reader);
      EXPECT_EQ(must(codec::from_msgpack<schema::generic_response>(answer.body)).index, answer.header.seq + 1);
      EXPECT_FALSE(seen.at(answer.header.seq));
      seen.at(answer.header.seq) = true;
    }
    EXPECT_EQ(must(co_await reader.next(100)), std::nullopt);
    co_await w.stop();
  }(l));
}

}  // namespace
}  // namespace drover::rpc
