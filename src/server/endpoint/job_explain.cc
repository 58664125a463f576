// Job.Explain (ours): why does a job not run as it asks, and what would make it? The real scheduler on the newest state, with nothing stored.
#include <algorithm>

#include "base/text.h"
#include "sched/scheduler.h"
#include "schema/explain.h"
#include "schema/job_rpc.h"
#include "server/admission.h"
#include "server/deployments.h"
#include "server/endpoint/endpoints.h"
#include "server/evals.h"
#include "server/limits.h"
#include "server/plan_queue.h"
#include "server/reads.h"

namespace drover::server {
namespace {

using sentences = std::vector<std::string>;

std::string counted(size_t n) { return n == 1 ? "1 allocation" : fmt::format("{} allocations", n); }
std::string_view have(size_t n) { return n == 1 ? "has" : "have"; }

// What keeps a job from being scheduled at all; empty: nothing does.
std::string why_not_scheduled(const schema::job& job) {
  if (job.stop) return "The job is stopped. It runs again when it is submitted again.";
  if (job.parameterized_job && !job.dispatched) return "The job is parameterized: it runs only as the instances that are dispatched.";
  if (job.periodic && job.periodic->enabled) return "The job is periodic: it runs only as the instances that its schedule launches.";
  if (job.periodic) return "The job is periodic and its schedule is disabled: it runs only as the instances that are forced.";
  return {};
}

void about_deployment(const state::snapshot& state, const schema::job& job, sentences& out) {
  auto latest = state.latest_deployment(job.namespace_, job.id);
  if (!latest || latest->job_create_index != job.create_index) return;
  auto id = short_id(latest->id);
  if (latest->status == "paused") out.push_back(fmt::format("Deployment {} is paused. It goes on after \"drover deployment resume {}\".", id, id));
  if (latest->status == "failed" && latest->job_version == job.version)
    out.push_back(fmt::format("Deployment {} of this version has failed: {}. A corrected job, or \"drover job revert\", starts the next one.", id,
                              latest->status_description));
  if (latest->status != "running") return;
  for (const auto& [name, group] : latest->task_groups) {
    if (group.desired_canaries == 0 || group.promoted || group.auto_promote) continue;
    if (group.healthy_allocs >= group.desired_canaries)
      out.push_back(fmt::format("The canaries of group \"{}\" are healthy and wait to be promoted: \"drover deployment promote {}\".", name, id));
    else
      out.push_back(fmt::format("{} of {} canaries of group \"{}\" are healthy; the rest of the group is replaced after they are promoted.",
                                group.healthy_allocs, group.desired_canaries, name));
  }
}

void about_evaluations(const state::snapshot& state, const schema::job& job, timestamp now, sentences& out) {
  if (state.scheduler_config()->pause_eval_broker)
    out.push_back("Scheduling is paused for the whole cluster (PauseEvalBroker in the scheduler configuration).");
  timestamp next;
  for (const auto& eval : state.evals_by_job(job.namespace_, job.id)) {
    if (eval->status != "pending" || eval->wait_until.is_zero() || eval->wait_until <= now) continue;
    if (next.is_zero() || eval->wait_until < next) next = eval->wait_until;
  }
  if (!next.is_zero())
    out.push_back(fmt::format("A failed allocation is replaced at {} at the earliest, as the group's reschedule block says.", to_rfc3339(next)));
}

// The newest thing that a task of it said.
std::string last_event(const schema::allocation& alloc) {
  const schema::task_event* latest = nullptr;
  for (const auto& [name, task] : alloc.task_states)
    for (const auto& event : task.events)
      if (event && (latest == nullptr || event->time >= latest->time)) latest = event.get();
  return latest == nullptr ? std::string("nothing is known of its tasks yet") : latest->display_message.empty() ? latest->type : latest->display_message;
}

// Allocations that have a node and do not run there.
void about_allocations(const std::vector<ref<schema::allocation>>& allocs, sentences& out) {
  size_t running = 0, told = 0;
  for (const auto& alloc : allocs) {
    if (alloc->desired_status != "run") continue;
    if (alloc->client_status == "running") ++running;
    bool stuck = alloc->client_status == "pending" || (alloc->client_status == "failed" && alloc->next_allocation.empty());
    if (!stuck || told == explained_allocs_max) continue;
    ++told;
    out.push_back(fmt::format("Allocation {} on node {} is {}: {}.", short_id(alloc->id), alloc->node_name, alloc->client_status, last_event(*alloc)));
  }
  if (running > 0) out.push_back(fmt::format("{} {} a node and {}.", counted(running), have(running), running == 1 ? "runs" : "run"));
}

// After its deployment has failed the scheduler places nothing more of a version; nobody waits for that, and it is short all the same.
void about_what_is_given_up(const state::snapshot& state, const schema::job& job, const std::vector<ref<schema::allocation>>& allocs,
                            schema::job_explanation& out) {
  auto latest = state.latest_deployment(job.namespace_, job.id);
  if (job.type != "service" || !latest || latest->status != "failed" || latest->job_create_index != job.create_index || latest->job_version != job.version)
    return;
  for (const auto& group : job.task_groups) {
    if (std::ranges::find(out.groups, group.name, &schema::explained_group::name) != out.groups.end()) continue;
    auto there = std::ranges::count_if(allocs, [&](const auto& each) {
      return each->task_group == group.name && each->desired_status == "run" && (each->client_status == "running" || each->client_status == "pending");
    });
    if (auto missing = group.count - there; missing > 0)
      out.groups.push_back({.name = group.name,
                            .waiting = missing,
                            .sentences = {fmt::format("{} of group \"{}\" {} not placed any more: deployment {} of this version has failed.",
                                                      counted(static_cast<size_t>(missing)), group.name, missing == 1 ? "is" : "are", short_id(latest->id))}});
  }
}

awaitable<result<schema::job_explain_response>> explain_job(server_context& context, schema::job_specific_request request) {
  const auto& state = context.followed;
  schema::job_explain_response out;
  out.index = state.index();
  out.known_leader = true;
  auto job = state.job(namespace_of(request), request.job_id);
  if (!job) co_return out;
  auto& said = out.explanation.emplace();
  said.job_id = job->id;
  said.namespace_ = job->namespace_;
  said.status = job->status;
  if (auto never = why_not_scheduled(*job); !never.empty()) {
    said.sentences.push_back(std::move(never));
    co_return out;
  }
  auto now = context.clock.now();
  about_deployment(state, *job, said.sentences);
  about_evaluations(state, *job, now, said.sentences);
  auto eval = new_eval(context, *job, "job-register");
  auto facts = sched::gather(state, eval);
  about_allocations(facts.allocs, said.sentences);
  auto outcome = sched::schedule(facts, context.plans->current_view(), eval, now, context.random.number(), {.explain = true});
  for (const auto& why : outcome.explanations) said.groups.push_back({.name = why.group, .waiting = why.waiting, .sentences = sched::sentences(why)});
  about_what_is_given_up(state, *job, facts.allocs, said);
  if (said.groups.empty()) said.sentences.push_back("No allocation waits for a node.");
  co_return out;
}

}  // namespace

void add_job_explain(rpc::method_table& table, server_context& context) { add_write(table, context, "Job.Explain", &explain_job); }

}  // namespace drover::server
