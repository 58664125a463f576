// One server's decisions about where a request is answered, among others that the test plays.
#include "server/forward.h"

#include <gtest/gtest.h>

#include "env/clock.h"
#include "env/random.h"
#include "net/test_loop.h"
#include "rpc/local.h"
#include "schema/job_rpc.h"
#include "schema/node_rpc.h"
#include "server/peers.h"
#include "server/reads.h"

namespace drover::server {
namespace {

using schema::generic_request;
using schema::generic_response;

enum class state_of { alive, refusing, silent };

// Another server: what it was asked, and what it says.
struct other {
  other(net::loop& l, std::string a) : address(std::move(a)), channel(l, table) {
    table.add<generic_request, generic_response>("Status.Ping", [this](rpc::call_context, generic_request) -> net::awaitable<result<generic_response>> {
      ++pings;
      co_return generic_response();
    });
    table.add<schema::job_deregister_request, schema::job_deregister_response>(
        "Job.Deregister", [this](rpc::call_context, schema::job_deregister_request r) -> net::awaitable<result<schema::job_deregister_response>> {
          asked.push_back(r.job_id);
          last_hop = r.forwarded && r.region.empty();
          if (busy) {
            reached.set();
            co_await gone.wait();
            co_return fail(errc::closed, "EOF");
          }
          if (refusal) {
            refused.set();
            co_return std::unexpected(*refusal);
          }
          schema::job_deregister_response out;
          out.eval_id = address;
          co_return out;
        });
    table.add<schema::node_list_request, schema::node_list_response>(
        "Node.List", [this](rpc::call_context, schema::node_list_request r) -> net::awaitable<result<schema::node_list_response>> {
          asked.push_back(r.prefix);
          last_hop = r.forwarded && r.region.empty();
          if (refusal) co_return std::unexpected(*refusal);
          schema::node_list_response out;
          out.next_token = address;
          out.known_leader = true;
          co_return out;
        });
  }
  std::string address;
  rpc::method_table table;
  rpc::local_channel channel;
  state_of mode = state_of::alive;
  net::event gone;
  int pings = 0;
  std::vector<std::string> asked;
  bool last_hop = false;
  bool busy = false;
  net::event reached;
  // Set when it has not done what it was asked.
  net::event refused;
  std::optional<error> refusal;
};

// What the pool would give: fails, or never answers, as the other is.
class wire : public rpc::channel {
 public:
  explicit wire(other& to) : to_(to) {}
  net::awaitable<result<>> call(std::string method, schema::record_view request, schema::record_slot response) override {
    if (to_.mode == state_of::refusing) {
      to_.refused.set();
      co_return fail(errc::unavailable, "dial {}: connection refused", to_.address);
    }
    if (to_.mode == state_of::silent) {
      co_await to_.gone.wait();
      co_return fail(errc::closed, "the session was dropped");
    }
    co_return co_await to_.channel.call(std::move(method), request, response);
  }
  net::awaitable<result<std::unique_ptr<rpc::message_stream>>> open(std::string method, schema::record_view request) override {
    return to_.channel.open(std::move(method), request);
  }

 private:
  other& to_;
};

struct world {
  explicit world(net::loop& l)
      : loop(l),
        context{.loop = l, .clock = env::real_clock(), .random = env::real_random(), .options = options, .store = store},
        writes(l, log::logger("test")),
        channel(l, table) {
    context.peers = &known;
    context.writes = &writes;
    context.stubs = &stubs;
    context.authority = &authority;
    context.replayed = true;
    links.emplace(l, server_links_options{.dial = [this](const std::string& address, const std::string&) -> std::shared_ptr<rpc::channel> {
                                            return std::make_shared<wire>(*others.at(address));
                                          },
                                          .drop =
                                              [this](const std::string& address) {
                                                dropped.push_back(address);
                                                others.at(address)->gone.set();
                                              },
                                          .ping_timeout = milliseconds(30),
                                          .avoided_for = milliseconds(20),
                                          .watch_interval = milliseconds(10)});
    forward.emplace(context, *links, milliseconds(300));
    context.forward = &*forward;
    add_write(table, context, "Job.Deregister", &deregister);
    add_read(table, context, "Node.List", &list);
    add_here(table, context, "Status.Ping", &ping);
  }
  net::awaitable<void> stop() {
    co_await writes.stop();
    co_await forward->stop();
    co_await links->stop();
  }

  other& add(const std::string& address, uint64_t raft_id, const std::string& region = "global", peer_status status = peer_status::alive) {
    auto& made = others[address] = std::make_unique<other>(loop, address);
    known.put({.name = address,
               .id = address,
               .raft_id = raft_id,
               .region = region,
               .datacenter = "dc1",
               .rpc_address = address,
               .serf_address = address,
               .build = "2.0.0",
               .status = status});
    return *made;
  }
  void lead(uint64_t raft_id) {
    context.leadership = {.leader_id = raft_id, .leader_address = "an-id", .term = context.leadership.term + 1, .is_self = false};
    context.leadership_changed.notify_all();
  }
  net::awaitable<result<schema::job_deregister_response>> write(std::string id, std::string region = {}, bool forwarded = false) {
    schema::job_deregister_request r;
    r.job_id = std::move(id);
    r.region = std::move(region);
    r.forwarded = forwarded;
    return rpc::call<schema::job_deregister_response>(channel, "Job.Deregister", std::move(r));
  }
  net::awaitable<result<schema::node_list_response>> read(bool stale, std::string region = {}) {
    schema::node_list_request r;
    r.allow_stale = stale;
    r.region = std::move(region);
    return rpc::call<schema::node_list_response>(channel, "Node.List", std::move(r));
  }

