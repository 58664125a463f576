// What a node does while its servers are away, and when they come back different.
#include "client/contact.h"

#include <gmock/gmock.h>
#include <signal.h>

#include "client/alloc_runner.h"
#include "client/retry.h"
#include "client/testing/agent_fixture.h"

namespace drover::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

TEST(contact, time_without_servers) {
  machine_instant before{.boot_id = "one", .since_boot_ns = seconds(100).ns, .wall = timestamp(seconds(1000).ns)};
  struct row {
    const char* what;
    machine_instant now;
    duration away;
  };
  for (auto& r : {row{"the same boot", {"one", seconds(130).ns, timestamp(seconds(1030).ns)}, seconds(30)},
                  row{"the wall clock jumped a year", {"one", seconds(130).ns, timestamp(hours(9000).ns)}, seconds(30)},
                  row{"the wall clock jumped back", {"one", seconds(130).ns, timestamp(0)}, seconds(30)},
                  row{"a reboot", {"two", seconds(5).ns, timestamp(seconds(1200).ns)}, seconds(200)},
                  row{"a reboot with a clock that went back", {"two", seconds(5).ns, timestamp(0)}, seconds(0)}})
    EXPECT_EQ(passed(before, r.now), r.away) << r.what;
}

TEST(contact, an_instant_survives_as_text) {
  auto now = machine_now();
  auto back = parse_instant(to_text(now));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->boot_id, now.boot_id);
  EXPECT_EQ(back->since_boot_ns, now.since_boot_ns);
  EXPECT_EQ(back->wall, now.wall);
  EXPECT_TRUE(parse_instant("- 1 2")->boot_id.empty());
  for (auto* bad : {"", "a b", "a b c", "a 1 b", "a 1 2 3"}) EXPECT_FALSE(parse_instant(bad)) << bad;
}

TEST(contact, when_to_stop) {
  struct row {
    duration limit, away, since_start, left;
  };
  for (auto& r : {row{seconds(60), seconds(0), hours(1), seconds(60)}, row{seconds(60), seconds(45), hours(1), seconds(15)},
                  row{seconds(60), seconds(61), hours(1), seconds(0)},
                  // An agent that was away itself looks for servers first ...
                  row{seconds(60), hours(5), seconds(0), seconds(5)}, row{seconds(60), hours(5), seconds(4), seconds(1)},
                  row{seconds(60), hours(5), seconds(5), seconds(0)},
                  // ... but not longer than the group bears.
                  row{seconds(2), hours(5), seconds(0), seconds(2)}})
    EXPECT_EQ(until_stop(r.limit, r.away, r.since_start), r.left) << to_string(r.limit) << " " << to_string(r.away);
}

TEST(contact, limit_of_a_group) {
  schema::task_group group;
  EXPECT_FALSE(disconnect_limit(group));
  group.stop_after_client_disconnect = seconds(10);
  EXPECT_EQ(disconnect_limit(group), seconds(10));
  group.disconnect.emplace().stop_on_client_after = seconds(3);
  EXPECT_EQ(disconnect_limit(group), seconds(3));
  group.disconnect->stop_on_client_after = seconds(0);
  EXPECT_FALSE(disconnect_limit(group));
}

TEST(retry, grows_to_a_limit_that_fits_the_cluster) {
  EXPECT_EQ(retry_limit(0), seconds(1));
  EXPECT_EQ(retry_limit(5000), seconds(20));
  EXPECT_EQ(retry_limit(1'000'000), seconds(30));
  retry_delay retry;
  EXPECT_LE(retry.next(seconds(1)), milliseconds(30));
  for (int i = 0; i < 20; ++i) retry.next(seconds(1));
  bool differs = false;
  auto first = retry.next(seconds(1));
  for (int i = 0; i < 20; ++i) {
    auto next = retry.next(seconds(1));
    EXPECT_GE(next, milliseconds(500));
    EXPECT_LE(next, milliseconds(1500));
    differs |= next != first;
  }
  EXPECT_TRUE(differs);
  retry.succeeded();
  EXPECT_LE(retry.next(seconds(1)), milliseconds(30));
}

class contact_test : public testing::agent_fixture {
 public:
  contact_test() { servers->said.heartbeat_ttl = milliseconds(30); }
  client_options lasting() {
    auto o = options();
    o.dev_mode = false;
    o.network_interface = "lo";
    value::object enabled;
    enabled.set("enabled", true);
    o.drivers["raw_exec"] = value(std::move(enabled));
    return o;
  }
  static schema::allocation sleeper(std::optional<duration> limit = std::nullopt) {
    auto alloc = make_alloc("service", {make_task("main", "raw_exec", command("/bin/sleep", {"1000"}))});
    if (!limit) return alloc;
    auto job = *alloc.job;
    job.task_groups[0].disconnect.emplace().stop_on_client_after = limit;
    alloc.job = std::make_shared<const schema::job>(std::move(job));
    return alloc;
  }
  net::awaitable<void> until_asked(int more) {
    auto wanted = servers->alloc_queries + more;
    while (servers->alloc_queries < wanted) co_await servers->queried.wait();
  }
  bool runs(const std::string& id) {
    auto* runner = agent->find(id);
    return runner && runner->client_status() == "running";
  }
  net::awaitable<void> running(schema::allocation alloc) {
    auto id = alloc.id;
    servers->place(std::move(alloc));
    co_await servers->reported_status(id, "running");
  }
};

