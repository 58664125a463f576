#include "gossip/pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "gossip/limits.h"
#include "gossip/simulation.h"

namespace drover::gossip {
namespace {

const bytes our_version_bytes{std::string(our_versions.begin(), our_versions.end())};

alive_message alive_of(std::string name, uint32_t incarnation, uint8_t host = 200) {
  return {.incarnation = incarnation,
          .node = std::move(name),
          .address = bytes(std::string{10, 0, 0, static_cast<char>(host)}),
          .port = 4648,
          .meta = encode_tags({{"role", "nomad"}}),
          .versions = our_version_bytes};
}
std::string alive(uint32_t i) { return encode(message_type::alive, alive_of("x", i)); }
std::string suspect(uint32_t i, std::string from = "y") {
  return encode(message_type::suspect, accusation{.incarnation = i, .node = "x", .from = std::move(from)});
}
std::string dead(uint32_t i, std::string from = "y") { return encode(message_type::dead, accusation{.incarnation = i, .node = "x", .from = std::move(from)}); }

void give(pool& p, duration now, const std::string& message) { p.on_datagram(now, {"10.0.0.9", 4648}, pack_datagram(message, true, {}, {})); }

TEST(gossip_pool, the_merge_rules) {
  struct row {
    std::vector<std::string> messages;
    uint32_t incarnation;
    node_state state;
    member_status status;
  };
  const row rows[] = {
      {{alive(3)}, 3, node_state::alive, member_status::alive},
      {{alive(3), alive(2)}, 3, node_state::alive, member_status::alive},
      {{alive(3), suspect(2)}, 3, node_state::alive, member_status::alive},
      {{alive(3), suspect(3)}, 3, node_state::suspect, member_status::alive},
      {{alive(3), suspect(3), alive(3)}, 3, node_state::suspect, member_status::alive},
      {{alive(3), suspect(3), alive(4)}, 4, node_state::alive, member_status::alive},
      {{alive(3), suspect(5)}, 5, node_state::suspect, member_status::alive},
      {{alive(3), dead(2)}, 3, node_state::alive, member_status::alive},
      {{alive(3), dead(3)}, 3, node_state::dead, member_status::failed},
      {{alive(3), dead(3), suspect(4)}, 3, node_state::dead, member_status::failed},
      {{alive(3), dead(3), alive(3)}, 3, node_state::dead, member_status::failed},
      {{alive(3), dead(3), alive(4)}, 4, node_state::alive, member_status::alive},
      {{alive(3), dead(3, "x")}, 3, node_state::left, member_status::failed},
      {{alive(3), encode(serf_type::leave, leave_message{.time = 9, .node = "x"}), dead(3, "x")}, 3, node_state::left, member_status::left},
      {{alive(3), encode(serf_type::leave, leave_message{.time = 9, .node = "x"}), dead(3, "x"), alive(4)}, 4, node_state::alive, member_status::alive},
      {{encode(serf_type::leave, leave_message{.time = 9, .node = "x"}), alive(3), dead(3, "x")}, 3, node_state::left, member_status::left},
      {{alive(3), encode(serf_type::leave, leave_message{.time = 9, .node = "x"}), encode(serf_type::join, join_message{.time = 10, .node = "x"}), dead(3)},
       3,
       node_state::dead,
       member_status::failed},
      {{alive(3), dead(3), encode(serf_type::leave, leave_message{.time = 9, .node = "x"})}, 3, node_state::dead, member_status::left},
      {{dead(3), suspect(3), alive(1)}, 1, node_state::alive, member_status::alive},
  };
  seeded_random random(1);
  for (size_t i = 0; i < std::size(rows); ++i) {
    pool p({.name = "me", .address = "10.0.0.1", .port = 4648}, random, {});
    for (const auto& m : rows[i].messages) give(p, seconds(1), m);
    ASSERT_TRUE(p.raw_state("x")) << "row " << i;
    EXPECT_EQ(p.raw_state("x")->first, rows[i].incarnation) << "row " << i;
    EXPECT_EQ(p.raw_state("x")->second, rows[i].state) << "row " << i;
    EXPECT_EQ(p.find("x")->status, rows[i].status) << "row " << i << ": " << name(p.find("x")->status);
  }
}

TEST(gossip_pool, ill_news_about_us_is_refuted_above_its_incarnation) {
  seeded_random random(1);
  pool p({.name = "x", .address = "10.0.0.200", .port = 4648, .tags = {{"role", "nomad"}}}, random, {});
  give(p, seconds(1), suspect(7));
  EXPECT_EQ(p.raw_state("x")->first, 8u);
  EXPECT_EQ(p.health_score(), 1);
  give(p, seconds(2), dead(20));
  EXPECT_EQ(p.raw_state("x"), std::pair(21u, node_state::alive));
  give(p, seconds(3), dead(5));
  EXPECT_EQ(p.raw_state("x")->first, 21u);
  // Somebody says that we leave: we say that we are here.
  give(p, seconds(4), encode(serf_type::leave, leave_message{.time = 40, .node = "x"}));
  EXPECT_EQ(p.local().status, member_status::alive);
  EXPECT_GT(p.member_time(), 40u);
}

TEST(gossip_pool, bad_members_are_refused_and_absurd_times_do_not_wrap) {
  seeded_random random(1);
  pool p({.name = "me", .address = "10.0.0.1", .port = 4648}, random, {});
  auto refused = [&](alive_message a) {
    auto members = p.members().size();
    give(p, seconds(1), encode(message_type::alive, a));
    EXPECT_EQ(p.members().size(), members);
  };
  auto changed = [](auto change) {
    auto a = alive_of("x", 1);
    change(a);
    return a;
  };
  refused(changed([](auto& a) { a.node = ""; }));
  refused(changed([](auto& a) { a.node = std::string(300, 'n'); }));
  refused(changed([](auto& a) { a.node = "line\nbreak"; }));
  refused(changed([](auto& a) { a.address = bytes("abc"); }));
  refused(changed([](auto& a) { a.port = 0; }));
  refused(changed([](auto& a) { a.meta = bytes(std::string(600, 'm')); }));
  refused(changed([](auto& a) { a.versions = bytes("\x01"); }));
  refused(changed([](auto& a) { a.versions.data[0] = 9; }));
  give(p, seconds(1), encode(serf_type::join, join_message{.time = UINT64_MAX, .node = "x"}));
  EXPECT_LT(p.member_time(), 10u);
  for (size_t i = 0; i < members_max + 10; ++i) give(p, seconds(1), encode(message_type::alive, alive_of("m" + std::to_string(i), 1)));
  EXPECT_EQ(p.members().size(), members_max);
}

TEST(gossip_pool, bad_input_is_logged_once_for_each_sender_and_time) {
  seeded_random random(1);
  auto keys = keyring::create({std::string(16, 'k')}).value();
  pool p({.name = "me", .address = "10.0.0.1", .port = 4648, .keys = keys}, random, {});
  p.take_actions();
  auto lines = [&] {
    size_t n = 0;
    for (const auto& a : p.take_actions()) n += std::holds_alternative<log_line>(a);
    return n;
  };
  for (int i = 0; i < 100; ++i) give(p, seconds(1), alive(1));
  EXPECT_EQ(lines(), 1u);
  give(p, seconds(60), alive(1));
  EXPECT_EQ(lines(), 1u);
}

TEST(gossip_pool, a_suspect_has_less_time_the_more_agree) {
  suspicion alone({}, "a", 0, seconds(10), seconds(60));
  EXPECT_EQ(alone.ends(), seconds(10));
  suspicion s({}, "a", 3, seconds(10), seconds(60));
  EXPECT_EQ(s.ends(), seconds(60));
  EXPECT_FALSE(s.confirm("a"));
  EXPECT_TRUE(s.confirm("b"));
  EXPECT_EQ(s.ends(), seconds(35));
  EXPECT_FALSE(s.confirm("b"));
  EXPECT_TRUE(s.confirm("c"));
  EXPECT_TRUE(s.confirm("d"));
  EXPECT_EQ(s.ends(), seconds(10));
  EXPECT_FALSE(s.confirm("e"));
  EXPECT_EQ(retransmit_limit(4, 3), 4);
  EXPECT_EQ(retransmit_limit(4, 50), 8);
  EXPECT_EQ(suspicion_timeout(6, 3, seconds(5)), seconds(30));
  EXPECT_EQ(push_pull_interval(seconds(60), 33), seconds(120));
}

TEST(gossip_pool, broadcasts_go_out_fresh_first_and_a_limited_number_of_times) {
  broadcast_queue q;
  q.add("old", "x", 1);
  q.add("new", "x", 2);
  EXPECT_EQ(q.take_finished(), std::vector<uint64_t>{1});
  auto take = [&](size_t room) {
    std::vector<std::string> out;
    q.take(out, room, 2, 3);
    return out;
  };
  EXPECT_EQ(take(100), std::vector<std::string>{"new"});
  q.add("longer");
  EXPECT_EQ(take(8), std::vector<std::string>{"longer"});
  EXPECT_EQ(take(100), (std::vector<std::string>{"longer", "new"}));
  EXPECT_EQ(take(4), std::vector<std::string>());
  EXPECT_EQ(take(100), (std::vector<std::string>{"longer", "new"}));
  EXPECT_EQ(q.take_finished(), std::vector<uint64_t>{2});
  EXPECT_TRUE(q.empty());
}

class gossip_simulation : public testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(seeds, gossip_simulation, testing::Values(1, 2, 3));

TEST_P(gossip_simulation, five_form_at_once_and_a_death_is_seen_in_time) {
  simulation s(GetParam());
  for (int i = 0; i < 5; ++i) s.add();
  for (size_t i = 1; i < 5; ++i) s.join(i, 0);
  EXPECT_TRUE(s.run_until(seconds(1), [&] { return s.all_alive(); }));
  EXPECT_LT(s.now(), milliseconds(200)) << to_string(s.now());
  s.run_for(minutes(5));
  EXPECT_TRUE(s.all_alive());
  s.kill(3);
  auto began = s.now();
  // Its turn in the probe rotation comes within one round for some, then the suspicion: 30 s for so few.
  EXPECT_TRUE(s.run_until(minutes(2), [&] { return s.all_see("n3", member_status::failed); }));
  EXPECT_LT(s.now() - began, seconds(50)) << to_string(s.now() - began);
}

TEST_P(gossip_simulation, fifty_lose_packets_and_stay_together) {
  simulation s(GetParam());
  for (int i = 0; i < 50; ++i) s.add();
  for (size_t i = 1; i < 50; ++i) s.join(i, 0);
  EXPECT_TRUE(s.run_until(seconds(2), [&] { return s.all_alive(); }));
  s.loss_percent = 10;
  s.run_for(minutes(3));
  EXPECT_TRUE(s.run_until(minutes(2), [&] { return s.all_alive(); }));
  for (size_t i = 0; i < 50; ++i)
    for (const auto& e : s.events(i)) EXPECT_EQ(e.kind, event_kind::join) << e.member.name;
  s.kill(7);
  auto began = s.now();
  EXPECT_TRUE(s.run_until(minutes(6), [&] { return s.all_see("n7", member_status::failed); }));
  EXPECT_LT(s.now() - began, minutes(3)) << to_string(s.now() - began);
}

TEST_P(gossip_simulation, halves_that_were_cut_off_find_each_other_again) {
  simulation s(GetParam());
  for (int i = 0; i < 10; ++i) s.add();
  for (size_t i = 1; i < 10; ++i) s.join(i, 0);
  ASSERT_TRUE(s.run_until(seconds(1), [&] { return s.all_alive(); }));
  s.connected = [](size_t a, size_t b) { return (a < 5) == (b < 5); };
  EXPECT_TRUE(s.run_until(minutes(10), [&] { return s[0].count(member_status::failed) == 5 && s[9].count(member_status::failed) == 5; }));
  s.run_for(minutes(20));
  s.connected = {};
  auto began = s.now();
  EXPECT_TRUE(s.run_until(minutes(5), [&] { return s.all_alive(); }));
  EXPECT_LT(s.now() - began, seconds(60)) << to_string(s.now() - began);
}

TEST_P(gossip_simulation, leaves_forced_leaves_and_prunes_reach_everybody) {
  simulation s(GetParam());
  pool_options o{.compress = false};
  o.timing.tombstone_timeout = minutes(10);
  for (int i = 0; i < 6; ++i) s.add(o);
  for (size_t i = 1; i < 6; ++i) s.join(i, 0);
  ASSERT_TRUE(s.run_until(seconds(1), [&] { return s.all_alive(); }));
  s.with(5, [](pool& p, duration now) { p.begin_leave(now); });
  s.run_for(milliseconds(300));
  s.with(5, [](pool& p, duration now) { p.finish_leave(now); });
  EXPECT_TRUE(s.run_until(seconds(2), [&] { return s.all_see("n5", member_status::left); }));
  s.kill(5);
  s.kill(4);
  EXPECT_TRUE(s.run_until(minutes(5), [&] { return s.all_see("n4", member_status::failed); }));
  s.with(0, [](pool& p, duration now) { p.force_leave(now, "n4", false); });
  EXPECT_TRUE(s.run_until(seconds(2), [&] { return s.all_see("n4", member_status::left); }));
  s.with(0, [](pool& p, duration now) { p.force_leave(now, "n5", true); });
  EXPECT_TRUE(s.run_until(seconds(2), [&] { return s.all_see("n5", member_status::none); }));
  // Tombstones go by themselves.
  EXPECT_TRUE(s.run_until(minutes(11), [&] { return s.all_see("n4", member_status::none); }));
  EXPECT_EQ(s[0].members().size(), 4u);
}

// Whatever order the words about three absent members come in, in the end all say the same.
TEST_P(gossip_simulation, any_order_of_messages_converges) {
  simulation s(GetParam());
  seeded_random order(GetParam() * 77);
  for (int i = 0; i < 5; ++i) s.add();
  for (size_t i = 1; i < 5; ++i) s.join(i, 0);
  ASSERT_TRUE(s.run_until(seconds(1), [&] { return s.all_alive(); }));
  std::vector<std::string> words;
  for (std::string name : {"x", "y", "z"}) {
    for (int i = 0; i < 8; ++i) {
      auto incarnation = static_cast<uint32_t>(order.below(4) + 1);
      accusation a{.incarnation = incarnation, .node = name, .from = "n" + std::to_string(order.below(5))};
      switch (order.below(5)) {
        case 0: words.push_back(encode(message_type::alive, alive_of(name, incarnation, static_cast<uint8_t>(name[0])))); break;
        case 1: words.push_back(encode(message_type::suspect, a)); break;
        case 2: words.push_back(encode(message_type::dead, a)); break;
        case 3: words.push_back(encode(serf_type::leave, leave_message{.time = order.below(20) + 1, .node = name})); break;
        default: words.push_back(encode(serf_type::join, join_message{.time = order.below(20) + 1, .node = name}));
      }
    }
    words.push_back(encode(message_type::alive, alive_of(name, 1, static_cast<uint8_t>(name[0]))));
  }
  for (size_t i = 0; i < 5; ++i) {
    for (size_t k = words.size(); k > 1; --k) std::swap(words[k - 1], words[order.below(k)]);
    s.with(i, [&](pool& p, duration now) {
      for (const auto& w : words) give(p, now, w);
    });
  }
  s.run_for(minutes(30));
  for (std::string name : {"x", "y", "z"}) {
    const auto* said = s[0].find(name);
    ASSERT_NE(said, nullptr);
    EXPECT_TRUE(said->status == member_status::failed || said->status == member_status::left);
    EXPECT_TRUE(s.all_see(name, said->status)) << name << " is " << gossip::name(said->status) << " for the first only, seed " << GetParam();
  }
}

}  // namespace
}  // namespace drover::gossip
