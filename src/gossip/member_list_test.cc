#include "gossip/member_list.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/bytes.h"
#include "gossip/keyring.h"
#include "gossip/snapshot.h"
#include "net/datagram.h"
#include "net/event.h"
#include "net/test_loop.h"

namespace drover::gossip {
namespace {

using net::awaitable;
using net::must;
using net::run_test;

// A server of the pool in this process, with its events.
struct server {
  std::unique_ptr<member_list> list;
  std::vector<std::string> events;
  net::event changed;

  // Waits until `holds` after an event.
  awaitable<bool> until(std::function<bool()> holds) {
    auto deadline = net::after(seconds(15));
    while (!holds())
      if (!co_await changed.wait(deadline)) co_return holds();
    co_return true;
  }
  member_status status(std::string_view name) const {
    const auto* m = list->find(name);
    return m ? m->status : member_status::none;
  }
  awaitable<bool> sees(std::string name, member_status s) {
    co_return co_await until([this, name, s] { return status(name) == s; });
  }
  std::string address() const { return list->local().address + ":" + std::to_string(list->local().port); }
};

options quick(std::string name) {
  options o{
      .name = std::move(name), .bind_address = "127.0.0.1", .bind_port = 0, .tags = {{"role", "nomad"}}, .timing = timing::fast(), .log_name = "gossip_test"};
  return o;
}

std::unique_ptr<server> start(net::loop& l, options o) {
  auto s = std::make_unique<server>();
  o.on_event = [raw = s.get()](const member_event& e) {
    raw->events.push_back(std::string(name(e.kind)) + " " + e.member.name);
    raw->changed.notify_all();
  };
  s->list = must(member_list::create(l, std::move(o)));
  return s;
}

awaitable<void> join(server& a, server& b) {
  std::vector<std::string> addresses{b.address()};
  auto joined = co_await a.list->join(std::move(addresses));
  EXPECT_EQ(joined.joined, 1u) << (joined.failures.empty() ? "" : joined.failures[0].second.text());
}

TEST(gossip_member_list, three_join_see_each_other_and_notice_a_death) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    auto a = start(l, quick("a.global")), b = start(l, quick("b.global")), c = start(l, quick("c.global"));
    auto began = net::now();
    co_await join(*b, *a);
    co_await join(*c, *a);
    for (auto* each : {a.get(), b.get(), c.get()})
      for (std::string name : {"a.global", "b.global", "c.global"}) EXPECT_TRUE(co_await each->sees(name, member_status::alive)) << name;
    EXPECT_LT(net::now() - began, std::chrono::milliseconds(500));
    EXPECT_EQ(a->list->stats().at("members"), "3");
    co_await c->list->stop();
    EXPECT_TRUE(co_await a->sees("c.global", member_status::failed));
    EXPECT_TRUE(co_await b->sees("c.global", member_status::failed));
    // Once declared failed, an operator may send it away for good.
    must(co_await a->list->force_leave("c.global", false));
    EXPECT_TRUE(co_await b->sees("c.global", member_status::left));
    must(co_await a->list->force_leave("c.global", true));
    EXPECT_TRUE(co_await b->sees("c.global", member_status::none));
    EXPECT_EQ(a->list->find("c.global"), nullptr);
    co_await a->list->stop();
    co_await b->list->stop();
  }(l));
}

TEST(gossip_member_list, a_leave_is_seen_as_left_and_the_name_may_come_back_from_another_port) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    auto a = start(l, quick("a.global")), b = start(l, quick("b.global"));
    co_await join(*b, *a);
    EXPECT_TRUE(co_await a->sees("b.global", member_status::alive));
    must(co_await b->list->leave());
    EXPECT_TRUE(co_await a->sees("b.global", member_status::left));
    EXPECT_EQ((co_await b->list->join(std::vector<std::string>{a->address()})).joined, 0u);
    co_await b->list->stop();
    auto again = start(l, quick("b.global"));
    co_await join(*again, *a);
    EXPECT_TRUE(co_await a->sees("b.global", member_status::alive));
    EXPECT_EQ(a->list->find("b.global")->port, again->list->local().port);
    EXPECT_EQ(a->events, (std::vector<std::string>{"member-join a.global", "member-join b.global", "member-leave b.global", "member-join b.global"}));
    co_await a->list->stop();
    co_await again->list->stop();
  }(l));
}