TEST_F(contact_test, a_group_stops_after_its_time_without_servers_and_others_run_on) {
  run([](contact_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto stops = sleeper(milliseconds(300)), stays = sleeper();
    co_await t.running(stops);
    co_await t.running(stays);
    // Heartbeats keep it alive for longer than its time.
    auto until = net::after(milliseconds(600));
    while (net::now() < until) co_await t.servers->updated.wait(until);
    EXPECT_TRUE(t.runs(stops.id));
    t.servers->refuse = true;
    co_await t.agent->find(stops.id)->wait_tasks_done();
    EXPECT_TRUE(t.runs(stays.id));
    // When the servers are back they are told.
    t.servers->refuse = false;
    co_await t.servers->reported_status(stops.id, "complete");
    EXPECT_TRUE(t.runs(stays.id));
  }(*this));
}

TEST_F(contact_test, the_time_without_servers_counts_over_a_restart_of_the_agent) {
  run([](contact_test& t) -> net::awaitable<void> {
    t.start_agent(t.lasting());
    auto stops = sleeper(milliseconds(100)), stays = sleeper(hours(1));
    co_await t.running(stops);
    co_await t.running(stays);
    t.servers->refuse = true;
    co_await t.stop_agent();
    t.start_agent(t.lasting());
    co_await t.agent->find(stops.id)->wait_tasks_done();
    EXPECT_TRUE(t.runs(stays.id));
    t.servers->refuse = false;
    t.servers->stop(stays.id);
    co_await t.servers->reported_status(stays.id, "complete");
  }(*this));
}

TEST_F(contact_test, a_node_that_was_forgotten_registers_again) {
  run([](contact_test& t) -> net::awaitable<void> {
    t.start_agent();
    co_await t.agent->wait_ready();
    EXPECT_EQ(t.servers->registrations, 1);
    t.servers->forgot_node = true;
    while (t.servers->registrations < 2) co_await t.servers->updated.wait();
    auto beats = t.servers->heartbeats;
    while (t.servers->heartbeats == beats) co_await t.servers->updated.wait();
  }(*this));
}

TEST_F(contact_test, a_node_that_is_refused_keeps_its_tasks_and_asks_rarely) {
  run([](contact_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = sleeper();
    co_await t.running(alloc);
    t.servers->refusal = error(errc::permission_denied, "node secret ID does not match. Not registering node.");
    t.servers->forgot_node = true;
    auto before = t.servers->registrations;
    t.servers->refuse_registration = true;
    while (t.servers->registrations == before) co_await t.servers->updated.wait();
    // Other nodes' retries would come after milliseconds.
    auto until = net::after(milliseconds(500));
    while (net::now() < until) co_await t.servers->updated.wait(until);
    EXPECT_EQ(t.servers->registrations, before + 1);
    EXPECT_TRUE(t.runs(alloc.id));
  }(*this));
}

TEST_F(contact_test, the_first_question_is_for_the_leader_and_the_next_is_not) {
  run([](contact_test& t) -> net::awaitable<void> {
    t.start_agent();
    co_await t.running(sleeper());
    while (t.servers->asked.size() < 2) co_await t.servers->queried.wait();
    EXPECT_FALSE(t.servers->asked[0].allow_stale);
    EXPECT_EQ(t.servers->asked[0].min_query_index, 0u);
    EXPECT_TRUE(t.servers->asked[1].allow_stale);
    EXPECT_GT(t.servers->asked[1].min_query_index, 0u);
  }(*this));
}

TEST_F(contact_test, allocations_that_do_not_come_back_are_asked_for_again) {
  run([](contact_test& t) -> net::awaitable<void> {
    t.servers->withhold = 1;
    t.start_agent();
    auto one = sleeper(), two = sleeper();
    t.servers->place(one);
    t.servers->place(two);
    co_await t.servers->reported_status(one.id, "running");
    co_await t.servers->reported_status(two.id, "running");
  }(*this));
}

