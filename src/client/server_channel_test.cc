// A client's way to several servers, each of which may be down, slow, without a leader, or change its mind.
#include "client/server_channel.h"

#include <gmock/gmock.h>

#include <map>

#include "net/test_loop.h"
#include "rpc/local.h"
#include "schema/alloc_rpc.h"

namespace drover::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

enum class mood { answers, refuses_connection, no_leader, breaks, silent, denies };

class fake_server : public rpc::channel {
 public:
  rpc::awaitable<result<>> call(std::string method, schema::record_view, schema::record_slot response) override {
    calls.push_back(method);
    auto now = mood_now();
    switch (now) {
      case mood::refuses_connection: co_return fail(errc::unavailable, "dial: connection refused");
      case mood::no_leader: co_return fail(errc::unavailable, "No cluster leader");
      case mood::breaks: co_return fail(errc::closed, "EOF");
      case mood::denies: co_return fail(errc::permission_denied, "Permission denied");
      case mood::silent: co_await net::sleep_until(net::never); break;
      case mood::answers: break;
    }
    if (response.type == &schema::type_of<schema::node_update_response>()) static_cast<schema::node_update_response*>(response.data)->num_nodes = 7;
    co_return result<>{};
  }
  rpc::awaitable<result<std::unique_ptr<rpc::message_stream>>> open(std::string method, schema::record_view) override {
    calls.push_back(method);
    if (mood_now() != mood::answers) co_return fail(errc::closed, "EOF");
    auto pair = rpc::make_stream_pair();
    other_end = std::move(pair.second);
    co_return std::move(pair.first);
  }
  // The next in line, the last for good.
  mood mood_now() {
    auto now = moods.front();
    if (moods.size() > 1) moods.erase(moods.begin());
    return now;
  }
  std::vector<mood> moods{mood::answers};
  std::vector<std::string> calls;
  std::unique_ptr<rpc::message_stream> other_end;
};

class server_channel_test : public ::testing::Test {
 public:
  std::shared_ptr<fake_server> at(const std::string& address) {
    auto& server = servers[address];
    if (!server) server = std::make_shared<fake_server>();
    return server;
  }
  std::unique_ptr<server_channel> make(const std::vector<std::string>& seeds, duration hold = milliseconds(400), duration answer = milliseconds(100)) {
    server_channel_options o;
    o.datacenter = "dc1";
    o.dial = [this](const std::string& address) { return at(address); };
    o.hold = hold;
    o.answer = answer;
    auto made = std::make_unique<server_channel>(std::move(o), log::logger("test"));
    made->servers().set_seeds(seeds);
    return made;
  }
  static net::awaitable<result<schema::node_update_response>> beat(server_channel& c) {
    co_return co_await rpc::call<schema::node_update_response>(c, "Node.UpdateStatus", schema::node_update_status_request{});
  }
  static net::awaitable<result<schema::single_node_response>> read(server_channel& c) {
    co_return co_await rpc::call<schema::single_node_response>(c, "Node.GetNode", schema::node_specific_request{});
  }
  static net::awaitable<result<schema::node_drain_update_response>> drain(server_channel& c) {
    co_return co_await rpc::call<schema::node_drain_update_response>(c, "Node.UpdateDrain", schema::node_update_drain_request{});
  }
  size_t calls(const std::string& address) { return at(address)->calls.size(); }

  net::loop loop;
  std::map<std::string, std::shared_ptr<fake_server>> servers;
};

TEST_F(server_channel_test, stays_with_the_server_that_answers) {
  net::run_test(loop, [](server_channel_test& t) -> net::awaitable<void> {
    auto c = t.make({"a:1", "b:1"});
    for (int i = 0; i < 5; ++i) {
      auto reply = co_await beat(*c);
      EXPECT_TRUE(reply);
      EXPECT_EQ(reply->num_nodes, 7);
    }
    EXPECT_EQ(t.calls("a:1"), 5u);
    EXPECT_EQ(t.calls("b:1"), 0u);
  }(*this));
}

