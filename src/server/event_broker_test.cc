// Commits of a real state machine, read by subscribers.
#include "server/event_broker.h"

#include <gtest/gtest.h>

#include "codec/json.h"
#include "fsm/fixture.h"
#include "net/test_loop.h"
#include "server/event_limits.h"

namespace drover::server {
namespace {

using fsm::command_type;
using net::awaitable;

std::string text(const value& v, std::string_view key) { return *v.find(key)->as_string(); }
int64_t number(const value& v, std::string_view key) { return *v.find(key)->as_int(); }
const std::vector<value>& events_of(const value& line) { return *line.find("Events")->as_list(); }

struct event_fixture : testing::Test {
  event_fixture() {
    machine.on_commit([this](std::shared_ptr<const fsm::commit_event> event) { broker->note(*event); });
  }
  template <command_type C>
  void apply(const fsm::request_of<C>& request) {
    ASSERT_TRUE(machine.apply(++index, fsm::encode<C>(request)));
  }
  void register_job(const std::string& id) { apply<command_type::job_register>(fsm::test::registration(fsm::test::make_job(id))); }
  std::unique_ptr<event_subscription> subscribe(std::map<std::string, std::vector<std::string>> topics, uint64_t from = 0, std::string ns = "*") {
    return broker->subscribe({.topics = std::move(topics), .namespace_ = std::move(ns)}, from);
  }
  // What is there now, line by line; "{}" ends it.
  std::vector<value> lines(event_subscription& from) {
    std::vector<value> out;
    net::run_test(loop, [](event_subscription& s, std::vector<value>& into) -> awaitable<void> {
      for (;;) {
        auto line = net::must(co_await s.next(net::now()));
        if (line == "{}") break;
        into.push_back(net::must(codec::value_from_json(line)));
      }
    }(from, out));
    return out;
  }
  // The same without looking.
  void drain(event_subscription& from) {
    net::run_test(loop, [](event_subscription& s) -> awaitable<void> {
      while (net::must(co_await s.next(net::now())) != "{}") continue;
    }(from));
  }
  // "Job/JobRegistered/web" of every event.
  std::vector<std::string> names(event_subscription& from) {
    std::vector<std::string> out;
    for (const auto& line : lines(from))
      for (const auto& e : events_of(line)) out.push_back(text(e, "Topic") + "/" + text(e, "Type") + "/" + text(e, "Key"));
    return out;
  }
  result<std::string> next(event_subscription& from) {
    result<std::string> out = "";
    net::run_test(loop, [](event_subscription& s, result<std::string>& into) -> awaitable<void> { into = co_await s.next(net::now()); }(from, out));
    return out;
  }

