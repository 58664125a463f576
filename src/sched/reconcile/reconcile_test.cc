#include <gtest/gtest.h>

#include <set>

#include "sched/reconcile/names.h"
#include "sched/reconcile/replace_rule.h"
#include "sched/reconcile/reschedule.h"
#include "sched/test_world.h"

namespace drover::sched::testing {
namespace {

// A new member must be put into one of the two lists.
template <class T>
void expect_decided(std::span<const std::string_view> replacing, std::span<const std::string_view> in_place) {
  std::set<std::string> decided;
  for (auto list : {replacing, in_place})
    for (auto member : list) EXPECT_TRUE(decided.insert(std::string(member)).second) << member << " is in both";
  for (const auto& field : schema::type_of<T>().record->fields()) {
    EXPECT_TRUE(decided.contains(field.name)) << field.name << " is in neither";
    decided.erase(field.name);
  }
  for (const auto& name : decided) ADD_FAILURE() << name << " is no member";
}

TEST(replace_rule, decides_every_member) {
  expect_decided<schema::task_group>(replacing_group_fields(), in_place_group_fields());
  expect_decided<schema::task>(replacing_task_fields(), in_place_task_fields());
}

TEST(replace_rule, table) {
  struct row {
    const char* what;
    void (*edit)(schema::job&);
    bool replaces;
  };
  const row rows[] = {
      {"nothing", [](schema::job&) {}, false},
      {"count", [](schema::job& j) { j.task_groups[0].count = 5; }, false},
      {"update", [](schema::job& j) { j.task_groups[0].update->max_parallel = 5; }, false},
      {"restart", [](schema::job& j) { j.task_groups[0].restart_policy.emplace(); }, false},
      {"priority", [](schema::job& j) { j.priority = 70; }, false},
      {"constraint", [](schema::job& j) { j.constraints.push_back({"a", "b", "="}); }, false},
      {"service", [](schema::job& j) { j.task_groups[0].services.emplace_back().name = "s"; }, false},
      {"kill_timeout", [](schema::job& j) { j.task_groups[0].tasks[0].kill_timeout = seconds(9); }, false},
      {"env", [](schema::job& j) { j.task_groups[0].tasks[0].env["a"] = "b"; }, true},
      {"config", [](schema::job& j) { j.task_groups[0].tasks[0].config["command"] = "x"; }, true},
      {"driver", [](schema::job& j) { j.task_groups[0].tasks[0].driver = "raw_exec"; }, true},
      {"user", [](schema::job& j) { j.task_groups[0].tasks[0].user = "x"; }, true},
      {"artifacts", [](schema::job& j) { j.task_groups[0].tasks[0].artifacts.emplace_back(); }, true},
      {"templates", [](schema::job& j) { j.task_groups[0].tasks[0].templates.emplace_back(); }, true},
      {"memory", [](schema::job& j) { j.task_groups[0].tasks[0].resources->memory_mb = 65; }, true},
      {"networks", [](schema::job& j) { j.task_groups[0].networks.emplace_back(); }, true},
      {"identity", [](schema::job& j) { j.task_groups[0].tasks[0].identities.emplace_back(); }, true},
      {"job affinity", [](schema::job& j) { j.affinities.push_back({"a", "b", "=", 50}); }, true},
      {"job spread", [](schema::job& j) { j.spreads.push_back({"${node.datacenter}", 50, {}}); }, true},
      {"job meta", [](schema::job& j) { j.meta["a"] = "b"; }, true},
      {"group meta", [](schema::job& j) { j.task_groups[0].meta["a"] = "b"; }, true},
      {"task meta", [](schema::job& j) { j.task_groups[0].tasks[0].meta["a"] = "b"; }, true},
      {"another task", [](schema::job& j) { j.task_groups[0].tasks.emplace_back().name = "x"; }, true},
      {"sidecar", [](schema::job& j) { j.task_groups[0].services.emplace_back().connect.emplace(); }, true},
  };
  for (const auto& r : rows) {
    auto before = make_job("j");
    auto after = make_job("j");
    r.edit(after);
    EXPECT_EQ(needs_replacement(before, before.task_groups[0], after, after.task_groups[0]), r.replaces) << r.what;
  }
}

schema::allocation failed_alloc(timestamp at, std::vector<schema::reschedule_event> events) {
  schema::allocation alloc;
  alloc.id = "a";
  alloc.node_id = "n";
  alloc.task_states["main"].failed = true;
  alloc.task_states["main"].finished_at = at;
  if (!events.empty()) alloc.reschedule_tracker = schema::share(schema::reschedule_tracker{std::move(events), ""});
  return alloc;
}

TEST(reschedule, delays_follow_their_series) {
  struct row {
    const char* function;
    std::vector<int64_t> expected;  // seconds
  };
  const row rows[] = {
      {"constant", {5, 5, 5, 5}},
      {"exponential", {5, 10, 20, 40, 60, 60}},
      {"fibonacci", {5, 5, 10, 15, 25, 40, 60, 60}},
  };
  for (const auto& r : rows) {
    schema::reschedule_policy policy;
    policy.unlimited = true;
    policy.delay = seconds(5);
    policy.delay_function = r.function;
    policy.max_delay = seconds(60);
    timestamp now(1'000'000'000'000'000'000);
    auto alloc = failed_alloc(now, {});
    for (int64_t expected : r.expected) {
      auto decision = decide_reschedule(alloc, policy, failed_at(alloc));
      EXPECT_TRUE(decision.eligible);
      EXPECT_EQ(decision.delay, seconds(expected)) << r.function;
      EXPECT_EQ(decision.when, now + seconds(expected));
      now = now + decision.delay;
      auto tracker = next_tracker(alloc, policy, now);
      EXPECT_LE(tracker.events.size(), 5u);
      now = now + seconds(1);
      alloc = failed_alloc(now, tracker.events);
    }
    // It ran for longer than the ceiling: the series starts again.
    alloc.task_states["main"].finished_at = now + seconds(1000);
    EXPECT_EQ(decide_reschedule(alloc, policy, failed_at(alloc)).delay, seconds(5)) << r.function;
  }
}

TEST(reschedule, attempts_count_within_the_interval) {
  schema::reschedule_policy policy;
  policy.attempts = 2;
  policy.interval = hours(1);
  policy.delay = seconds(5);
  timestamp now(1'000'000'000'000'000'000);
  auto event = [&](duration ago) { return schema::reschedule_event{(now - ago).ns, "p", "n", seconds(5)}; };
  EXPECT_TRUE(decide_reschedule(failed_alloc(now, {event(minutes(10))}), policy, now).eligible);
  EXPECT_FALSE(decide_reschedule(failed_alloc(now, {event(minutes(20)), event(minutes(10))}), policy, now).eligible);
  EXPECT_TRUE(decide_reschedule(failed_alloc(now, {event(hours(2)), event(minutes(10))}), policy, now).eligible);
  policy.attempts = 0;
  EXPECT_FALSE(decide_reschedule(failed_alloc(now, {}), policy, now).eligible);
}

TEST(names, the_lowest_free_index_is_used) {
  EXPECT_EQ(alloc_name("job", "web", 3), "job.web[3]");
  EXPECT_EQ(alloc_index("a.b[x].web[12]"), 12u);
  EXPECT_EQ(alloc_index("job.web"), std::nullopt);
  name_index names(10);
  for (const char* used : {"j.w[0]", "j.w[2]", "j.w[99999999999]", "odd"}) names.use(used);
  EXPECT_EQ(names.next(), 1u);
  EXPECT_EQ(names.next(), 3u);
}

}  // namespace
}  // namespace drover::sched::testing