TEST_F(server_channel_test, goes_to_the_next_one_whatever_is_wrong_with_the_first) {
  net::run_test(loop, [](server_channel_test& t) -> net::awaitable<void> {
    for (auto wrong : {mood::refuses_connection, mood::no_leader, mood::breaks, mood::silent}) {
      t.servers.clear();
      t.at("a:1")->moods = {wrong};
      auto c = t.make({"a:1", "b:1"});
      EXPECT_TRUE(co_await beat(*c)) << static_cast<int>(wrong);
      EXPECT_TRUE(co_await read(*c));
      EXPECT_EQ(t.calls("a:1"), 1u) << "asked once, then last in line";
      EXPECT_EQ(t.calls("b:1"), 2u);
    }
  }(*this));
}

TEST_F(server_channel_test, a_write_that_may_have_happened_is_not_repeated) {
  net::run_test(loop, [](server_channel_test& t) -> net::awaitable<void> {
    for (auto wrong : {mood::breaks, mood::silent}) {
      t.servers.clear();
      t.at("a:1")->moods = {wrong};
      auto c = t.make({"a:1", "b:1"});
      EXPECT_FALSE(co_await drain(*c));
      EXPECT_EQ(t.calls("b:1"), 0u);
      // The next call avoids that server.
      EXPECT_TRUE(co_await drain(*c));
      EXPECT_EQ(t.calls("b:1"), 1u);
    }
    // One that cannot have happened is.
    for (auto wrong : {mood::refuses_connection, mood::no_leader}) {
      t.servers.clear();
      t.at("a:1")->moods = {wrong};
      auto c = t.make({"a:1", "b:1"});
      EXPECT_TRUE(co_await drain(*c));
    }
  }(*this));
}

TEST_F(server_channel_test, methods_that_act_on_a_node_are_not_taken_for_reads) {
  net::run_test(loop, [](server_channel_test& t) -> net::awaitable<void> {
    t.at("a:1")->moods = {mood::breaks};
    auto c = t.make({"a:1", "b:1"});
    EXPECT_FALSE(co_await rpc::call<schema::generic_response>(*c, "ClientAllocations.Restart", schema::alloc_restart_request{}));
    EXPECT_EQ(t.calls("b:1"), 0u);
  }(*this));
}

TEST_F(server_channel_test, an_answer_is_an_answer) {
  net::run_test(loop, [](server_channel_test& t) -> net::awaitable<void> {
    t.at("a:1")->moods = {mood::denies};
    auto c = t.make({"a:1", "b:1"});
    auto reply = co_await beat(*c);
    EXPECT_EQ(reply.error().code(), errc::permission_denied);
    EXPECT_EQ(t.calls("b:1"), 0u);
  }(*this));
}

TEST_F(server_channel_test, waits_for_an_election) {
  net::run_test(loop, [](server_channel_test& t) -> net::awaitable<void> {
    for (auto* address : {"a:1", "b:1", "c:1"}) t.at(address)->moods = {mood::no_leader, mood::no_leader, mood::no_leader, mood::answers};
    auto c = t.make({"a:1", "b:1", "c:1"}, seconds(20));
    EXPECT_TRUE(co_await drain(*c));
  }(*this));
}

TEST_F(server_channel_test, gives_up_after_the_hold_time_with_the_last_error) {
  net::run_test(loop, [](server_channel_test& t) -> net::awaitable<void> {
    t.at("a:1")->moods = t.at("b:1")->moods = {mood::no_leader};
    auto c = t.make({"a:1", "b:1"}, milliseconds(100));
    auto before = net::now();
    auto reply = co_await drain(*c);
    EXPECT_FALSE(reply);
    EXPECT_THAT(reply.error().text(), HasSubstr("No cluster leader"));
    EXPECT_GE(t.calls("a:1"), 2u);
    EXPECT_LT(net::now() - before, std::chrono::seconds(5));
  }(*this));
}

TEST_F(server_channel_test, silent_servers_do_not_use_up_the_time_of_the_others) {
  net::run_test(loop, [](server_channel_test& t) -> net::awaitable<void> {
    t.at("a:1")->moods = {mood::silent};
    auto c = t.make({"a:1", "b:1"}, seconds(5), milliseconds(50));
    EXPECT_TRUE(co_await beat(*c));
  }(*this));
}