TEST_F(contact_test, many_allocations_come_in_batches) {
  run([](contact_test& t) -> net::awaitable<void> {
    auto ended = make_alloc("batch", {make_task("main", "raw_exec", command("/bin/true"))});
    ended.client_status = "complete";
    for (size_t i = 0; i < limits::allocs_per_pull * 2 + 10; ++i) {
      ended.id = new_uuid();
      t.servers->place(ended);
    }
    t.start_agent();
    auto last = make_alloc("batch", {make_task("main", "raw_exec", command("/bin/true"))});
    while (t.servers->pulls.size() < 3) co_await net::yield();
    EXPECT_THAT(t.servers->pulls, ElementsAre(limits::allocs_per_pull, limits::allocs_per_pull, 10u));
    t.servers->place(last);
    co_await t.servers->reported_status(last.id, "complete");
    EXPECT_EQ(t.servers->pulls.back(), 1u);
  }(*this));
}

// The same history, whose answer's index went back (the newest allocation of the node was collected).
TEST_F(contact_test, a_lower_index_counts_once_the_leader_has_proved_itself) {
  run([](contact_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = sleeper();
    co_await t.running(alloc);
    t.servers->allocs.clear();
    t.servers->index = 3;
    t.servers->register_index = 100;
    t.servers->answers_at_once = true;
    t.servers->changed.notify_all();
    while (t.agent->find(alloc.id)) co_await net::yield();
    t.servers->answers_at_once = false;
    // Its indexes are followed from there.
    auto next = sleeper();
    co_await t.running(next);
  }(*this));
}

TEST_F(contact_test, a_replaced_cluster_stops_nothing_and_is_served) {
  run([](contact_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto old = sleeper();
    t.servers->index = 1000;
    co_await t.running(old);
    // A new, empty cluster answers at the same address.
    t.servers->allocs.clear();
    t.servers->reports.clear();
    t.servers->index = 5;
    t.servers->register_index = 6;
    t.servers->forgot_node = true;
    t.servers->answers_at_once = true;
    t.servers->changed.notify_all();
    // It is told again what runs here.
    co_await t.servers->reported_status(old.id, "running");
    t.servers->answers_at_once = false;
    auto fresh = sleeper();
    co_await t.running(fresh);
    EXPECT_TRUE(t.runs(old.id));
    // An allocation of the new cluster obeys it, the orphan does not go.
    t.servers->remove(fresh.id);
    while (t.agent->find(fresh.id)) co_await net::yield();
    EXPECT_TRUE(t.runs(old.id));
    // The old state is restored into it: known again, and then obeyed.
    t.servers->place(old);
    t.servers->stop(old.id);
    co_await t.servers->reported_status(old.id, "complete");
    t.servers->remove(old.id);
    while (t.agent->find(old.id)) co_await net::yield();
  }(*this));
}

TEST_F(contact_test, an_orphan_is_one_after_a_restart_too) {
  run([](contact_test& t) -> net::awaitable<void> {
    t.start_agent(t.lasting());
    auto old = sleeper();
    t.servers->index = 1000;
    co_await t.running(old);
    t.servers->allocs.clear();
    t.servers->index = 5;
    t.servers->register_index = 6;
    t.servers->reports.clear();
    t.servers->answers_at_once = true;
    t.servers->changed.notify_all();
    co_await t.servers->reported_status(old.id, "running");
    t.servers->answers_at_once = false;
    co_await t.stop_agent();
    t.servers->reports.clear();
    t.start_agent(t.lasting());
    co_await t.servers->reported_status(old.id, "running");
    co_await t.running(sleeper());
    EXPECT_TRUE(t.runs(old.id));
    for (auto& [id, alloc] : std::map(t.servers->allocs)) t.servers->stop(id);
    t.servers->place(old);
    t.servers->stop(old.id);
    co_await t.servers->reported_status(old.id, "complete");
    for (auto& [id, alloc] : std::map(t.servers->allocs)) co_await t.servers->reported_status(id, "complete");
  }(*this));
}

TEST_F(contact_test, an_allocation_taken_for_unknown_says_that_it_is_back) {
  run([](contact_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = sleeper();
    co_await t.running(alloc);
    t.servers->reports.clear();
    alloc.client_status = "unknown";
    t.servers->place(alloc);
    auto report = co_await t.servers->reported_status(alloc.id, "running");
    EXPECT_THAT(event_types(*report, "main"), IsSupersetOf({"Reconnected"}));
  }(*this));
}

TEST_F(contact_test, what_was_not_acknowledged_is_reported_when_the_servers_are_back) {
  run([](contact_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = make_alloc("batch", {make_task("main", "raw_exec", command("/bin/sh", {"-c", "until [ -e local/go ]; do sleep 0.02; done"}))});
    co_await t.running(alloc);
    t.servers->refuse = true;
    (void)write_file(t.data_dir + "/alloc/" + alloc.id + "/main/local/go", "x", 0644);
    co_await t.agent->find(alloc.id)->wait_tasks_done();
    t.servers->refuse = false;
    co_await t.servers->reported_status(alloc.id, "complete");
  }(*this));
}

}  // namespace
}  // namespace drover::client
