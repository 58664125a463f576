#include "cli/format/eval.h"

#include <fmt/format.h>

#include "cli/format/alloc.h"
#include "cli/format/colour.h"
#include "cli/format/metrics.h"
#include "cli/format/table.h"

namespace drover::cli::format {
namespace {

// While a blocked evaluation waits, what it could not place may still come.
std::string failures_text(const schema::evaluation& e) { return e.status == "blocked" ? "N/A - In Progress" : yes_no(!e.failed_tg_allocs.empty()); }

std::string section(std::string_view heading, std::string_view body) { return fmt::format("\n\n{}\n{}", bold(heading), body); }

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
  if (how.verbose) {
    p.add("Previous Eval", e.previous_eval);
    p.add("Next Eval", e.next_eval);
    p.add("Blocked Eval", e.blocked_eval);
  }
  auto out = p.text();
  out += related_of(e, how);
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