TEST(gossip_member_list, a_server_that_moves_keeps_its_place_by_its_id_tag) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    auto with_id = [](std::string name) {
      auto o = quick(name);
      o.tags["id"] = "id-of-" + name;
      return o;
    };
    auto a = start(l, with_id("a.global")), b = start(l, with_id("b.global")), c = start(l, with_id("c.global"));
    co_await join(*b, *a);
    co_await join(*c, *a);
    EXPECT_TRUE(co_await c->sees("b.global", member_status::alive));
    co_await b->list->stop();
    // Before anybody noticed: the same server on another port.
    auto moved = start(l, with_id("b.global"));
    auto port = moved->list->local().port;
    co_await join(*moved, *a);
    for (auto* each : {a.get(), c.get()})
      EXPECT_TRUE(co_await each->until([&] { return each->status("b.global") == member_status::alive && each->list->find("b.global")->port == port; }));
    for (auto* each : {a.get(), c.get()}) EXPECT_EQ(std::count(each->events.begin(), each->events.end(), "member-failed b.global"), 0);
    for (auto* each : {a.get(), c.get(), moved.get()}) co_await each->list->stop();
  }(l));
}

TEST(gossip_member_list, tags_change_and_wrong_members_are_refused) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    auto strict = [](std::string name) {
      auto o = quick(name);
      o.admit = [](const std::vector<member>& members) -> result<> {
        for (const auto& m : members)
          if (m.tag("role") != "nomad") return fail(errc::invalid, "member '{}' is not a server", m.name);
        return {};
      };
      return o;
    };
    auto a = start(l, strict("a.global")), b = start(l, strict("b.global"));
    auto other = quick("x.dc1");
    other.tags = {{"role", "consul"}};
    auto stranger = start(l, std::move(other));
    co_await join(*b, *a);
    must(b->list->set_tags({{"role", "nomad"}, {"port", "4647"}}));
    EXPECT_TRUE(co_await a->until([&] { return a->list->find("b.global") && a->list->find("b.global")->tag("port") == "4647"; }));
    EXPECT_EQ(a->events.back(), "member-update b.global");
    EXPECT_EQ(b->list->set_tags({{"big", std::string(600, 'x')}}).error().code(), errc::too_large);
    auto refused = co_await a->list->join(std::vector<std::string>{stranger->address()});
    EXPECT_EQ(refused.joined, 0u);
    EXPECT_NE(refused.failures.at(0).second.text().find("is not a server"), std::string::npos);
    EXPECT_EQ(a->list->find("x.dc1"), nullptr);
    (void)co_await stranger->list->join(std::vector<std::string>{a->address()});
    EXPECT_EQ(a->list->find("x.dc1"), nullptr);
    auto self = co_await a->list->join(std::vector<std::string>{a->address(), "127.0.0.1:1", "no/such/thing:x"});
    EXPECT_EQ(self.self, 1u);
    EXPECT_EQ(self.joined, 0u);
    EXPECT_EQ(self.failures.size(), 2u);
    for (auto* each : {a.get(), b.get(), stranger.get()}) co_await each->list->stop();
  }(l));
}

TEST(gossip_member_list, keys_are_rotated_over_the_pool_and_kept) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    std::string first(32, 'f'), second(16, 's');
    auto path = testing::TempDir() + "gossip_rotation_keyring";
    std::filesystem::remove(path);
    auto keyed = [&](std::string name) {
      auto o = quick(name);
      o.keys = {first};
      if (name == "a.global") o.keyring_path = path;
      return o;
    };
    auto a = start(l, keyed("a.global")), b = start(l, keyed("b.global")), c = start(l, keyed("c.global"));
    co_await join(*b, *a);
    co_await join(*c, *a);
    EXPECT_TRUE(co_await b->sees("c.global", member_status::alive));
    auto encoded = base64_encode(second);
    auto done = must(co_await a->list->install_key(encoded));
    EXPECT_EQ(done.failure, "");
    EXPECT_EQ(done.members, 3);
    EXPECT_EQ(done.answers, 3);
    EXPECT_EQ(must(co_await b->list->use_key(encoded)).failure, "");
    auto all = must(co_await c->list->list_keys());
    EXPECT_EQ(all.failure, "");
    EXPECT_EQ(all.keys, (std::map<std::string, int>{{base64_encode(first), 3}, {encoded, 3}}));
    EXPECT_EQ(all.primary_keys, (std::map<std::string, int>{{encoded, 3}}));
    auto refused = must(co_await c->list->remove_key(encoded));
    EXPECT_EQ(refused.failure, "3/3 nodes reported failure");
    EXPECT_EQ(refused.messages.at("a.global"), "removing the primary key is not allowed");
    EXPECT_EQ(must(co_await c->list->remove_key(base64_encode(first))).failure, "");
    EXPECT_EQ(read_keyring_file(path).value(), std::vector<std::string>{second});
    EXPECT_FALSE(co_await a->list->install_key("no key"));
    // One with the old key is out, one with the new is in.
    auto late = quick("late.global");
    late.keys = {first};
    auto old = start(l, std::move(late));
    EXPECT_EQ((co_await old->list->join(std::vector<std::string>{a->address()})).joined, 0u);
    auto right = quick("right.global");
    right.keys = {second};
    auto current = start(l, std::move(right));
    co_await join(*current, *a);
    auto plain = start(l, quick("plain.global"));
    EXPECT_FALSE(co_await plain->list->list_keys());
    EXPECT_EQ((co_await plain->list->join(std::vector<std::string>{a->address()})).joined, 0u);
    EXPECT_EQ(a->list->find("plain.global"), nullptr);
    EXPECT_EQ(a->list->find("late.global"), nullptr);
    EXPECT_EQ(a->list->stats().at("encrypted"), "true");
    for (auto* each : {a.get(), b.get(), c.get(), old.get(), current.get(), plain.get()}) co_await each->list->stop();
  }(l));
}