  static net::awaitable<result<schema::job_deregister_response>> deregister(server_context&, schema::job_deregister_request) {
    schema::job_deregister_response out;
    out.eval_id = "here";
    co_return out;
  }
  static net::awaitable<result<generic_response>> ping(server_context&, generic_request) { co_return generic_response(); }
  static result<> list(const server::read&, const schema::node_list_request&, schema::node_list_response& out) {
    out.next_token = "here";
    out.index = 1;
    return {};
  }

  net::loop& loop;
  server_options options;
  state::store store;
  peers known;
  server::authority authority{context};
  job_stubs stubs;
  server_context context;
  net::task_scope writes;
  rpc::method_table table;
  rpc::local_channel channel;
  std::map<std::string, std::unique_ptr<other>> others;
  std::vector<std::string> dropped;
  std::optional<server_links> links;
  std::optional<forwarder> forward;
};

template <class F>
void in_a_world(F body) {
  net::loop l;
  world w(l);
  net::run_test(l, [](world& in, F f) -> net::awaitable<void> {
    co_await f(in);
    co_await in.stop();
  }(w, std::move(body)));
}

TEST(Forward, WritesAndDefaultReadsGoToTheLeaderAndStaleReadsStay) {
  in_a_world([](world& w) -> net::awaitable<void> {
    auto& leader = w.add("10.0.0.1:4647", 1);
    w.add("10.0.0.2:4647", 2);
    w.lead(1);
    auto written = co_await w.write("a");
    EXPECT_EQ(net::must(std::move(written)).eval_id, leader.address);
    EXPECT_TRUE(leader.last_hop);
    auto listed = co_await w.read(false);
    EXPECT_EQ(net::must(std::move(listed)).next_token, leader.address);
    EXPECT_TRUE(leader.last_hop);
    auto stale = co_await w.read(true);
    EXPECT_EQ(net::must(std::move(stale)).next_token, "here");
    // It was asked for life once, then trusted.
    EXPECT_EQ(leader.pings, 1);
  });
}

TEST(Forward, ARequestWaitsForALeader) {
  in_a_world([](world& w) -> net::awaitable<void> {
    auto& leader = w.add("10.0.0.1:4647", 1);
    net::task_scope later(w.loop, log::logger("test"));
    later.spawn([](world& in) -> net::awaitable<void> {
      co_await net::yield();
      in.lead(1);
    }(w));
    auto written = co_await w.write("a");
    EXPECT_EQ(net::must(std::move(written)).eval_id, leader.address);
    co_await later.join();
  });
}

TEST(Forward, WithoutALeaderItSaysSoAndStaleReadsGoOn) {
  in_a_world([](world& w) -> net::awaitable<void> {
    auto written = co_await w.write("a");
    EXPECT_EQ(written.error().text(), "No cluster leader");
    auto stale = co_await w.read(true);
    EXPECT_FALSE(net::must(std::move(stale)).known_leader);
  });
}

TEST(Forward, TheLastHopIsAnsweredOrRefusedAtOnce) {
  in_a_world([](world& w) -> net::awaitable<void> {
    auto& leader = w.add("10.0.0.1:4647", 1);
    w.lead(1);
    // From a server of this region that took us for the leader: it looks again itself.
    auto refused = co_await w.write("a", "", true);
    EXPECT_EQ(refused.error().text(), "No cluster leader");
    EXPECT_TRUE(leader.asked.empty());
    // From another region, passed on once.
    auto passed = co_await w.write("b", "global", true);
    EXPECT_EQ(net::must(std::move(passed)).eval_id, leader.address);
  });
}

TEST(Forward, ALeaderThatIsGoneIsReplacedByTheNext) {
  in_a_world([](world& w) -> net::awaitable<void> {
    auto& old = w.add("10.0.0.1:4647", 1);
    auto& next = w.add("10.0.0.2:4647", 2);
    w.lead(1);
    (void)net::must(co_await w.write("before"));
    old.mode = state_of::refusing;
    net::task_scope later(w.loop, log::logger("test"));
    later.spawn([](world& in, other& first) -> net::awaitable<void> {
      co_await first.refused.wait();
      in.lead(2);
    }(w, old));
    auto written = co_await w.write("after");
    EXPECT_EQ(net::must(std::move(written)).eval_id, next.address);
    EXPECT_EQ(next.asked, std::vector<std::string>{"after"});
    co_await later.join();
  });
}

TEST(Forward, ADeposedLeaderIsNotBelieved) {
  in_a_world([](world& w) -> net::awaitable<void> {
    auto& old = w.add("10.0.0.1:4647", 1);
    auto& next = w.add("10.0.0.2:4647", 2);
    w.lead(1);
    old.refusal = error(errc::unavailable, "No cluster leader");
    net::task_scope later(w.loop, log::logger("test"));
    later.spawn([](world& in, other& first) -> net::awaitable<void> {
      co_await first.refused.wait();
      in.lead(2);
    }(w, old));
    auto written = co_await w.write("a");
    EXPECT_EQ(net::must(std::move(written)).eval_id, next.address);
    EXPECT_EQ(next.asked.size(), 1u);
    co_await later.join();
  });
}

TEST(Forward, AWriteThatMayHaveBeenDoneIsNotRepeated) {
  in_a_world([](world& w) -> net::awaitable<void> {
    auto& leader = w.add("10.0.0.1:4647", 1);
    w.lead(1);
    leader.refusal = error(errc::unavailable, "No cluster leader", error(errc::unavailable, "leadership was lost; it may still be applied"));
    // As it comes from the wire.
    leader.refusal = error(errc::unavailable, leader.refusal->text());
    auto written = co_await w.write("a");
    EXPECT_NE(written.error().text().find("may still be applied"), std::string::npos);
    EXPECT_EQ(leader.asked.size(), 1u);
    // A read is asked again until it has an answer.
    auto listed = co_await w.read(false);
    EXPECT_FALSE(listed);
    EXPECT_GT(leader.asked.size(), 2u);
  });
}

TEST(Forward, CallsEndWhenTheirServerFallsSilent) {
  in_a_world([](world& w) -> net::awaitable<void> {
    auto& leader = w.add("10.0.0.1:4647", 1);
    w.lead(1);
    leader.busy = true;
    net::task_scope later(w.loop, log::logger("test"));
    later.spawn([](other& o) -> net::awaitable<void> {
      co_await o.reached.wait();
      o.mode = state_of::silent;
    }(leader));
    auto written = co_await w.write("a");
    EXPECT_NE(written.error().text().find("a change may have been made"), std::string::npos) << written.error().text();
    EXPECT_EQ(w.dropped, std::vector<std::string>{leader.address});
    EXPECT_EQ(leader.asked.size(), 1u);
    co_await later.join();
  });
}

// As after a partition: nothing comes through the old connection for a long time yet, a new one would be answered.
TEST(Forward, ASessionThatFellSilentIsMadeAnew) {
  in_a_world([](world& w) -> net::awaitable<void> {
    auto& leader = w.add("10.0.0.1:4647", 1);
    leader.mode = state_of::silent;
    w.lead(1);
    net::task_scope later(w.loop, log::logger("test"));
    later.spawn([](other& o) -> net::awaitable<void> {
      co_await o.gone.wait();
      o.mode = state_of::alive;
    }(leader));
    auto written = co_await w.write("a");
    EXPECT_EQ(net::must(std::move(written)).eval_id, leader.address);
    EXPECT_EQ(w.dropped, std::vector<std::string>{leader.address});
    w.others.at(leader.address)->gone.set();
    co_await later.join();
  });
}

TEST(Forward, OtherRegions) {
  in_a_world([](world& w) -> net::awaitable<void> {
    w.add("10.0.0.1:4647", 1);
    w.lead(1);
    auto unknown = co_await w.read(false, "mars");
    EXPECT_EQ(unknown.error().text(), "No path to region");

    auto& dead = w.add("10.1.0.1:4647", 11, "eu");
    auto& alive = w.add("10.1.0.2:4647", 12, "eu");
    dead.mode = state_of::silent;
    for (int i = 0; i < 5; ++i) {
      auto listed = co_await w.read(false, "eu");
      EXPECT_EQ(net::must(std::move(listed)).next_token, alive.address);
    }
    // Its own servers find its leader.
    EXPECT_FALSE(alive.last_hop);

    alive.mode = state_of::refusing;
    auto began = net::now();
    auto failed = co_await w.write("a", "eu");
    EXPECT_NE(failed.error().text().find("no server of region \"eu\" answers: 2 known"), std::string::npos) << failed.error().text();
    EXPECT_LT(net::now() - began, std::chrono::seconds(1));
    // Nobody else is held up.
    auto here = co_await w.write("b");
    EXPECT_TRUE(here);
  });
}

TEST(Forward, AServerThatIsBehindDoesNotAnswerWhoHasSeenMore) {
  in_a_world([](world& w) -> net::awaitable<void> {
    auto& leader = w.add("10.0.0.1:4647", 1);
    w.lead(1);
    schema::node_list_request r;
    r.allow_stale = true;
    r.min_query_index = 100;
    auto listed = co_await rpc::call<schema::node_list_response>(w.channel, "Node.List", std::move(r));
    EXPECT_EQ(net::must(std::move(listed)).next_token, leader.address);
  });
}

}  // namespace
}  // namespace drover::server
