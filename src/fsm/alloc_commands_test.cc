#include "fsm/fixture.h"

namespace drover::fsm::test {
namespace {

using enum command_type;

schema::deployment make_deployment(std::string id, const std::string& job, uint64_t version, int64_t total, int64_t canaries = 0) {
  schema::deployment d;
  d.id = std::move(id);
  d.namespace_ = "default";
  d.job_id = job;
  d.job_version = version;
  d.status = "running";
  d.status_description = "Deployment is running";
  auto& s = d.task_groups["g"];
  s.desired_total = total;
  s.desired_canaries = canaries;
  s.progress_deadline = seconds(600);
  return d;
}

struct with_job : cluster {
  with_job() { apply<job_register>(registration(make_job("web", 2), make_eval("e1", "web"))); }
};

TEST(plan, new_allocations_get_the_stored_job_and_their_indexes) {
  with_job c;
  c.apply<apply_plan_results>([] {
    auto r = placement("web", 0, {make_alloc("a1", "web"), make_alloc("a2", "web", "n2")});
    r.eval_id = "e1";
    return r;
  }());
  const auto a1 = c.now().alloc("a1"), a2 = c.now().alloc("a2");
  ASSERT_TRUE(a1 && a2);
  EXPECT_EQ(a1->job, c.now().job_version("default", "web", 0)) << "one shared record";
  EXPECT_EQ(a1->job, a2->job);
  EXPECT_EQ(a1->create_index, c.index);
  EXPECT_EQ(a1->modify_index, c.index);
  EXPECT_EQ(a1->alloc_modify_index, c.index);
  EXPECT_EQ(a1->create_time, t0 + 1);
  EXPECT_EQ(c.now().eval("e1")->modify_index, c.index);
  EXPECT_EQ(c.summary("web").starting, 2);
  EXPECT_EQ(c.now().allocs_by_node("n2").size(), 1u);
  EXPECT_EQ(c.refusal<apply_plan_results>(placement("web", 9, {make_alloc("a3", "web")})), "allocation a3 has no job and version 9 of \"web\" is not stored");
}

TEST(plan, make_plan_results_is_lean) {
  schema::plan plan;
  auto job = std::make_shared<schema::job>(make_job("web"));
  job->version = 4;
  plan.job = job;
  plan.eval_id = "e1";
  schema::plan_result accepted;
  auto alloc = make_alloc("a1", "web");
  alloc.job = job;
  accepted.node_allocation["n1"].push_back(std::make_shared<const schema::allocation>(alloc));
  auto stopped = make_alloc("a0", "web");
  stopped.desired_description = "alloc not needed due to job update";
  accepted.node_update["n1"].push_back(std::make_shared<const schema::allocation>(stopped));
  auto preempted = make_alloc("p0", "low");
  preempted.preempted_by_allocation = "a1";
  accepted.node_preemptions["n1"].push_back(std::make_shared<const schema::allocation>(preempted));
  const auto entries = make_plan_results(plan, accepted, t0);
  ASSERT_EQ(entries.size(), 1u);
  const auto& request = entries[0];
  EXPECT_EQ(request.job, nullptr);
  EXPECT_EQ(request.job_info->version, 4u);
  EXPECT_EQ(request.allocs_updated.at(0)->job, nullptr);
  EXPECT_EQ(request.allocs_stopped.at(0).desired_description, "alloc not needed due to job update");
  EXPECT_EQ(request.allocs_preempted.at(0).preempted_by_allocation, "a1");
}

TEST(plan, stops_are_differences_and_replacements_are_linked) {
  with_job c;
  c.apply<apply_plan_results>(placement("web", 0, {make_alloc("a1", "web"), make_alloc("a2", "web")}));
  c.apply<alloc_client_update>(client_says("a1", "running"));
  c.apply<alloc_client_update>(client_says("a2", "running"));
  auto next = make_alloc("a3", "web");
  next.previous_allocation = "a1";
  auto request = placement("web", 0, {next});
  request.allocs_stopped.push_back({"a1", "alloc is being updated", "running", "f1"});
  request.allocs_stopped.push_back({"a2", "alloc is lost since its node is down", "lost", ""});
  request.allocs_stopped.push_back({"collected", "", "", ""});
  c.apply<apply_plan_results>(request);
  const auto a1 = c.now().alloc("a1"), a2 = c.now().alloc("a2");
  EXPECT_EQ(a1->desired_status, "stop");
  EXPECT_EQ(a1->client_status, "running");
  EXPECT_EQ(a1->followup_eval_id, "f1");
  EXPECT_EQ(a1->next_allocation, "a3");
  EXPECT_EQ(a1->task_states.at("t").state, "running");
  EXPECT_EQ(a2->client_status, "lost");
  const auto s = c.summary("web");
  EXPECT_EQ(s.running, 1);
  EXPECT_EQ(s.lost, 1);
  EXPECT_EQ(s.starting, 1);
}

TEST(plan, in_place_updates_keep_what_the_client_said) {
  with_job c;
  c.apply<apply_plan_results>(placement("web", 0, {make_alloc("a1", "web")}));
  const auto created = c.index;
  c.apply<alloc_client_update>(client_says("a1", "running"));
  c.apply<job_register>(registration(make_job("web", 3)));
  c.apply<apply_plan_results>(placement("web", 1, {make_alloc("a1", "web")}));
  const auto a = c.now().alloc("a1");
  EXPECT_EQ(a->client_status, "running");
  EXPECT_EQ(a->task_states.at("t").state, "running");
  EXPECT_EQ(a->job->version, 1u);
  EXPECT_EQ(a->create_index, created);
  EXPECT_EQ(a->alloc_modify_index, c.index);
  auto unknown = make_alloc("a1", "web");
  unknown.client_status = "unknown";
  c.apply<apply_plan_results>(placement("web", 1, {unknown}));
  EXPECT_EQ(c.now().alloc("a1")->client_status, "unknown");
  EXPECT_EQ(c.summary("web").unknown, 1);
  EXPECT_EQ(c.summary("web").running, 0);
}

TEST(plan, preempts_and_marks_nodes_ineligible) {
  with_job c;
  c.apply<node_register>(node("n1"));
  c.apply<job_register>(registration(make_job("low")));
  c.apply<apply_plan_results>(placement("low", 0, {make_alloc("p0", "low")}));
  auto request = placement("web", 0, {make_alloc("a1", "web")});
  request.allocs_preempted.push_back({"p0", "a1"});
  request.preemption_evals.push_back(make_eval("pe", "low"));
  request.ineligible_nodes = {"n1", "gone"};
  c.apply<apply_plan_results>(request);
  EXPECT_EQ(c.now().alloc("p0")->desired_status, "evict");
  EXPECT_EQ(c.now().alloc("p0")->desired_description, "Preempted by alloc ID a1");
  EXPECT_EQ(c.now().alloc("p0")->preempted_by_allocation, "a1");
  EXPECT_NE(c.now().eval("pe"), nullptr);
  EXPECT_EQ(c.now().node("n1")->scheduling_eligibility, "ineligible");
  EXPECT_EQ(c.now().node("n1")->events.back().subsystem, "Scheduler");
}

TEST(client_update, takes_only_what_clients_own) {
  with_job c;
  c.apply<apply_plan_results>(placement("web", 0, {make_alloc("a1", "web")}));
  const auto placed = c.index;
  auto update = client_says("a1", "running");
  auto forged = *update.alloc[0];
  forged.node_id = "other";
  forged.desired_status = "stop";
  forged.job_id = "other";
  forged.network_status = schema::share(schema::alloc_network_status{.interface_name = "eth0", .address = "10.0.0.1"});
  update.alloc[0] = std::make_shared<const schema::allocation>(forged);
  update.evals.push_back(make_eval("e9", "web"));
  c.apply<alloc_client_update>(update);
  const auto a = c.now().alloc("a1");
  EXPECT_EQ(a->node_id, "n1");
  EXPECT_EQ(a->desired_status, "run");
  EXPECT_EQ(a->job_id, "web");
  EXPECT_EQ(a->client_status, "running");
  EXPECT_EQ(a->network_status->address, "10.0.0.1");
  EXPECT_EQ(a->modify_index, c.index);
  EXPECT_EQ(a->alloc_modify_index, placed) << "clients watch this one: their own news must not wake them";
  EXPECT_EQ(a->modify_time, t0 + 2);
  EXPECT_NE(c.now().eval("e9"), nullptr);
  c.apply<alloc_client_update>(client_says("collected", "running"));
}

TEST(client_update, a_node_that_missed_heartbeats_is_noted_once) {
  with_job c;
  c.apply<node_register>(node("n1"));
  c.apply<apply_plan_results>(placement("web", 0, {make_alloc("a1", "web")}));
  c.apply<alloc_client_update>(client_says("a1", "running"));
  EXPECT_EQ(c.now().node("n1")->last_alloc_update_index, 0u);
  c.apply<node_update_status>([] {
    schema::node_update_status_request r;
    r.node_id = "n1";
    r.status = "down";
    return r;
  }());
  const auto missed = c.index;
  c.apply<alloc_client_update>(client_says("a1", "running"));
  EXPECT_EQ(c.now().node("n1")->last_missed_heartbeat_index, missed);
  EXPECT_EQ(c.now().node("n1")->last_alloc_update_index, c.index);
}

// Each transition of a client status, as the summary counts it.
TEST(summary, counts_every_transition) {
  struct row {
    std::vector<std::string> says;
    schema::task_group_summary expected;
  };
  const row rows[] = {
      {{}, {.starting = 1}},
      {{"running"}, {.running = 1}},
      {{"running", "running"}, {.running = 1}},
      {{"running", "complete"}, {.complete = 1}},
      {{"running", "failed"}, {.failed = 1}},
      {{"failed"}, {.failed = 1}},
      {{"running", "unknown"}, {.unknown = 1}},
      {{"running", "unknown", "running"}, {.running = 1}},
      {{"lost"}, {.lost = 1}},
      {{"running", "lost", "running"}, {.running = 1}},
  };
  for (const auto& r : rows) {
    with_job c;
    c.apply<apply_plan_results>(placement("web", 0, {make_alloc("a1", "web")}));
    std::string path = "pending";
    for (const auto& status : r.says) {
      c.apply<alloc_client_update>(client_says("a1", status));
      path += " -> " + status;
    }
    EXPECT_TRUE(codec::to_msgpack(c.summary("web")) == codec::to_msgpack(r.expected)) << path;
  }
}

TEST(summary, queued_goes_down_as_allocations_are_placed_and_ignores_an_older_job) {
  with_job c;
  auto blocked = std::make_shared<schema::evaluation>(*make_eval("e1", "web", "complete"));
  blocked->queued_allocations["g"] = 3;
  blocked->queued_allocations["no such group"] = 1;
  c.apply<eval_update>({{}, {blocked}, {}});
  EXPECT_EQ(c.summary("web").queued, 3);
  c.apply<apply_plan_results>(placement("web", 0, {make_alloc("a1", "web"), make_alloc("a2", "web")}));
  EXPECT_EQ(c.summary("web").queued, 1);
  EXPECT_EQ(c.summary("web").starting, 2);
  schema::job_deregister_request purge;
  purge.job_id = "web";
  purge.purge = true;
  c.apply<job_deregister>(purge);
  c.apply<job_register>(registration(make_job("web", 2)));
  c.apply<alloc_client_update>(client_says("a1", "running"));
  EXPECT_EQ(c.summary("web").running, 0);
}

TEST(evals, blocked_ones_end_when_another_of_the_job_placed_everything) {
  with_job c;
  c.apply<eval_update>({{}, {make_eval("b1", "web", "blocked"), make_eval("b2", "other", "blocked")}, {}});
  auto failed = std::make_shared<schema::evaluation>(*make_eval("e2", "web", "complete"));
  failed->failed_tg_allocs["g"].nodes_evaluated = 1;
  c.apply<eval_update>({{}, {failed}, {}});
  EXPECT_EQ(c.now().eval("b1")->status, "blocked");
  c.apply<eval_update>({{}, {make_eval("e1", "web", "complete")}, {}});
  EXPECT_EQ(c.now().eval("b1")->status, "canceled");
  EXPECT_EQ(c.now().eval("b1")->status_description, "evaluation \"e1\" successful");
  EXPECT_EQ(c.now().eval("b1")->modify_index, c.index);
  EXPECT_EQ(c.now().eval("b2")->status, "blocked");
}

TEST(transition, merges_and_stores_evaluations) {
  with_job c;
  c.apply<apply_plan_results>(placement("web", 0, {make_alloc("a1", "web")}));
  schema::alloc_update_desired_transition_request request;
  request.allocs["a1"].migrate = true;
  request.allocs["collected"].migrate = true;
  request.evals.push_back(make_eval("e5", "web"));
  c.apply<alloc_update_desired_transition>(request);
  schema::alloc_update_desired_transition_request second;
  second.allocs["a1"].reschedule = false;
  c.apply<alloc_update_desired_transition>(second);
  EXPECT_EQ(c.now().alloc("a1")->desired_transition.migrate, true);
  EXPECT_EQ(c.now().alloc("a1")->desired_transition.reschedule, false);
  EXPECT_EQ(c.now().alloc("a1")->alloc_modify_index, c.index);
  EXPECT_NE(c.now().eval("e5"), nullptr);
}

struct with_deployment : with_job {
  explicit with_deployment(int64_t canaries = 0) {
    auto a1 = make_alloc("a1", "web"), a2 = make_alloc("a2", "web");
    a1.deployment_id = a2.deployment_id = "d1";
    if (canaries > 0) a1.deployment_status = schema::alloc_deployment_status{.canary = true};
    auto request = placement("web", 0, {a1, a2});
    request.deployment = std::make_shared<const schema::deployment>(make_deployment("d1", "web", 0, 2, canaries));
    apply<apply_plan_results>(request);
  }
  schema::deployment_state group() const { return now().deployment("d1")->task_groups.at("g"); }
};

TEST(deployment, counts_placed_and_health_and_moves_the_deadline) {
  with_deployment c;
  EXPECT_EQ(c.now().deployment("d1")->create_index, c.index);
  EXPECT_EQ(c.group().placed_allocs, 2);
  EXPECT_EQ(c.group().require_progress_by.ns, t0 + 1 + seconds(600).ns);
  c.apply<alloc_client_update>(client_says("a1", "running", true));
  EXPECT_EQ(c.group().healthy_allocs, 1);
  EXPECT_EQ(c.group().require_progress_by.ns, t0 + 100 + seconds(600).ns);
  EXPECT_EQ(c.now().alloc("a1")->deployment_status->modify_index, c.index);
  c.apply<alloc_client_update>(client_says("a1", "running", true));
  EXPECT_EQ(c.group().healthy_allocs, 1);
  c.apply<alloc_client_update>(client_says("a1", "failed", false));
  EXPECT_EQ(c.group().healthy_allocs, 0);
  EXPECT_EQ(c.group().unhealthy_allocs, 1);
  EXPECT_EQ(c.now().allocs_by_deployment("d1").size(), 2u);
  EXPECT_EQ(c.now().latest_deployment("default", "web")->id, "d1");
}

TEST(deployment, success_makes_the_version_stable_and_ends_it) {
  with_deployment c;
  deployment_status_update_request request;
  request.deployment_update = {"d1", "successful", "Deployment completed successfully", t0 + 5};
  request.eval = make_eval("e7", "web");
  c.apply<deployment_status_update>(request);
  EXPECT_EQ(c.now().deployment("d1")->status, "successful");
  EXPECT_EQ(c.now().deployment("d1")->modify_time, t0 + 5);
  EXPECT_TRUE(c.job("web")->stable);
  EXPECT_EQ(c.refusal<deployment_status_update>(request), "deployment \"d1\" has terminal status \"successful\"");
  request.deployment_update.deployment_id = "nope";
  EXPECT_EQ(c.refusal<deployment_status_update>(request), "deployment \"nope\" not found");
}

TEST(deployment, failure_can_revert_the_job) {
  with_deployment c;
  c.apply<job_register>(registration(make_job("web", 5)));
  deployment_status_update_request request;
  request.deployment_update = {"d1", "failed", "Failed due to progress deadline - rolling back to job version 0", t0 + 5};
  request.job = std::make_shared<const schema::job>(*c.now().job_version("default", "web", 0));
  request.eval = make_eval("e7", "web");
  c.apply<deployment_status_update>(request);
  EXPECT_EQ(c.job("web")->version, 2u);
  EXPECT_EQ(c.job("web")->task_groups[0].count, 2);
  EXPECT_EQ(c.now().eval("e7")->status, "pending");
}

TEST(deployment, a_plan_may_cancel_the_older_one) {
  with_deployment c;
  auto request = placement("web", 0, {});
  request.deployment = std::make_shared<const schema::deployment>(make_deployment("d2", "web", 0, 2));
  request.deployment_updates.push_back({"d1", "cancelled", "Cancelled due to newer version of job", t0 + 7});
  request.deployment_updates.push_back({"collected", "cancelled", "", t0 + 7});
  c.apply<apply_plan_results>(request);
  EXPECT_EQ(c.now().deployment("d1")->status, "cancelled");
  EXPECT_EQ(c.now().latest_deployment("default", "web")->id, "d2");
  c.apply<deployment_delete>({{}, {"d1", "never"}});
  EXPECT_EQ(c.now().deployments_by_job("default", "web").size(), 1u);
}

TEST(deployment, promotion_needs_healthy_canaries) {
  with_deployment c(1);
  EXPECT_EQ(c.group().placed_canaries, std::vector<std::string>{"a1"});
  fsm::deployment_promote_request promote;
  promote.deployment_id = "d1";
  promote.all = true;
  promote.promoted_at = t0 + 9;
  promote.eval = make_eval("e8", "web");
  EXPECT_EQ(c.refusal<deployment_promote>(promote), "Task group \"g\" has 0/1 healthy allocations");
  c.apply<alloc_client_update>(client_says("a1", "running", true));
  EXPECT_TRUE(c.now().alloc("a1")->deployment_status->canary) << "a client does not end a canary";
  c.apply<deployment_promote>(promote);
  EXPECT_TRUE(c.group().promoted);
  EXPECT_FALSE(c.now().alloc("a1")->deployment_status->canary);
  EXPECT_EQ(c.now().alloc("a1")->alloc_modify_index, c.index);
  EXPECT_NE(c.now().eval("e8"), nullptr);
}

TEST(deployment, health_set_by_hand) {
  with_deployment c;
  fsm::deployment_alloc_health_request request;
  request.deployment_id = "d1";
  request.healthy_allocation_ids = {"a1"};
  request.unhealthy_allocation_ids = {"a2"};
  request.timestamp = timestamp(t0 + 50);
  request.deployment_update = schema::deployment_status_update{"d1", "failed", "Deployment marked as failed", t0 + 50};
  c.apply<deployment_alloc_health>(request);
  EXPECT_EQ(c.group().healthy_allocs, 1);
  EXPECT_EQ(c.group().unhealthy_allocs, 1);
  EXPECT_EQ(c.now().deployment("d1")->status, "failed");
  EXPECT_EQ(c.now().alloc("a2")->deployment_status->healthy, false);

  with_deployment other;
  request.healthy_allocation_ids = {"nope"};
  EXPECT_EQ(other.refusal<deployment_alloc_health>(request), "unknown alloc \"nope\"");
  other.apply<apply_plan_results>(placement("web", 0, {make_alloc("x", "web")}));
  request.healthy_allocation_ids = {"x"};
  EXPECT_EQ(other.refusal<deployment_alloc_health>(request), "alloc \"x\" is not part of deployment \"d1\"");
}

}  // namespace
}  // namespace drover::fsm::test