  net::loop loop;
  state::store store;
  fsm::machine machine{store};
  std::unique_ptr<event_broker> broker = std::make_unique<event_broker>(loop, 5);
  uint64_t index = 10;
};

using strings = std::vector<std::string>;

TEST_F(event_fixture, topics_and_keys_choose_what_a_subscriber_gets) {
  auto all = subscribe({{"*", {"*"}}}), jobs = subscribe({{"Job", {"*"}}}), web = subscribe({{"Job", {"web"}}}), by_job = subscribe({{"Evaluation", {"web"}}}),
       any_topic = subscribe({{"*", {"web"}}}), elsewhere = subscribe({{"*", {"*"}}}, 0, "other");
  register_job("web");
  register_job("db");
  apply<command_type::eval_update>({.evals = {fsm::test::make_eval("e1", "web")}});
  apply<command_type::node_register>(fsm::test::node("n1"));
  EXPECT_EQ(names(*all), (strings{"Job/JobRegistered/web", "Job/JobRegistered/db", "Evaluation/EvaluationUpdated/e1", "Node/NodeRegistration/n1"}));
  EXPECT_EQ(names(*jobs), (strings{"Job/JobRegistered/web", "Job/JobRegistered/db"}));
  EXPECT_EQ(names(*web), (strings{"Job/JobRegistered/web"}));
  EXPECT_EQ(names(*by_job), (strings{"Evaluation/EvaluationUpdated/e1"}));
  EXPECT_EQ(names(*any_topic), (strings{"Job/JobRegistered/web", "Evaluation/EvaluationUpdated/e1"}));
  // What belongs to no namespace is for everybody.
  EXPECT_EQ(names(*elsewhere), (strings{"Node/NodeRegistration/n1"}));
}

TEST_F(event_fixture, an_event_says_what_changed_without_secrets) {
  auto all = subscribe({{"*", {"*"}}});
  apply<command_type::node_register>(fsm::test::node("n1"));
  auto line = lines(*all).at(0);
  EXPECT_EQ(number(line, "Index"), static_cast<int64_t>(index));
  const auto& e = events_of(line).at(0);
  EXPECT_EQ(number(e, "Index"), static_cast<int64_t>(index));
  EXPECT_EQ(text(e, "Namespace"), "");
  EXPECT_TRUE(e.find("FilterKeys")->is_null());
  const auto* node = e.find("Payload")->find("Node");
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(text(*node, "ID"), "n1");
  EXPECT_EQ(text(*node, "SecretID"), "");
}

TEST_F(event_fixture, an_allocation_comes_without_its_job_and_a_purged_job_says_so) {
  register_job("web");
  auto all = subscribe({{"Allocation", {"*"}}, {"Job", {"*"}}}, index + 1);
  apply<command_type::apply_plan_results>(fsm::test::placement("web", 0, {fsm::test::make_alloc("a1", "web")}));
  fsm::request_of<command_type::job_deregister> gone;
  gone.namespace_ = "default";
  gone.job_id = "web";
  gone.purge = true;
  apply<command_type::job_deregister>(gone);
  auto got = lines(*all);
  ASSERT_EQ(got.size(), 2U);
  for (const auto& e : events_of(got[0])) {
    EXPECT_EQ(text(e, "Type"), "PlanResult");
    if (text(e, "Topic") != "Allocation") continue;
    EXPECT_EQ(*e.find("FilterKeys")->as_list()->at(0).as_string(), "web");
    EXPECT_TRUE(e.find("Payload")->find("Allocation")->find("Job")->is_null());
  }
  const auto& last = events_of(got[1]).at(0);
  EXPECT_EQ(text(last, "Type"), "JobDeregistered");
  EXPECT_TRUE(*last.find("Payload")->find("Deleted")->as_bool());
}

TEST_F(event_fixture, who_comes_later_gets_what_is_kept_from_its_index_on) {
  for (auto id : {"a", "b", "c", "d", "e", "f", "g"}) register_job(id);
  // Five are kept; "c" is the oldest of them.
  EXPECT_EQ(names(*subscribe({{"Job", {"*"}}})).size(), 5U);
  EXPECT_EQ(names(*subscribe({{"Job", {"*"}}}, 1)).front(), "Job/JobRegistered/c");
  EXPECT_EQ(names(*subscribe({{"Job", {"*"}}}, index - 1)), (strings{"Job/JobRegistered/f", "Job/JobRegistered/g"}));
  auto ahead = subscribe({{"Job", {"*"}}}, index + 100);
  EXPECT_TRUE(names(*ahead).empty());
  register_job("h");
  EXPECT_EQ(names(*ahead), (strings{"Job/JobRegistered/h"}));
}

TEST_F(event_fixture, who_is_too_slow_is_cut_off_and_told) {
  auto slow = subscribe({{"*", {"*"}}}), fast = subscribe({{"*", {"*"}}});
  for (uint64_t i = 0; i < event_lag_max + 2 * event_lag_check_interval; ++i) {
    apply<command_type::eval_update>({.evals = {fsm::test::make_eval("e1", "web")}});
    if (i % 4096 == 0) drain(*fast);
  }
  auto refused = next(*slow);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("subscription closed by server, client should resubscribe"), std::string::npos) << refused.error().text();
  EXPECT_TRUE(next(*fast));
}

TEST_F(event_fixture, a_replaced_state_ends_all_subscriptions) {
  auto all = subscribe({{"*", {"*"}}});
  register_job("web");
  auto saved = machine.freeze()();
  ASSERT_TRUE(saved);
  ASSERT_TRUE(machine.restore(index + 5, *saved));
  EXPECT_FALSE(next(*all));
  index += 5;
  auto again = subscribe({{"*", {"*"}}});
  register_job("db");
  EXPECT_EQ(names(*again), (strings{"Job/JobRegistered/db"}));
}

TEST_F(event_fixture, a_large_plan_comes_in_several_lines_of_one_index) {
  auto all = subscribe({{"Allocation", {"*"}}});
  register_job("web");
  std::vector<schema::allocation> many;
  for (int i = 0; i < 1000; ++i) many.push_back(fsm::test::make_alloc(fmt::format("a{}", i), "web"));
  apply<command_type::apply_plan_results>(fsm::test::placement("web", 0, std::move(many)));
  auto got = lines(*all);
  EXPECT_GT(got.size(), 1U);
  size_t events = 0;
  for (const auto& line : got) {
    EXPECT_EQ(number(line, "Index"), static_cast<int64_t>(index));
    events += events_of(line).size();
  }
  EXPECT_EQ(events, 1000U);
}

TEST_F(event_fixture, a_thousand_readers_share_one_text) {
  std::vector<std::unique_ptr<event_subscription>> all;
  for (int i = 0; i < 1000; ++i) all.push_back(subscribe({{"*", {"*"}}}));
  register_job("web");
  EXPECT_EQ(broker->subscribers(), 1000U);
  for (auto& each : all) EXPECT_TRUE(next(*each)->starts_with("{\"Index\":"));
}

}  // namespace
}  // namespace drover::server
