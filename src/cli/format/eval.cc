#include "cli/format/eval.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/format/alloc.h"
#include "cli/format/colour.h"
#include "cli/format/metrics.h"
#include "cli/format/table.h"

namespace drover::cli::format {
namespace {

// While a blocked evaluation waits, what it could not place may still come.
std::string failures_text(const schema::evaluation& e) { return e.status == "blocked" ? "N/A - In Progress" : yes_no(!e.failed_tg_allocs.empty()); }

std::string section(std::string_view heading, std::string_view body) { return fmt::format("\n\n{}\n{}", bold(heading), body); }

// What the plan did to each group: the usual columns always, the others where there is something in them or everything is wanted.
std::string changes_of(const std::map<std::string, schema::desired_updates>& groups, bool all) {
  using updates = schema::desired_updates;
  static constexpr std::pair<std::string_view, uint64_t updates::*> columns[] = {{"Ignore", &updates::ignore},
                                                                                 {"Place", &updates::place},
                                                                                 {"Stop", &updates::stop},
                                                                                 {"InPlace", &updates::in_place_update},
                                                                                 {"Destructive", &updates::destructive_update},
                                                                                 {"Migrate", &updates::migrate},
                                                                                 {"Canary", &updates::canary},
                                                                                 {"Preemptions", &updates::preemptions},
                                                                                 {"Reschedule Now", &updates::reschedule_now},
                                                                                 {"Reschedule Later", &updates::reschedule_later},
                                                                                 {"Disconnect", &updates::disconnect},
                                                                                 {"Reconnect", &updates::reconnect}};
  constexpr size_t usual = 5;
  table::row heading = {"Task Group"};
  std::vector<uint64_t updates::*> shown;
  for (size_t i = 0; i < std::size(columns); ++i) {
    const auto& [name, member] = columns[i];
    if (i >= usual && !all && std::ranges::none_of(groups, [&](const auto& each) { return each.second.*member > 0; })) continue;
    heading.emplace_back(name);
    shown.push_back(member);
  }
  table t(std::move(heading));
  for (const auto& [name, each] : groups) {
    table::row row = {name};
    for (auto member : shown) row.push_back(std::to_string(each.*member));
    t.add(std::move(row));
  }
  return t.text();
}

std::string planned_of(const schema::evaluation& e, const style& how) {
  if (!e.plan_annotations) return {};
  std::string out;
  if (const auto& groups = e.plan_annotations->desired_tg_updates; !groups.empty()) out += section("Plan Annotations", changes_of(groups, how.verbose));
  if (const auto& stopped = e.plan_annotations->preempted_allocs; !stopped.empty()) {
    table t({"ID", "Job ID", "Node ID", "Task Group", "Version", "Desired", "Status", "Created", "Modified"});
    for (const auto& a : stopped)
      t.add({how.id(a.id), a.job_id, how.id(a.node_id), a.task_group, std::to_string(a.job_version), a.desired_status, a.client_status,
             how.moment(a.create_time), how.moment(a.modify_time)});
    out += section("Preempted Allocations", t.text());
  }
  return out;
}

std::string related_of(const schema::evaluation& e, const style& how) {
  table t({"ID", "Priority", "Triggered By", "Node ID", "Status", "Description"});
  for (const auto& r : e.related_evals) t.add({how.id(r.id), std::to_string(r.priority), r.triggered_by, how.id(r.node_id), r.status, r.status_description});
  return t.empty() ? std::string() : section("Related Evaluations", t.text());
}

}  // namespace

std::string evaluation_list(const std::vector<schema::evaluation>& list, const style& how) {
  if (list.empty()) return "No evals found";
  table t({"ID", "Priority", "Triggered By", "Job ID", "Namespace", "Node ID", "Status", "Placement Failures"});
  for (const auto& e : list)
    t.add({how.id(e.id), std::to_string(e.priority), e.triggered_by, e.job_id, e.namespace_, how.id(e.node_id), e.status, failures_text(e)});
  return t.text();
}

std::string evaluation(const schema::evaluation& e, const std::vector<schema::alloc_list_stub>& placed, const style& how) {
  pairs p;
  p.add("ID", how.id(e.id));
  p.add("Create Time", how.moment(e.create_time));
  p.add("Modify Time", how.moment(e.modify_time));
  p.add("Status", e.status);
  p.add("Status Description", e.status_description.empty() ? e.status : e.status_description);
  p.add("Type", e.type);
  p.add("TriggeredBy", e.triggered_by);
  if (!e.job_id.empty()) p.add("Job ID", e.job_id);
  if (!e.namespace_.empty()) p.add("Namespace", e.namespace_);
  if (!e.node_id.empty()) p.add("Node ID", how.id(e.node_id));
  p.add("Priority", std::to_string(e.priority));
  p.add("Placement Failures", failures_text(e));
  if (!e.wait_until.is_zero() && e.wait_until.ns != 0) p.add("Wait Until", clock_time(e.wait_until));
  if (!e.quota_limit_reached.empty()) p.add("Quota Limit Reached", e.quota_limit_reached);
  p.add("Previous Eval", how.id(e.previous_eval));
  p.add("Next Eval", how.id(e.next_eval));
  p.add("Blocked Eval", how.id(e.blocked_eval));
  auto out = p.text();
  out += related_of(e, how);
  out += planned_of(e, how);
  if (!placed.empty()) out += section("Placed Allocations", allocation_list(placed, how));
  if (!e.failed_tg_allocs.empty()) {
    std::string lines;
    for (const auto& [group, metric] : e.failed_tg_allocs) lines += failed_group(group, metric, "");
    lines.pop_back();
    out += section("Failed Placements", lines);
    if (!e.blocked_eval.empty()) out += fmt::format("\n\nEvaluation \"{}\" waiting for additional capacity to place remainder", how.id(e.blocked_eval));
  }
  return out;
}

}  // namespace drover::cli::format
