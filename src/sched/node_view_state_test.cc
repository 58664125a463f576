#include <gtest/gtest.h>

#include "sched/test_world.h"
#include "state/store.h"

namespace drover::sched::testing {
namespace {

using state::table;

TEST(node_view_state, a_refreshed_view_is_the_one_built_anew) {
  state::store store;
  auto write = [&](uint64_t index, auto edit) {
    auto transaction = store.begin(index);
    edit(transaction);
    transaction.commit();
    return store.current();
  };
  auto alloc_on = [](const std::string& id, const std::string& node, int64_t cpu) {
    schema::allocation alloc;
    alloc.id = id;
    alloc.namespace_ = "default";
    alloc.job_id = "j";
    alloc.node_id = node;
    alloc.desired_status = "run";
    alloc.client_status = "running";
    schema::allocated_resources given;
    given.tasks["main"].cpu.cpu_shares = cpu;
    alloc.allocated_resources = schema::share(std::move(given));
    return alloc;
  };
  auto first = write(1, [&](auto& t) {
    t.template put<table::nodes>(make_node("n1"));
    t.template put<table::nodes>(make_node("n2"));
    t.template put<table::allocs>(alloc_on("a1", "n1", 100));
    t.template put<table::allocs>(alloc_on("a2", "n1", 50));
  });
  auto view = node_view::build(first);
  EXPECT_EQ(view.index(), 1u);
  EXPECT_EQ(view.used(view.find("n1")).cpu, 150);
  auto second = write(2, [&](auto& t) {
    auto stopped = alloc_on("a1", "n1", 100);
    stopped.desired_status = "stop";
    t.template put<table::allocs>(stopped);
    t.template put<table::allocs>(alloc_on("a3", "n2", 70));
    auto node = make_node("n1");
    node.scheduling_eligibility = "ineligible";
    t.template put<table::nodes>(node);
  });
  std::vector<std::string> changed = {"n1", "n2"};
  view.refresh(second, changed);
  auto fresh = node_view::build(second);
  EXPECT_EQ(view.index(), 2u);
  for (const char* id : {"n1", "n2"}) {
    EXPECT_EQ(view.used(view.find(id)), fresh.used(fresh.find(id))) << id;
    EXPECT_EQ(view.ready(view.find(id)), fresh.ready(fresh.find(id))) << id;
  }

  schema::evaluation eval;
  eval.namespace_ = "default";
  eval.job_id = "j";
  auto job = make_job("j");
  auto third = write(3, [&](auto& t) { t.template put<table::jobs>(job); });
  view.refresh(third, {});
  auto facts = gather(third, eval);
  ASSERT_NE(facts.job, nullptr);
  EXPECT_EQ(facts.index, 3u);
  EXPECT_EQ(facts.allocs.size(), 3u);
  EXPECT_NE(facts.config, nullptr);
  // The one existing allocation of another group goes, one of the job's own comes.
  auto out = schedule(third, view, eval, timestamp(1), 1);
  EXPECT_EQ(out.eval.status, "complete");
  EXPECT_EQ(out.plan.node_allocation.count("n2"), 1u);
}

}  // namespace
}  // namespace drover::sched::testing
