#include "cli/format/deployment.h"

#include <algorithm>

#include "cli/format/colour.h"
#include "cli/format/table.h"

namespace drover::cli::format {
namespace {

std::string promoted_text(const schema::deployment_state& s) { return s.desired_canaries == 0 ? "N/A" : yes_no(s.promoted); }

}  // namespace

std::string deployed(const schema::deployment& d) {
  if (d.task_groups.empty()) return {};
  auto any = [&](auto test) { return std::any_of(d.task_groups.begin(), d.task_groups.end(), [&](const auto& g) { return test(g.second); }); };
  bool reverts = any([](const auto& s) { return s.auto_revert; });
  bool canaries = any([](const auto& s) { return s.desired_canaries > 0; });
  table::row heading = {"Task Group"};
  if (reverts) heading.emplace_back("Auto Revert");
  if (canaries) heading.emplace_back("Promoted");
  heading.emplace_back("Desired");
  if (canaries) heading.emplace_back("Canaries");
  for (auto name : {"Placed", "Healthy", "Unhealthy", "Progress Deadline"}) heading.emplace_back(name);
  table t(std::move(heading));
  for (const auto& [group, s] : d.task_groups) {
    table::row row = {group};
    if (reverts) row.push_back(yes_no(s.auto_revert));
    if (canaries) row.push_back(promoted_text(s));
    row.push_back(std::to_string(s.desired_total));
    if (canaries) row.push_back(s.desired_canaries > 0 ? std::to_string(s.desired_canaries) : "0");
    row.push_back(std::to_string(s.placed_allocs));
    row.push_back(std::to_string(s.healthy_allocs));
    row.push_back(std::to_string(s.unhealthy_allocs));
    row.push_back(clock_time_or_na(s.require_progress_by));
    t.add(std::move(row));
  }
  return t.text();
}

std::string deployment(const schema::deployment& d, const style& how) {
  pairs p;
  p.add("ID", how.id(d.id));
  p.add("Job ID", d.job_id);
  p.add("Job Version", std::to_string(d.job_version));
  p.add("Status", d.status);
  p.add("Description", d.status_description);
  auto out = p.text();
  if (auto table = deployed(d); !table.empty()) out += "\n\n" + bold("Deployed") + "\n" + table;
  return out;
}

std::string deployment_list(const std::vector<schema::deployment>& list, const style& how) {
  if (list.empty()) return "No deployments found";
  table t({"ID", "Job ID", "Job Version", "Status", "Description"});
  for (const auto& d : list) t.add({how.id(d.id), d.job_id, std::to_string(d.job_version), d.status, d.status_description});
  return t.text();
}

bool is_terminal(const schema::deployment& d) { return d.status == "failed" || d.status == "successful" || d.status == "cancelled"; }

}  // namespace drover::cli::format