TEST_F(server_channel_test, streams_open_at_a_server_that_lives) {
  net::run_test(loop, [](server_channel_test& t) -> net::awaitable<void> {
    t.at("a:1")->moods = {mood::breaks};
    auto c = t.make({"a:1", "b:1"});
    auto stream = co_await rpc::open(*c, "FileSystem.Logs", schema::fs_logs_request{});
    EXPECT_TRUE(stream);
    EXPECT_TRUE(co_await t.at("b:1")->other_end->write("x"));
    EXPECT_EQ(*co_await (*stream)->read(), "x");
  }(*this));
}

TEST_F(server_channel_test, without_any_server_the_sentence_says_what_to_do) {
  net::run_test(loop, [](server_channel_test& t) -> net::awaitable<void> {
    auto c = t.make({}, milliseconds(1));
    auto reply = co_await beat(*c);
    EXPECT_THAT(reply.error().text(), HasSubstr("client.servers"));
  }(*this));
}

TEST_F(server_channel_test, learns_from_heartbeats_and_leaves_a_server_without_a_leader) {
  net::run_test(loop, [](server_channel_test& t) -> net::awaitable<void> {
    auto c = t.make({"a:1"});
    int told = 0;
    c->on_learned = [&] { ++told; };
    EXPECT_TRUE(co_await beat(*c));
    schema::node_update_response reply;
    reply.leader_rpc_addr = "b:1";
    reply.servers = {{.rpc_advertise_addr = "a:1", .rpc_major_version = 1, .rpc_minor_version = 1, .datacenter = "dc1"},
                     {.rpc_advertise_addr = "b:1", .rpc_major_version = 1, .rpc_minor_version = 1, .datacenter = "dc1"}};
    c->took(reply);
    c->took(reply);
    EXPECT_EQ(told, 1);
    EXPECT_THAT(c->servers().shown(), ElementsAre("a:1", "b:1"));
    c->servers().prefer("a:1");
    EXPECT_TRUE(co_await beat(*c));
    reply.leader_rpc_addr.clear();
    c->took(reply);
    auto before = t.calls("b:1");
    EXPECT_TRUE(co_await beat(*c));
    EXPECT_EQ(t.calls("b:1"), before + 1);
  }(*this));
}

TEST_F(server_channel_test, finds_the_living_one) {
  net::run_test(loop, [](server_channel_test& t) -> net::awaitable<void> {
    for (auto* address : {"a:1", "b:1", "d:1"}) t.at(address)->moods = {mood::refuses_connection};
    auto c = t.make({"a:1", "b:1", "c:1", "d:1"});
    EXPECT_TRUE(co_await c->find_living());
    auto before = t.calls("c:1");
    EXPECT_TRUE(co_await beat(*c));
    EXPECT_EQ(t.calls("c:1"), before + 1);
    t.at("c:1")->moods = {mood::refuses_connection};
    EXPECT_FALSE(co_await c->find_living());
  }(*this));
}

TEST_F(server_channel_test, closed_ends_calls_that_wait) {
  net::run_test(loop, [](server_channel_test& t) -> net::awaitable<void> {
    t.at("a:1")->moods = {mood::no_leader};
    auto c = t.make({"a:1"}, minutes(10));
    net::task_scope scope(t.loop, log::logger("test"));
    error seen(errc::unknown, "");
    auto caller = [](server_channel& channel, error& into) -> net::awaitable<void> {
      auto reply = co_await drain(channel);
      into = reply.error();
    };
    scope.spawn(caller(*c, seen));
    while (t.calls("a:1") < 1) co_await net::yield();
    c->close();
    co_await scope.join();
    EXPECT_EQ(seen.code(), errc::closed);
    EXPECT_FALSE(c->is_open());
    EXPECT_FALSE(co_await beat(*c));
  }(*this));
}

}  // namespace
}  // namespace drover::client