TEST(gossip_member_list, a_restart_finds_the_others_by_the_snapshot_unless_it_left) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    auto path = testing::TempDir() + "gossip_snapshot";
    std::filesystem::remove(path);
    auto kept = [&](bool rejoin) {
      auto o = quick("b.global");
      o.tags["id"] = "b";
      o.snapshot_path = path;
      o.rejoin_after_leave = rejoin;
      return o;
    };
    auto a = start(l, quick("a.global"));
    auto b = start(l, kept(false));
    co_await join(*b, *a);
    co_await b->list->stop();
    EXPECT_EQ(parse_snapshot(read_snapshot(path).value(), false).alive.count("a.global"), 1u);
    std::ofstream(path, std::ios::app) << "alive: torn 1.2";
    b = start(l, kept(false));
    EXPECT_TRUE(co_await b->sees("a.global", member_status::alive));
    must(co_await b->list->leave());
    co_await b->list->stop();
    EXPECT_TRUE(parse_snapshot(read_snapshot(path).value(), false).alive.empty());
    b = start(l, kept(true));
    co_await join(*b, *a);
    must(co_await b->list->leave());
    co_await b->list->stop();
    EXPECT_EQ(parse_snapshot(read_snapshot(path).value(), true).alive.size(), 1u);
    b = start(l, kept(true));
    EXPECT_TRUE(co_await b->sees("a.global", member_status::alive));
    co_await b->list->stop();
    co_await a->list->stop();
  }(l));
}

TEST(gossip_member_list, garbage_on_both_ports_changes_nothing) {
  net::loop l;
  run_test(l, [](net::loop& l) -> awaitable<void> {
    auto a = start(l, quick("a.global")), b = start(l, quick("b.global"));
    auto socket = must(net::datagram_socket::bind(l, {.host = "127.0.0.1"}));
    uint32_t state = 7;
    for (int i = 0; i < 500; ++i) {
      std::string junk;
      for (int n = i % 200; n >= 0; --n) junk += static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
      must(socket->send({.host = "127.0.0.1", .port = a->list->local().port}, junk));
    }
    for (std::string junk : {"", "GET / HTTP/1.0\r\n\r\n", "\x0a\xff\xff\xff\xff", "\x06\x93", "\xf4\x01x"}) {
      auto stream = must(co_await net::dial({.host = "127.0.0.1", .port = a->list->local().port}));
      must(co_await stream->write_all(junk));
      must(co_await stream->shutdown());
      char buffer[256];
      while (must(co_await stream->read_some(buffer)) > 0) {
      }
    }
    co_await join(*b, *a);
    EXPECT_EQ(a->list->members().size(), 2u);
    co_await a->list->stop();
    co_await b->list->stop();
  }(l));
}

TEST(gossip_member_list, wrong_options_are_refused_with_a_sentence) {
  net::loop l;
  auto refused = [&](auto change, std::string_view sentence) {
    auto o = quick("a.global");
    change(o);
    auto made = member_list::create(l, std::move(o));
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().text().find(sentence), std::string::npos) << made.error().text();
  };
  refused([](options& o) { o.name = ""; }, "must have 1 to 256 bytes");
  refused([](options& o) { o.name = "a\nb"; }, "control characters");
  refused([](options& o) { o.bind_address = "here"; }, "is not an IP address");
  refused([](options& o) { o.advertise_address = "there"; }, "is not an IP address");
  refused([](options& o) { o.keys = {"short"}; }, "16, 24 or 32 bytes");
  refused([](options& o) { o.tags["x"] = std::string(600, 'x'); }, "at most 512 fit");
}

}  // namespace
}  // namespace drover::gossip
