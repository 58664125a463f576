#include "client/server_list.h"

#include <gmock/gmock.h>

#include <cstring>

#include "client/limits.h"

namespace drover::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// Counts up from a seed: every run is the same.
class seeded_random : public env::random {
 public:
  explicit seeded_random(uint64_t seed) : state_(seed) {}
  void fill(void* out, size_t size) override {
    for (size_t at = 0; at < size; at += 8) {
      state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
      auto mixed = state_ ^ (state_ >> 29);
      std::memcpy(static_cast<char*>(out) + at, &mixed, std::min<size_t>(8, size - at));
    }
  }

 private:
  uint64_t state_;
};

schema::node_server_info server(std::string address, std::string datacenter = "dc1") {
  return {.rpc_advertise_addr = std::move(address), .rpc_major_version = 1, .rpc_minor_version = 1, .datacenter = std::move(datacenter)};
}

TEST(server_address, forms) {
  struct row {
    const char *text, *address;
  };
  for (auto& [text, address] :
       {row{"10.0.0.1", "10.0.0.1:4647"}, row{"10.0.0.1:9000", "10.0.0.1:9000"}, row{" server.example ", "server.example:4647"},
        row{"server.example:1", "server.example:1"}, row{"::1", "[::1]:4647"}, row{"[fd00::2]", "[fd00::2]:4647"}, row{"[fd00::2]:99", "[fd00::2]:99"}})
    EXPECT_EQ(parse_server_address(text).value_or("none"), address) << text;
}

TEST(server_address, says_what_is_wrong) {
  struct row {
    const char *text, *says;
  };
  for (auto& [text, says] : {row{"", "is empty"}, row{"provider=aws tag_key=x", "asking a cloud for servers is not supported"}, row{"a:b", "port"},
                             row{"one:two:3", "IPv6"}, row{"a:70000", "port"}, row{":4647", "lacks a host"}, row{"a:0", "lacks a host or a port"},
                             row{"a b", "no server address"}, row{"{{ GetPrivateIP }}", "no server address"}, row{"unix:///run/x", "no server address"}}) {
    auto parsed = parse_server_address(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().text(), HasSubstr(says)) << text;
  }
}

TEST(server_list, learned_before_seeds_and_own_datacenter_first) {
  seeded_random random(1);
  server_list list("dc1");
  list.set_seeds({"seed:4647", "a:4647"});
  EXPECT_THAT(list.order(), ElementsAre("seed:4647", "a:4647"));
  EXPECT_THAT(list.shown(), ElementsAre("a:4647", "seed:4647"));
  EXPECT_TRUE(list.learn({server("far", "dc2"), server("a"), server("b")}, random));
  auto order = list.order();
  ASSERT_EQ(order.size(), 4u);
  EXPECT_THAT((std::vector<std::string>{order[0], order[1]}), UnorderedElementsAre("a:4647", "b:4647"));
  EXPECT_EQ(order[2], "far:4647");
  EXPECT_EQ(order[3], "seed:4647");
  EXPECT_THAT(list.shown(), ElementsAre("a:4647", "b:4647", "far:4647"));
}

TEST(server_list, an_empty_answer_is_no_knowledge) {
  seeded_random random(2);
  server_list list("dc1");
  EXPECT_TRUE(list.learn({server("a"), server("b")}, random));
  auto before = list.order();
  EXPECT_FALSE(list.learn({}, random));
  EXPECT_FALSE(list.learn({server(""), server("no address at all")}, random));
  EXPECT_EQ(list.order(), before);
  EXPECT_FALSE(list.learn({server("b"), server("a")}, random));
  EXPECT_EQ(list.order(), before);
}

TEST(server_list, who_left_goes_and_a_seed_stays_as_seed) {
  seeded_random random(3);
  server_list list("dc1");
  list.set_seeds({"a:4647"});
  list.learn({server("a"), server("b")}, random);
  EXPECT_TRUE(list.learn({server("c")}, random));
  EXPECT_THAT(list.order(), ElementsAre("c:4647", "a:4647"));
  EXPECT_THAT(list.shown(), ElementsAre("c:4647"));
  EXPECT_EQ(list.learned().size(), 1u);
}

TEST(server_list, who_failed_is_asked_last_and_the_oldest_failure_first) {
  seeded_random random(4);
  server_list list("dc1");
  list.set_seeds({"seed:1"});
  list.learn({server("a"), server("b"), server("c")}, random);
  list.failed("b:4647");
  list.failed("a:4647");
  EXPECT_THAT(list.order(), ElementsAre("c:4647", "seed:1", "b:4647", "a:4647"));
  list.worked("a:4647");
  EXPECT_EQ(list.order().back(), "b:4647");
  list.failed("nobody:1");
  list.prefer("b:4647");
  EXPECT_EQ(list.order().front(), "b:4647");
  list.prefer("nobody:1");
}

TEST(server_list, an_operators_list_replaces_everything) {
  seeded_random random(5);
  server_list list("dc1");
  list.set_seeds({"seed:1"});
  list.learn({server("a")}, random);
  list.replace({"x:1", "y:1"}, random);
  EXPECT_THAT(list.order(), UnorderedElementsAre("x:1", "y:1"));
}

TEST(server_list, candidates_spread_evenly) {
  seeded_random random(6);
  server_list list("dc1");
  list.learn({server("a"), server("b"), server("c"), server("far", "dc2")}, random);
  std::map<std::string, int> first;
  for (int i = 0; i < 3000; ++i) {
    auto order = list.candidates(random);
    EXPECT_EQ(order.back(), "far:4647");
    ++first[order.front()];
  }
  for (auto& [address, count] : first) EXPECT_NEAR(count, 1000, 150) << address;
  EXPECT_EQ(first.size(), 3u);
}

TEST(server_list, has_a_limit) {
  seeded_random random(7);
  server_list list("dc1");
  std::vector<schema::node_server_info> many;
  for (size_t i = 0; i < limits::servers_max * 2; ++i) many.push_back(server(fmt::format("host{}", i)));
  list.learn(many, random);
  EXPECT_EQ(list.order().size(), limits::servers_max);
}

TEST(rebalance_interval, scales_with_the_cluster) {
  seeded_random random(8);
  for (int64_t nodes : {0, 3, 5000}) {
    auto d = rebalance_interval(nodes, random);
    EXPECT_GE(d, minutes(5));
    EXPECT_LT(d, minutes(8));
  }
  EXPECT_GE(rebalance_interval(64'000, random), seconds(1000));
}

}  // namespace
}  // namespace drover::client
