#include "fsm/fixture.h"
#include "fsm/limits.h"

namespace drover::fsm::test {
namespace {

using enum command_type;

TEST(job_register, stores_the_job_its_version_summary_and_evaluation) {
  cluster c;
  auto request = registration(make_job("web"), make_eval("e1", "web"));
  request.submission = schema::job_submission{.source = "job \"web\" {}", .format = "hcl2"};
  auto outcome = c.try_apply<job_register>(request);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(std::any_cast<uint64_t>(*outcome), c.index);
  const auto job = c.job("web");
  ASSERT_TRUE(job);
  EXPECT_EQ(job->create_index, c.index);
  EXPECT_EQ(job->modify_index, c.index);
  EXPECT_EQ(job->job_modify_index, c.index);
  EXPECT_EQ(job->version, 0u);
  EXPECT_EQ(job->status, "pending");
  EXPECT_EQ(c.now().eval("e1")->job_modify_index, c.index);
  EXPECT_EQ(c.now().job_versions("default", "web").size(), 1u);
  EXPECT_EQ(c.now().job_submission("default", "web", 0)->source, "job \"web\" {}");
  EXPECT_TRUE(c.now().job_summary("default", "web")->summary.contains("g"));
  EXPECT_EQ(c.now().index(table::jobs), c.index);
}

TEST(job_register, an_unchanged_job_keeps_its_version_a_changed_one_gets_the_next) {
  cluster c;
  c.apply<job_register>(registration(make_job("web"), make_eval("e1", "web")));
  const auto first = c.job("web");
  c.apply<job_register>(registration(make_job("web"), make_eval("e2", "web")));
  EXPECT_EQ(c.job("web")->version, 0u);
  EXPECT_EQ(c.job("web")->job_modify_index, first->job_modify_index);
  EXPECT_EQ(c.now().eval("e2")->job_modify_index, first->job_modify_index);
  auto same_but_later = make_job("web");
  same_but_later.submit_time = t0 + 5;
  same_but_later.stable = true;
  c.apply<job_register>(registration(same_but_later));
  EXPECT_EQ(c.job("web")->version, 0u);
  c.apply<job_register>(registration(make_job("web", 3)));
  EXPECT_EQ(c.job("web")->version, 1u);
  EXPECT_EQ(c.job("web")->create_index, first->create_index);
  EXPECT_EQ(c.job("web")->job_modify_index, c.index);
  EXPECT_EQ(c.now().job_version("default", "web", 0)->task_groups[0].count, 1);
}

TEST(job_register, a_stopped_job_starts_again_as_a_new_version) {
  cluster c;
  c.apply<job_register>(registration(make_job("web"), make_eval("e1", "web")));
  schema::job_deregister_request stop;
  stop.job_id = "web";
  stop.eval = make_eval("e2", "web");
  stop.submit_time = t0 + 9;
  c.apply<job_deregister>(stop);
  EXPECT_TRUE(c.job("web")->stop);
  EXPECT_EQ(c.job("web")->version, 1u);
  EXPECT_EQ(c.job("web")->submit_time, t0 + 9);
  EXPECT_EQ(c.job("web")->status, "pending");
  c.apply<eval_update>({{}, {make_eval("e1", "web", "complete"), make_eval("e2", "web", "complete")}, {}});
  EXPECT_EQ(c.job("web")->status, "dead");
  c.apply<job_register>(registration(make_job("web"), make_eval("e3", "web")));
  EXPECT_FALSE(c.job("web")->stop);
  EXPECT_EQ(c.job("web")->version, 2u);
  EXPECT_EQ(c.job("web")->status, "pending");
}

TEST(job_register, checks_the_index) {
  cluster c;
  auto request = registration(make_job("web"));
  request.enforce_index = true;
  request.job_modify_index = 7;
  EXPECT_EQ(c.refusal<job_register>(request), "Enforcing job modify index 7: job does not exist");
  request.job_modify_index = 0;
  c.apply<job_register>(request);
  EXPECT_EQ(c.refusal<job_register>(request), "Enforcing job modify index 0: job already exists");
  request.job_modify_index = 7;
  EXPECT_EQ(c.refusal<job_register>(request),
            fmt::format("Enforcing job modify index 7: job exists with conflicting job modify index: {}", c.job("web")->job_modify_index));
  request.job_modify_index = c.job("web")->job_modify_index;
  c.apply<job_register>(request);
}

TEST(job_register, refuses_an_unknown_namespace) {
  cluster c;
  auto job = make_job("web");
  job.namespace_ = "nowhere";
  EXPECT_EQ(c.refusal<job_register>(registration(job)), "job \"web\" is in nonexistent namespace \"nowhere\"");
}

TEST(job_versions, six_are_kept_with_tagged_and_the_newest_stable_one) {
  cluster c;
  for (int i = 1; i <= 3; i++) c.apply<job_register>(registration(make_job("web", i)));
  schema::job_stability_request stable;
  stable.job_id = "web";
  stable.job_version = 1;
  stable.stable = true;
  c.apply<job_stability>(stable);
  schema::job_apply_tag_request tag;
  tag.job_id = "web";
  tag.version = 0;
  tag.tag = schema::job_version_tag{"golden", "keep", t0};
  c.apply<job_version_tag>(tag);
  for (int i = 4; i <= 12; i++) c.apply<job_register>(registration(make_job("web", i)));
  std::vector<uint64_t> versions;
  for (const auto& v : c.now().job_versions("default", "web")) versions.push_back(v->version);
  EXPECT_EQ(versions, (std::vector<uint64_t>{11, 10, 9, 8, 7, 6, 1, 0}));
  EXPECT_FALSE(c.job("web")->stable);

  tag.version = 9;
  EXPECT_EQ(c.refusal<job_version_tag>(tag), "tag \"golden\" already exists on a different version of job \"web\"");
  schema::job_apply_tag_request untag;
  untag.job_id = "web";
  untag.name = "golden";
  c.apply<job_version_tag>(untag);
  EXPECT_EQ(c.now().job_version("default", "web", 0), nullptr);
  EXPECT_EQ(c.refusal<job_version_tag>(untag), "tag \"golden\" not found on job \"web\"");
}

TEST(job_stability, marks_the_version_and_the_job) {
  cluster c;
  c.apply<job_register>(registration(make_job("web")));
  schema::job_stability_request stable;
  stable.job_id = "web";
  stable.stable = true;
  c.apply<job_stability>(stable);
  EXPECT_TRUE(c.job("web")->stable);
  EXPECT_TRUE(c.now().job_version("default", "web", 0)->stable);
  EXPECT_EQ(c.job("web")->version, 0u);
  // Stability is no change of the specification.
  c.apply<job_register>(registration(make_job("web")));
  EXPECT_EQ(c.job("web")->version, 0u);
}

TEST(job_deregister, purge_leaves_nothing_but_the_evaluation) {
  cluster c;
  auto job = make_job("web");
  job.task_groups[0].scaling = schema::scaling_policy{.min = 1, .max = 5};
  auto request = registration(job, make_eval("e1", "web"));
  request.submission = schema::job_submission{.source = "x"};
  c.apply<job_register>(request);
  EXPECT_EQ(state::count(c.now(), table::scaling_policies), 1u);
  c.apply<scaling_event_register>({{}, "web", "g", {}});
  schema::job_deregister_request purge;
  purge.job_id = "web";
  purge.purge = true;
  purge.eval = make_eval("e2", "web");
  const auto after = c.apply<job_deregister>(purge);
  EXPECT_EQ(c.job("web"), nullptr);
  EXPECT_EQ(after.job_summary("default", "web"), nullptr);
  EXPECT_TRUE(after.job_versions("default", "web").empty());
  for (auto t : {table::job_submissions, table::scaling_policies, table::scaling_events}) EXPECT_EQ(state::count(after, t), 0u);
  EXPECT_NE(after.eval("e2"), nullptr);
  // A job that never was: still an evaluation.
  purge.job_id = "never";
  purge.eval = make_eval("e3", "never");
  EXPECT_NE(c.apply<job_deregister>(purge).eval("e3"), nullptr);
}

TEST(job_deregister, several_at_once_and_without_shutdown_delay) {
  cluster c;
  for (auto id : {"a", "b", "c"}) c.apply<job_register>(registration(make_job(id)));
  c.apply<apply_plan_results>(placement("c", 0, {make_alloc("c1", "c")}));
  c.apply<job_batch_deregister>({{}, {{"default", "a", false}, {"", "b", true}}, {make_eval("e", "a")}, t0 + 1});
  EXPECT_TRUE(c.job("a")->stop);
  EXPECT_EQ(c.job("b"), nullptr);
  schema::job_deregister_request quick;
  quick.job_id = "c";
  quick.no_shutdown_delay = true;
  c.apply<job_deregister>(quick);
  EXPECT_EQ(c.now().alloc("c1")->desired_transition.no_shutdown_delay, true);
}

TEST(job_status, follows_evaluations_and_allocations) {
  cluster c;
  auto expect = [&](std::string_view status, const char* when) { EXPECT_EQ(c.job("web")->status, status) << when; };
  c.apply<job_register>(registration(make_job("web"), make_eval("e1", "web")));
  expect("pending", "registered");
  c.apply<apply_plan_results>(placement("web", 0, {make_alloc("a1", "web")}));
  expect("running", "placed");
  c.apply<eval_update>({{}, {make_eval("e1", "web", "complete")}, {}});
  expect("running", "evaluated");
  c.apply<alloc_client_update>(client_says("a1", "complete"));
  expect("dead", "finished");
  c.apply<eval_update>({{}, {make_eval("e2", "web", "blocked")}, {}});
  expect("pending", "blocked");
  c.apply<eval_delete>({{}, {"e1", "e2"}, {"a1"}, {}, 0, {}, false});
  expect("dead", "collected");
  EXPECT_EQ(c.now().alloc("a1"), nullptr);
  EXPECT_TRUE(c.now().allocs_by_node("n1").empty());
}

TEST(job_status, periodic_parameterized_and_system_jobs_run_until_stopped) {
  for (auto kind : {"periodic", "parameterized", "system"}) {
    SCOPED_TRACE(kind);
    cluster c;
    auto job = make_job("p");
    if (kind == std::string("periodic")) job.periodic.emplace();
    if (kind == std::string("parameterized")) job.parameterized_job.emplace();
    if (kind == std::string("system")) job.type = "system";
    c.apply<job_register>(registration(job));
    EXPECT_EQ(c.job("p")->status, "running");
    schema::job_deregister_request stop;
    stop.job_id = "p";
    c.apply<job_deregister>(stop);
    EXPECT_EQ(c.job("p")->status, "dead");
  }
}

TEST(job_children, are_counted_and_launches_remembered) {
  cluster c;
  auto parent = make_job("p");
  parent.type = "batch";
  parent.periodic.emplace();
  c.apply<job_register>(registration(parent));
  auto children = [&] { return *c.now().job_summary("default", "p")->children; };
  auto launch = [&] { return state::find<table::periodic_launches>(c.now(), {"default", "p", {}})->launch.ns; };
  EXPECT_EQ(launch(), t0);
  auto child = make_job("p/periodic-1700000060");
  child.parent_id = "p";
  c.apply<job_register>(registration(child, make_eval("e1", child.id)));
  EXPECT_EQ(launch(), t0 + 60'000'000'000);
  EXPECT_EQ(children().pending, 1);
  c.apply<apply_plan_results>(placement(child.id, 0, {make_alloc("a1", child.id)}));
  EXPECT_EQ(children().pending, 0);
  EXPECT_EQ(children().running, 1);
  c.apply<eval_update>({{}, {make_eval("e1", child.id, "complete")}, {}});
  c.apply<alloc_client_update>(client_says("a1", "complete"));
  EXPECT_EQ(children().running, 0);
  EXPECT_EQ(children().dead, 1);
  EXPECT_EQ(c.now().child_jobs("default", "p").size(), 1u);
  schema::job_deregister_request purge;
  purge.job_id = child.id;
  purge.purge = true;
  c.apply<job_deregister>(purge);
  EXPECT_EQ(children().dead, 1);
  EXPECT_TRUE(c.now().child_jobs("default", "p").empty());
}

TEST(scaling, policies_follow_the_job_and_events_are_limited) {
  cluster c;
  auto job = make_job("web");
  job.task_groups[0].scaling = schema::scaling_policy{.min = 1, .max = 5};
  c.apply<job_register>(registration(job));
  auto policies = [&] { return state::collect<table::scaling_policies>(c.now(), state::tree_id::scaling_policies_by_job, state::within2("default", "web")); };
  ASSERT_EQ(policies().size(), 1u);
  const auto first = policies()[0];
  EXPECT_EQ(first->id.size(), 36u);
  EXPECT_EQ(first->target.at("Group"), "g");
  job.task_groups[0].scaling->max = 9;
  c.apply<job_register>(registration(job));
  ASSERT_EQ(policies().size(), 1u);
  EXPECT_EQ(policies()[0]->id, first->id);
  EXPECT_EQ(policies()[0]->create_index, first->create_index);
  EXPECT_EQ(policies()[0]->max, 9);
  job.task_groups[0].scaling.reset();
  c.apply<job_register>(registration(job));
  EXPECT_TRUE(policies().empty());

  for (size_t i = 0; i < scaling_events_max + 5; i++) {
    scaling_event_request request;
    request.job_id = "web";
    request.task_group = "g";
    request.scaling_event.previous_count = static_cast<int64_t>(i);
    c.apply<scaling_event_register>(request);
  }
  const auto events = state::find<table::scaling_events>(c.now(), {"default", "web", {}})->scaling_events.at("g");
  EXPECT_EQ(events.size(), scaling_events_max);
  EXPECT_EQ(events[0].previous_count, static_cast<int64_t>(scaling_events_max + 4));
}

TEST(summary, can_be_counted_anew) {
  cluster c;
  c.apply<job_register>(registration(make_job("web", 2), make_eval("e1", "web")));
  c.apply<apply_plan_results>(placement("web", 0, {make_alloc("a1", "web"), make_alloc("a2", "web")}));
  c.apply<alloc_client_update>(client_says("a1", "running"));
  auto done = std::make_shared<schema::evaluation>(*make_eval("e1", "web", "complete"));
  done->queued_allocations["g"] = 4;
  c.apply<eval_update>({{}, {done}, {}});
  const auto before = c.now().job_summary("default", "web");
  c.apply<reconcile_job_summaries>({});
  EXPECT_EQ(c.now().job_summary("default", "web"), before) << "nothing changed, nothing is written";
  EXPECT_EQ(c.summary("web").running, 1);
  EXPECT_EQ(c.summary("web").starting, 1);
  EXPECT_EQ(c.summary("web").queued, 4);
}

TEST(submission, a_huge_source_is_not_kept) {
  cluster c;
  auto request = registration(make_job("web"));
  request.submission = schema::job_submission{.source = std::string(submission_bytes_max + 1, 'x')};
  c.apply<job_register>(request);
  EXPECT_EQ(c.now().job_submission("default", "web", 0), nullptr);
}

}  // namespace
}  // namespace drover::fsm::test
