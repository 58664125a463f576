#include "cli/format/job.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/format/alloc.h"
#include "cli/format/colour.h"
#include "cli/format/deployment.h"
#include "cli/format/metrics.h"
#include "cli/format/table.h"

namespace drover::cli::format {
namespace {

std::string section(std::string_view heading, std::string_view body) { return fmt::format("\n\n{}\n{}", bold(heading), body); }

std::string kind_of(const schema::job_list_stub& j) { return j.type + (j.periodic ? "/periodic" : "") + (j.parameterized_job ? "/parameterized" : ""); }

std::string status_of(const std::string& status, bool stopped) { return stopped ? status + " (stopped)" : status; }

std::string heading_of(const job_view& view) {
  const auto& j = view.job;
  pairs p;
  p.add("ID", j.id);
  p.add("Name", j.name);
  p.add("Submit Date", clock_time(j.submit_time));
  p.add("Type", j.type);
  p.add("Priority", std::to_string(j.priority));
  p.add("Datacenters", join(j.datacenters, ","));
  p.add("Namespace", j.namespace_);
  p.add("Node Pool", j.node_pool);
  p.add("Status", status_of(j.status, j.stop));
  p.add("Periodic", yes_no(j.periodic.has_value()));
  p.add("Parameterized", yes_no(j.parameterized_job && !j.dispatched));
  if (!j.dispatch_idempotency_token.empty()) p.add("Idempotency Token", j.dispatch_idempotency_token);
  if (!view.next_launch.empty()) p.add("Next Periodic Launch", view.next_launch);
  return p.text();
}

std::string groups_of(const schema::job_summary& summary) {
  table t({"Task Group", "Queued", "Starting", "Running", "Failed", "Complete", "Lost", "Unknown"});
  for (const auto& [name, g] : summary.summary) {
    table::row row = {name};
    for (auto n : {g.queued, g.starting, g.running, g.failed, g.complete, g.lost, g.unknown}) row.push_back(std::to_string(n));
    t.add(std::move(row));
  }
  return t.text();
}

std::string children_of(const job_view& view, std::string_view list_heading, std::string_view nobody) {
  std::string out;
  schema::job_children_summary counts;
  if (view.summary && view.summary->children) counts = *view.summary->children;
  table t({"Pending", "Running", "Dead"});
  t.add({std::to_string(counts.pending), std::to_string(counts.running), std::to_string(counts.dead)});
  out += section(view.job.periodic ? "Children Job Summary" : "Parameterized Job Summary", t.text());
  if (view.children.empty()) return out + "\n\n" + std::string(nobody);
  table jobs({"ID", "Status"});
  for (const auto& child : view.children) jobs.add({child.id, status_of(child.status, child.stop)});
  return out + section(list_heading, jobs.text());
}

std::string policy_text(const schema::task_group& group) {
  if (!group.reschedule_policy) return "none";
  const auto& policy = *group.reschedule_policy;
  auto text = policy.unlimited.value_or(false) ? fmt::format("unlimited with {} delay", policy.delay_function.value_or(""))
                                               : fmt::format("{} in {} with {} delay", policy.attempts.value_or(0),
                                                             to_string(policy.interval.value_or(duration{})), policy.delay_function.value_or(""));
  if (policy.delay_function != "constant") text += fmt::format(", max_delay = {}", to_string(policy.max_delay.value_or(duration{})));
  return text;
}

// Failed allocations whose replacement is put off.
std::string future_attempts(const job_view& view, const style& how) {
  table::row heading = {"Task Group"};
  if (how.verbose) heading.emplace_back("Reschedule Policy");
  heading.insert(heading.end(), {"Eval ID", "Eval Time"});
  table t(std::move(heading));
  for (const auto& alloc : view.allocs) {
    auto eval = std::ranges::find_if(view.evals, [&](const auto& e) { return e.id == alloc.followup_eval_id; });
    if (eval == view.evals.end() || eval->status != "pending" || eval->wait_until.is_zero() || !alloc.next_allocation.empty()) continue;
    table::row row = {alloc.task_group};
    if (how.verbose) {
      auto group = std::ranges::find(view.job.task_groups, alloc.task_group, &schema::task_group::name);
      row.push_back(group == view.job.task_groups.end() ? "" : policy_text(*group));
    }
    row.insert(row.end(), {how.id(eval->id), time_difference(eval->wait_until, how.now)});
    t.add(std::move(row));
  }
  return t.empty() ? std::string() : section("Future Rescheduling Attempts", t.text());
}

// The newest evaluation that could not place everything, if nothing newer did.
std::string failures_of(const job_view& view) {
  const schema::evaluation* latest = nullptr;
  for (const auto& e : view.evals) {
    if (e.failed_tg_allocs.empty()) continue;
    if (e.status != "blocked" && e.status != "complete") continue;
    if (latest == nullptr || e.create_index > latest->create_index) latest = &e;
  }
  bool blocked = std::any_of(view.evals.begin(), view.evals.end(), [](const auto& e) { return e.status == "blocked"; });
  if (latest == nullptr || !blocked) return {};
  std::string lines;
  for (const auto& [group, metric] : latest->failed_tg_allocs) {
    lines += fmt::format("{}Task Group \"{}\":\n", lines.empty() ? "" : "\n", group);
    lines += placement_failure(metric, "  ");
  }
  lines.pop_back();
  return section("Placement Failure", lines);
}

std::string latest_deployment(const schema::deployment& d, const style& how) {
  pairs p;
  p.add("ID", how.id(d.id));
  p.add("Status", d.status);
  p.add("Description", d.status_description);
  auto out = section("Latest Deployment", p.text());
  if (auto groups = deployed(d); !groups.empty()) out += section("Deployed", groups);
  return out;
}

std::string actions_of(const schema::job& job) {
  table t({"Action Name", "Task Group", "Task"});
  for (const auto& group : job.task_groups)
    for (const auto& task : group.tasks)
      for (const auto& action : task.actions) t.add({action.name, group.name, task.name});
  return t.empty() ? std::string() : section("Actions", t.text());
}

}  // namespace

std::string job_list(const std::vector<schema::job_list_stub>& list, bool with_namespace) {
  if (list.empty()) return "No running jobs";
  table::row heading = {"ID"};
  if (with_namespace) heading.emplace_back("Namespace");
  for (auto name : {"Type", "Priority", "Status", "Submit Date"}) heading.emplace_back(name);
  table t(std::move(heading));
  for (const auto& j : list) {
    table::row row = {j.id};
    if (with_namespace) row.push_back(j.namespace_);
    for (auto cell : {kind_of(j), std::to_string(j.priority), status_of(j.status, j.stop), clock_time(j.submit_time)}) row.push_back(std::move(cell));
    t.add(std::move(row));
  }
  return t.text();
}

std::string evaluation_table(const std::vector<schema::evaluation>& list, const style& how) {
  table t({"ID", "Priority", "Triggered By", "Status", "Placement Failures"});
  for (const auto& e : list) {
    // While it runs, whether all can be placed is not known.
    auto failures = e.status == "blocked" ? "N/A - In Progress" : yes_no(!e.failed_tg_allocs.empty());
    t.add({how.id(e.id), std::to_string(e.priority), e.triggered_by, e.status, failures});
  }
  return t.text();
}

std::string job(const job_view& view, const style& how) {
  const auto& j = view.job;
  auto out = heading_of(view);
  if (view.short_form) return out;
  if (j.periodic) return out + children_of(view, "Previously Launched Jobs", "No instances of periodic job found");
  if (j.parameterized_job && !j.dispatched) {
    pairs p;
    p.add("Payload", j.parameterized_job->payload);
    p.add("Required Metadata", join(j.parameterized_job->meta_required, ", "));
    p.add("Optional Metadata", join(j.parameterized_job->meta_optional, ", "));
    return out + section("Parameterized Job", p.text()) + children_of(view, "Dispatched Jobs", "No dispatched instances of parameterized job found");
  }
  if (!view.hint.empty()) out += "\n\n" + view.hint;
  if (view.summary) out += section("Summary", groups_of(*view.summary));
  if ((how.verbose || view.with_evals) && !view.evals.empty()) {
    auto evals = view.evals;
    std::sort(evals.begin(), evals.end(), [](const auto& a, const auto& b) { return std::pair(b.create_index, a.id) < std::pair(a.create_index, b.id); });
    out += section("Evaluations", evaluation_table(evals, how));
  }
  out += future_attempts(view, how) + failures_of(view);
  if (view.latest_deployment) out += latest_deployment(*view.latest_deployment, how);
  return out + actions_of(j) + section("Allocations", allocation_list(view.allocs, how));
}

}  // namespace drover::cli::format
