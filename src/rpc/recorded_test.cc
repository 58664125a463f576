// Real bytes: two sessions of Nomad 1.1.2 agents are taken apart by our session and readers, and what our encoders make of the parts is compared
// byte for byte.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "base/bytes.h"
#include "base/source_dir.h"
#include "codec/msgpack.h"
#include "net/test_loop.h"
#include "rpc/framing.h"
#include "rpc/limits.h"
#include "rpc/serving.h"
#include "rpc/yamux.h"
#include "schema/rpc_header.h"

namespace drover::rpc {
namespace {

using net::must;

struct conversation {
  std::string dialler, listener;
};

std::map<std::string, conversation> recorded() {
  std::ifstream file(std::string(source_dir) + "/src/rpc/testdata/nomad-1.1.2-sessions.txt");
  EXPECT_TRUE(file);
  std::map<std::string, conversation> out;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    std::string name, side, encoded;
    fields >> name >> side >> encoded;
    (side == "dialler" ? out[name].dialler : out[name].listener) = must(base64_decode(encoded));
  }
  return out;
}

// What each stream carried one way. Every frame header is written again and compared.
std::map<uint32_t, std::string> take_apart(std::string_view bytes) {
  std::map<uint32_t, std::string> streams;
  while (bytes.size() >= yamux_header_bytes) {
    auto raw = bytes.substr(0, yamux_header_bytes);
    auto header = must(parse_yamux_header(raw));
    std::string again;
    append(again, header);
    EXPECT_EQ(again, raw);
    bytes.remove_prefix(yamux_header_bytes);
    if (header.type != yamux_header::data) continue;
    streams[header.stream] += bytes.substr(0, header.length);
    bytes.remove_prefix(std::min<size_t>(bytes.size(), header.length));
  }
  return streams;
}

std::vector<std::string> objects(std::string_view bytes) {
  std::vector<std::string> out;
  while (auto length = must(codec::msgpack_length(bytes))) {
    out.emplace_back(bytes.substr(0, *length));
    bytes.remove_prefix(*length);
  }
  EXPECT_TRUE(bytes.empty()) << "an object is cut off";
  return out;
}

template <class T>
T same_again(const std::string& raw) {
  auto header = must(codec::from_msgpack<T>(raw));
  EXPECT_EQ(codec::to_msgpack(header), raw);
  return header;
}

void check_calls(const std::vector<std::string>& asked, const std::vector<std::string>& answered, std::map<std::string, int>& methods) {
  EXPECT_EQ(asked.size() % 2, 0u);
  EXPECT_EQ(answered.size() % 2, 0u);
  EXPECT_LE(answered.size(), asked.size());
  for (size_t i = 0; i + 1 < asked.size(); i += 2) {
    auto request = same_again<schema::rpc_request_header>(asked[i]);
    ++methods[request.service_method];
    if (i + 1 >= answered.size()) continue;
    auto answer = same_again<schema::rpc_response_header>(answered[i]);
    EXPECT_EQ(answer.seq, request.seq);
    EXPECT_EQ(answer.service_method, request.service_method);
    if (!answer.error.empty()) EXPECT_EQ(answered[i + 1], empty_body);
  }
}

TEST(Recorded, SessionsComeApartAndGoTogether) {
  std::map<std::string, int> methods;
  for (const auto& [name, bytes] : recorded()) {
    EXPECT_EQ(bytes.dialler[0], static_cast<char>(wire_kind::yamux));
    auto there = take_apart(std::string_view(bytes.dialler).substr(1));
    auto back = take_apart(bytes.listener);
    for (auto& [id, data] : there) {
      bool opened_by_dialler = id % 2 == 1;
      auto& callers = opened_by_dialler ? data : back.at(id);
      auto& callees = opened_by_dialler ? back[id] : data;
      EXPECT_EQ(callers.at(0), static_cast<char>(wire_kind::calls));
      check_calls(objects(std::string_view(callers).substr(1)), objects(callees), methods);
    }
  }
  for (auto method : {"Node.Register", "Node.UpdateStatus", "Node.GetClientAllocs", "Node.UpdateAlloc", "Alloc.GetAllocs", "Eval.Dequeue", "Allocations.Stats",
                      "Allocations.Signal", "Status.Ping"})
    EXPECT_GT(methods[method], 0) << method;
}

// Reads a stream until the session ends, and keeps it, so that nothing is answered.
net::awaitable<void> collect(std::unique_ptr<yamux_stream> stream, std::string* into) {
  char piece[1000];
  for (auto n = co_await stream->read_some(piece); n && *n > 0; n = co_await stream->read_some(piece)) into->append(piece, *n);
}

// The recorded dialler speaks to our session, in pieces of every kind of size.
TEST(Recorded, OurSessionReadsTheDialler) {
  for (const auto& [name, bytes] : recorded()) {
    for (size_t step : {1, 7, 12, 13, 1000, 100'000}) {
      net::loop l;
      net::run_test(l, [](net::loop& l, std::string sent, size_t step) -> net::awaitable<void> {
        auto expected = take_apart(sent);
        std::erase_if(expected, [](const auto& each) { return each.first % 2 == 0; });
        std::map<uint32_t, std::string> got;
        auto ends = must(net::stream_pair(l));
        net::task_scope scope(l, log::logger("test"));
        auto session = yamux_session::create(l, std::move(ends.second), {.on_stream = [&](std::unique_ptr<yamux_stream> s) {
                                               auto* into = &got[s->id()];
                                               scope.spawn(collect(std::move(s), into));
                                             }});
        result<> end;
        scope.spawn([](std::shared_ptr<yamux_session> s, result<>* end) -> net::awaitable<void> { *end = co_await s->run(); }(session, &end));
        for (std::string_view rest = sent; !rest.empty(); rest.remove_prefix(std::min(step, rest.size())))
          must(co_await ends.first->write_all(rest.substr(0, step)));
        must(co_await ends.first->shutdown());
        co_await scope.join();
        EXPECT_TRUE(end) << end.error().text();
        EXPECT_TRUE(got == expected);
      }(l, bytes.dialler.substr(1), step));
    }
  }
}

}  // namespace
}  // namespace drover::rpc
