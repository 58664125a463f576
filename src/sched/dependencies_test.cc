// What holds a group back, by the state of what it waits for.
#include "sched/dependencies.h"

#include <gtest/gtest.h>

#include "sched/dispatch_line.h"
#include "sched/test_world.h"
#include "state/store.h"
#include "state/tables.h"

namespace drover::sched::testing {
namespace {

using state::table;

struct stored {
  state::store store;
  uint64_t index = 1;

  template <table T, class Record>
  void put(Record record) {
    auto transaction = store.begin(++index);
    transaction.put<T>(std::move(record));
    transaction.commit();
  }
  void job(schema::job job) {
    job.create_index = job.modify_index = job.job_modify_index = index + 1;
    put<table::jobs>(std::move(job));
  }
  // The number-th allocation of the job's first group.
  void alloc(const std::string& job_id, int number, const std::string& client_status, std::optional<bool> healthy = std::nullopt) {
    auto job = store.current().job("default", job_id);
    schema::allocation alloc;
    alloc.id = fmt::format("{}-{}-{}", job_id, number, index);
    alloc.namespace_ = "default";
    alloc.job_id = job_id;
    alloc.task_group = job->task_groups[0].name;
    alloc.name = fmt::format("{}.{}[{}]", job_id, alloc.task_group, number);
    alloc.desired_status = "run";
    alloc.client_status = client_status;
    alloc.create_index = index + 1;
    alloc.job = job;
    if (healthy) {
      alloc.deployment_id = "d1";
      alloc.deployment_status.emplace().healthy = *healthy;
    }
    put<table::allocs>(std::move(alloc));
  }
  std::string missing(const std::string& on, const std::string& condition, const std::string& group = "") {
    schema::job_dependency dependency{.job = on, .namespace_ = "default", .group = group, .condition = condition};
    return missing_for(store.current(), make_job("app"), dependency);
  }
};

schema::job with_status(schema::job job, const std::string& status) {
  job.status = status;
  return job;
}

TEST(dependencies, of_what_does_not_run_itself) {
  stored s;
  EXPECT_EQ(s.missing("db", "healthy"), "job \"db\" does not exist yet");
  auto parent = make_job("template", "batch");
  parent.parameterized_job.emplace();
  s.job(parent);
  EXPECT_EQ(s.missing("template", "complete"), "job \"template\" never runs itself: name one of its instances");
  auto stopped = make_job("db");
  stopped.stop = true;
  s.job(stopped);
  EXPECT_EQ(s.missing("db", "running"), "job \"db\" is stopped");
}

TEST(dependencies, healthy_and_running) {
  stored s;
  s.job(make_job("db", "service", 2));
  EXPECT_EQ(s.missing("db", "running"), "group \"web\" of job \"db\" has 0 of 2 allocations running");
  s.alloc("db", 0, "running", true);
  s.alloc("db", 1, "running", false);
  EXPECT_EQ(s.missing("db", "running"), "");
  EXPECT_EQ(s.missing("db", "healthy"), "group \"web\" of job \"db\" has 1 of 2 allocations healthy");
  EXPECT_EQ(s.missing("db", "healthy", "cache"), "job \"db\" has no group \"cache\"");
  // One that no deployment watches is as healthy as it can be known to be.
  s.alloc("db", 2, "running");
  EXPECT_EQ(s.missing("db", "healthy", "web"), "");
}

TEST(dependencies, complete) {
  stored s;
  s.job(with_status(make_job("load", "batch", 2), "running"));
  s.alloc("load", 0, "complete");
  s.alloc("load", 1, "failed");
  EXPECT_EQ(s.missing("load", "complete"), "job \"load\" is running, not complete");
  s.job(with_status(make_job("load", "batch", 2), "dead"));
  EXPECT_EQ(s.missing("load", "complete"), "group \"web\" of job \"load\" has 1 of 2 allocations complete");
  s.alloc("load", 1, "complete");
  EXPECT_EQ(s.missing("load", "complete"), "");
  // The newest of a name counts.
  s.alloc("load", 0, "failed");
  EXPECT_EQ(s.missing("load", "complete"), "group \"web\" of job \"load\" has 1 of 2 allocations complete");
}

TEST(dependencies, of_a_system_job_are_as_many_as_it_was_given) {
  stored s;
  s.job(make_job("agent", "system"));
  EXPECT_EQ(s.missing("agent", "running"), "group \"web\" of job \"agent\" has 0 of 1 allocations running");
  s.alloc("agent", 0, "running");
  s.alloc("agent", 0, "pending");
  EXPECT_EQ(s.missing("agent", "running"), "group \"web\" of job \"agent\" has 1 of 2 allocations running");
}

TEST(dependencies, hold_back_only_what_has_not_started) {
  stored s;
  auto app = make_job("app");
  app.depends_on.push_back({.job = "db", .namespace_ = "default", .group = "", .condition = "healthy"});
  s.job(app);
  auto reasons = [&] {
    auto state = s.store.current();
    auto job = state.job("default", "app");
    return reasons_to_wait(state, *job, job->task_groups[0], state.allocs_by_job("default", "app"));
  };
  ASSERT_EQ(reasons().size(), 1u);
  EXPECT_EQ(reasons()[0].resource, "job \"db\" in namespace \"default\"");
  s.alloc("app", 0, "running");
  EXPECT_TRUE(reasons().empty());
}

TEST(dependencies, are_no_matter_of_nodes) {
  world w;
  w.add(make_node("n1"));
  w.put(make_job("app", "service", 3));
  auto facts = w.facts_for("app");
  facts.waits["web"] = {{"job \"db\" in namespace \"default\"", "job \"db\" does not exist yet"}};
  auto out = schedule(facts, w.view, w.eval_for("app"), w.now, w.seed, {.explain = true});
  EXPECT_TRUE(out.plan.node_allocation.empty());
  ASSERT_EQ(out.created.size(), 1u);
  const auto& blocked = out.created[0];
  EXPECT_EQ(blocked.status, "blocked");
  EXPECT_EQ(blocked.status_description, "waiting: job \"db\" does not exist yet");
  EXPECT_EQ(blocked.missing_non_node_resources, std::vector<std::string>{"job \"db\" in namespace \"default\""});
  EXPECT_TRUE(blocked.class_eligibility.empty());
  EXPECT_FALSE(blocked.escaped_computed_class);
  EXPECT_EQ(out.eval.queued_allocations.at("web"), 3);
  EXPECT_EQ(out.eval.failed_tg_allocs.at("web").coalesced_failures, 2);
  EXPECT_EQ(sentences(out.explanations.at(0)),
            (std::vector<std::string>{"3 allocations of group \"web\" wait before looking for a node.", "It waits because job \"db\" does not exist yet.",
                                      "It looks for a node as soon as that has changed."}));
}

struct line : stored {
  line(int64_t most, std::initializer_list<std::pair<const char*, int64_t>> children) {
    auto parent = make_job("work", "batch");
    parent.parameterized_job.emplace().max_parallel = most;
    job(parent);
    for (auto [id, priority] : children) child(id, priority, "pending");
  }
  void child(const std::string& id, int64_t priority, const std::string& status) {
    auto made = make_job(id, "batch");
    made.parent_id = "work";
    made.dispatched = true;
    made.priority = priority;
    made.status = status;
    job(made);
  }
  std::vector<std::string> next() { return next_in_line(store.current(), *store.current().job("default", "work")); }
  std::string place(const std::string& id) { return place_in_line(store.current(), *store.current().job("default", id)); }
};

TEST(dispatch_line, the_urgent_then_the_old) {
  line l(2, {{"z", 50}, {"b", 50}, {"a", 60}, {"c", 50}});
  EXPECT_EQ(l.next(), (std::vector<std::string>{"a", "z"}));
  EXPECT_EQ(l.place("a"), "");
  EXPECT_EQ(l.place("z"), "");
  EXPECT_EQ(l.place("b"), "2 instances of job \"work\" may run at a time (max_parallel), and others come before it");
  l.child("a", 60, "running");
  EXPECT_EQ(l.next(), std::vector<std::string>{"z"});
  l.child("z", 50, "dead");
  EXPECT_EQ(l.next(), std::vector<std::string>{"b"});
}

TEST(dispatch_line, an_instance_between_two_attempts_keeps_its_turn) {
  line l(1, {{"a", 50}, {"b", 50}});
  l.alloc("a", 0, "failed");
  EXPECT_TRUE(instance_runs(l.store.current(), *l.store.current().job("default", "a")));
  EXPECT_TRUE(l.next().empty());
  EXPECT_EQ(l.place("b"), "1 instance of job \"work\" may run at a time (max_parallel), and as many run before it");
}

TEST(dispatch_line, without_a_cap_nobody_waits) {
  line l(0, {{"a", 50}, {"b", 50}});
  EXPECT_EQ(l.next().size(), 2u);
  EXPECT_EQ(l.place("b"), "");
}

}  // namespace
}  // namespace drover::sched::testing
