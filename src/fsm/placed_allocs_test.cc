#include "fsm/placed_allocs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "codec/compare.h"
#include "fsm/fixture.h"

namespace drover::fsm::test {
namespace {

using enum command_type;

std::string uuid(int number) { return fmt::format("{:08x}-0000-4000-8000-{:012x}", static_cast<uint32_t>(number) * 2654435761u, number); }

schema::allocation new_alloc(int number) {
  auto a = make_alloc(uuid(number), "web", fmt::format("n{}", number % 3));
  a.node_name = "name of " + a.node_id;
  a.name = fmt::format("web.g[{}]", number);
  a.create_time = a.modify_time = t0;
  return a;
}

std::vector<ref<schema::allocation>> shared(std::vector<schema::allocation> allocs) {
  std::vector<ref<schema::allocation>> out;
  for (auto& each : allocs) out.push_back(schema::share(std::move(each)));
  return out;
}

std::map<std::string, schema::allocation> unpacked(const std::vector<placed_allocs>& all) {
  std::map<std::string, schema::allocation> out;
  for (const auto& each : all) {
    auto done = visit_placed(each, [&](schema::allocation&& alloc) -> result<> {
      auto id = alloc.id;
      out.emplace(std::move(id), std::move(alloc));
      return {};
    });
    EXPECT_TRUE(done.has_value());
  }
  return out;
}

TEST(placed_allocs, come_back_as_they_were_and_share_what_they_shared) {
  auto resources = std::make_shared<schema::allocated_resources>();
  resources->tasks["t"].cpu.cpu_shares = 7;
  auto metrics = std::make_shared<schema::alloc_metric>();
  metrics->nodes_evaluated = 3;
  std::vector<schema::allocation> made;
  for (int i = 0; i < 20; ++i) {
    made.push_back(new_alloc(i));
    made.back().allocated_resources = resources;
    if (i % 2 == 0) made.back().metrics = metrics;
    if (i % 5 == 0) made.back().previous_allocation = uuid(1000 + i);
  }
  std::vector<ref<schema::allocation>> rest;
  const auto packed = pack_placed(shared(made), rest);
  ASSERT_EQ(packed.size(), 1u);
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(size_of(packed[0]), made.size());
  EXPECT_EQ(packed[0].nodes.size(), 3u);
  // As the log has it.
  const auto read = codec::from_msgpack<placed_allocs>(codec::to_msgpack(packed[0]));
  ASSERT_TRUE(read.has_value());
  const auto back = unpacked({*read});
  ASSERT_EQ(back.size(), made.size());
  for (const auto& each : made) EXPECT_TRUE(codec::equal(each, back.at(each.id))) << each.id;
  EXPECT_EQ(back.at(uuid(0)).allocated_resources, back.at(uuid(1)).allocated_resources);
  EXPECT_EQ(back.at(uuid(0)).metrics, back.at(uuid(2)).metrics);
}

TEST(placed_allocs, what_is_not_alike_is_kept_apart) {
  using edit = void (*)(schema::allocation&);
  // Fields that each member has for itself.
  constexpr size_t own = 7;
  const std::vector<edit> edits = {
      [](auto& a) { a.namespace_ = "x"; },
      [](auto& a) { a.eval_id = "x"; },
      [](auto& a) { a.job_id = "x"; },
      [](auto& a) { a.job = std::make_shared<schema::job>(); },
      [](auto& a) { a.task_group = "x"; },
      [](auto& a) { a.resources.emplace(); },
      [](auto& a) { a.shared_resources.emplace(); },
      [](auto& a) { a.task_resources["x"]; },
      [](auto& a) { a.desired_status = "x"; },
      [](auto& a) { a.desired_description = "x"; },
      [](auto& a) { a.desired_transition.migrate = true; },
      [](auto& a) { a.client_status = "x"; },
      [](auto& a) { a.client_description = "x"; },
      [](auto& a) { a.task_states["x"]; },
      [](auto& a) { a.alloc_states.emplace_back(); },
      [](auto& a) { a.next_allocation = "x"; },
      [](auto& a) { a.deployment_id = "x"; },
      [](auto& a) { a.deployment_status.emplace(); },
      [](auto& a) { a.reschedule_tracker = std::make_shared<schema::reschedule_tracker>(); },
      [](auto& a) { a.network_status = std::make_shared<schema::alloc_network_status>(); },
      [](auto& a) { a.followup_eval_id = "x"; },
      [](auto& a) { a.preempted_allocations.push_back("x"); },
      [](auto& a) { a.preempted_by_allocation = "x"; },
      [](auto& a) { a.signed_identities["x"] = "y"; },
      [](auto& a) { a.signing_key_id = "x"; },
      [](auto& a) { a.create_index = 5; },
      [](auto& a) { a.modify_index = 5; },
      [](auto& a) { a.alloc_modify_index = 5; },
      [](auto& a) { a.create_time = 5; },
      [](auto& a) { a.modify_time = 5; },
  };
  EXPECT_EQ(schema::type_of<schema::allocation>().record->fields().size(), edits.size() + own)
      << "an allocation has a new field: placed_allocs.cc has to say how it is packed, and this test how it differs";
  for (size_t i = 0; i < edits.size(); ++i) {
    std::vector<schema::allocation> made = {new_alloc(0), new_alloc(1), new_alloc(2)};
    edits[i](made[1]);
    std::vector<ref<schema::allocation>> rest;
    const auto packed = pack_placed(shared(made), rest);
    ASSERT_EQ(packed.size(), 1u) << "edit " << i;
    EXPECT_EQ(size_of(packed[0]), 2u) << "edit " << i;
    ASSERT_EQ(rest.size(), 1u) << "edit " << i;
    EXPECT_TRUE(codec::equal(*rest[0], made[1])) << "edit " << i;
  }
}

TEST(placed_allocs, foreign_ids_and_names_stay_as_they_are) {
  for (auto edit : {+[](schema::allocation& a) { a.id = "a1"; }, +[](schema::allocation& a) { a.id[0] = 'A'; }, +[](schema::allocation& a) { a.id[8] = '0'; },
                    +[](schema::allocation& a) { a.name = "web.g"; }, +[](schema::allocation& a) { a.name = "web.g[01]"; },
                    +[](schema::allocation& a) { a.name = "web.g[99999999999]"; }, +[](schema::allocation& a) { a.name = "web.g[-1]"; }}) {
    std::vector<schema::allocation> made = {new_alloc(0), new_alloc(1), new_alloc(2)};
    edit(made[0]);
    std::vector<ref<schema::allocation>> rest;
    const auto packed = pack_placed(shared(made), rest);
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_EQ(rest[0]->id, made[0].id);
    EXPECT_EQ(unpacked(packed).size(), 2u);
  }
}

TEST(placed_allocs, broken_members_are_corrupt) {
  std::vector<ref<schema::allocation>> rest;
  const auto good = pack_placed(shared({new_alloc(0), new_alloc(1)}), rest).at(0);
  auto check = [](const placed_allocs& bad) {
    auto done = visit_placed(bad, [](schema::allocation&&) -> result<> { return {}; });
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code(), errc::corrupt);
  };
  auto cut = good;
  cut.members.data.pop_back();
  check(cut);
  auto bare = good;
  bare.like = nullptr;
  check(bare);
  for (size_t number : {16, 24, 28, 32}) {
    auto far = good;
    far.members.data[number] = '\x7f';
    check(far);
  }
}

// The same plan, told in both ways, gives the same state.
TEST(placed_allocs, are_applied_as_single_ones_are) {
  auto state_after = [](bool packed) {
    cluster c;
    c.apply<job_register>(registration(make_job("web", 9), make_eval("e1", "web")));
    auto deployment = std::make_shared<schema::deployment>();
    deployment->id = "d1";
    deployment->namespace_ = "default";
    deployment->job_id = "web";
    deployment->status = "running";
    deployment->task_groups["g"].desired_total = 9;
    deployment->task_groups["g"].progress_deadline = minutes(10);
    std::vector<schema::allocation> made;
    for (int i = 0; i < 9; ++i) {
      made.push_back(new_alloc(i));
      made.back().deployment_id = "d1";
      if (i % 4 == 0) made.back().deployment_status.emplace().canary = true;
    }
    c.apply<apply_plan_results>(placement("web", 0, {make_alloc(uuid(500), "web")}));
    made[2].previous_allocation = uuid(500);
    apply_plan_results_request request = placement("web", 0, {});
    request.deployment = deployment;
    request.eval_id = "e1";
    auto done = std::make_shared<schema::evaluation>(*make_eval("e1", "web", "complete"));
    done->queued_allocations["g"] = 0;
    request.evals.push_back(done);
    if (packed) request.placed = pack_placed(shared(made), request.allocs_updated);
    else request.allocs_updated = shared(made);
    EXPECT_EQ(request.placed.size(), packed ? 2u : 0u);
    c.apply<apply_plan_results>(request);
    EXPECT_EQ(c.now().eval("e1")->status, "complete");
    EXPECT_EQ(c.now().alloc(uuid(500))->next_allocation, uuid(2));
    std::vector<std::string> records;
    for (const auto& alloc : c.now().allocs_by_job("default", "web")) records.push_back(codec::to_msgpack(*alloc));
    for (const auto& each : {codec::to_msgpack(*c.now().job_summary("default", "web")), codec::to_msgpack(*c.now().job("default", "web"))})
      records.push_back(each);
    auto stored = *c.now().deployment("d1");
    std::ranges::sort(stored.task_groups["g"].placed_canaries);
    records.push_back(codec::to_msgpack(stored));
    return records;
  };
  EXPECT_EQ(state_after(true), state_after(false));
}

TEST(placed_allocs, share_their_records_after_a_restore_too) {
  cluster c;
  c.apply<job_register>(registration(make_job("web", 9)));
  std::vector<schema::allocation> made;
  for (int i = 0; i < 9; ++i) {
    made.push_back(new_alloc(i));
    schema::allocated_resources given;
    given.tasks["t"].cpu.cpu_shares = i < 6 ? 100 : 200;
    made.back().allocated_resources = schema::share(std::move(given));
    made.back().metrics = schema::share(schema::alloc_metric());
  }
  apply_plan_results_request request = placement("web", 0, {});
  request.placed = pack_placed(shared(made), request.allocs_updated);
  c.apply<apply_plan_results>(request);
  cluster restored;
  ASSERT_TRUE(restored.machine.restore(c.index, *c.machine.freeze()()).has_value());
  std::map<const schema::allocated_resources*, int> resources;
  std::map<const schema::alloc_metric*, int> metrics;
  for (const auto& alloc : restored.now().allocs_by_job("default", "web")) {
    ++resources[alloc->allocated_resources.get()];
    ++metrics[alloc->metrics.get()];
    EXPECT_TRUE(codec::equal(*alloc, *c.now().alloc(alloc->id)));
  }
  EXPECT_EQ(resources.size(), 2u);
  EXPECT_EQ(metrics.size(), 1u);
}

TEST(placed_allocs, a_large_plan_is_several_entries_and_one_that_is_all_or_nothing_is_one) {
  schema::plan plan;
  plan.eval_id = "e1";
  plan.job_info = schema::plan_job_tuple{"default", "web", 0};
  schema::plan_result accepted;
  constexpr int count = 10'000;
  for (int i = 0; i < count; ++i) {
    auto alloc = new_alloc(i);
    alloc.node_id = fmt::format("n{}", i % 100);
    accepted.node_allocation[alloc.node_id].push_back(schema::share(std::move(alloc)));
  }
  const auto entries = make_plan_results(plan, accepted, t0);
  EXPECT_EQ(entries.size(), 3u);
  size_t placed = 0;
  for (const auto& each : entries) {
    EXPECT_LE(encode<apply_plan_results>(each).size(), 300'000u);
    for (const auto& part : each.placed) placed += size_of(part);
    EXPECT_TRUE(each.allocs_updated.empty());
  }
  EXPECT_EQ(placed, static_cast<size_t>(count));
  plan.all_at_once = true;
  EXPECT_EQ(make_plan_results(plan, accepted, t0).size(), 1u);
}

}  // namespace
}  // namespace drover::fsm::test
