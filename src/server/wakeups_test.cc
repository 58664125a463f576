#include "server/wakeups.h"

#include <gtest/gtest.h>

#include "state/store.h"
#include "state/tables.h"

namespace drover::server {
namespace {

// A namespace whose quota has room for 100 MHz, and jobs that ask for 60 each.
class quota_wakeups : public testing::Test {
 protected:
  quota_wakeups() {
    schema::quota_spec quota;
    quota.name = "small";
    schema::quota_limit limit;
    limit.region = "global";
    limit.region_limit.emplace().cpu = 100;
    quota.limits.push_back(limit);
    put<state::table::quotas>(quota);
    schema::namespace_definition ns;
    ns.name = "limited";
    ns.quota = "small";
    put<state::table::namespaces>(ns);
  }

  schema::plan plan_of(const std::string& name) {
    auto job = std::make_shared<schema::job>();
    job->id = job->name = name;
    job->namespace_ = "limited";
    job->region = "global";
    auto& group = job->task_groups.emplace_back();
    group.name = "g";
    group.tasks.emplace_back().resources.emplace().cpu = 60;
    put<state::table::jobs>(*job);
    schema::plan plan;
    plan.job = job;
    plan.node_allocation["n"].push_back(std::make_shared<schema::allocation>(alloc_of(job)));
    return plan;
  }
  static schema::allocation alloc_of(const schema::ref<schema::job>& job) {
    schema::allocation alloc;
    alloc.id = "alloc-of-" + job->id;
    alloc.namespace_ = job->namespace_;
    alloc.job_id = job->id;
    alloc.job = job;
    alloc.task_group = "g";
    alloc.node_id = "n";
    alloc.desired_status = "run";
    alloc.client_status = "pending";
    return alloc;
  }
  static schema::plan_result accepted(const schema::plan& plan) {
    schema::plan_result out;
    out.node_allocation = plan.node_allocation;
    return out;
  }
  bool may_start(const schema::plan& plan) { return wakeups_.may_start(plan, store_.current()); }
  void accept(const schema::plan& plan) { wakeups_.note_accepted(plan.job.get(), accepted(plan), store_.current()); }
  template <state::table T, class Record>
  void put(Record record) {
    auto t = store_.begin(++index_);
    t.put<T>(std::move(record));
    t.commit();
  }

  state::store store_;
  uint64_t index_ = 0;
  blocked_evals blocked_{{}};
  wakeups wakeups_{blocked_};
};

TEST_F(quota_wakeups, a_plan_on_its_way_into_the_log_counts) {
  auto first = plan_of("first"), second = plan_of("second");
  ASSERT_TRUE(may_start(first));
  EXPECT_TRUE(may_start(second)) << "nothing was accepted yet";
  accept(first);
  EXPECT_FALSE(may_start(second));
  EXPECT_FALSE(may_start(second)) << "a refusal changes nothing";
}

TEST_F(quota_wakeups, what_is_stored_counts_once) {
  auto first = plan_of("first"), small = plan_of("small");
  accept(first);
  put<state::table::allocs>(*first.node_allocation["n"].front());
  auto job = *small.job;
  job.task_groups[0].tasks[0].resources->cpu = 40;
  small.job = std::make_shared<schema::job>(job);
  small.node_allocation["n"] = {std::make_shared<schema::allocation>(alloc_of(small.job))};
  EXPECT_TRUE(may_start(small));
}

TEST_F(quota_wakeups, what_could_not_be_written_gives_its_room_back) {
  auto first = plan_of("first"), second = plan_of("second");
  accept(first);
  ASSERT_FALSE(may_start(second));
  wakeups_.forget_accepted();
  EXPECT_TRUE(may_start(second));
}

}  // namespace
}  // namespace drover::server
