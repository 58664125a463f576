// Job.Statuses: jobs with what is going on in each, the latest changed first; what a jobs page shows.
#include "server/endpoint/job_statuses.h"

#include <algorithm>
#include <set>

#include "schema/job_rpc.h"
#include "server/endpoint/filter_view.h"
#include "server/limits.h"
#include "server/ordered_page.h"
#include "server/reads.h"

namespace drover::server {
namespace {

using state::table;

// Adds a record's index to the highest that the page has seen: changes elsewhere do not wake who waits.
class page_index {
 public:
  template <class Record>
  void saw(const Record& r) {
    highest_ = std::max(highest_, r.modify_index);
  }
  uint64_t value() const { return highest_; }

 private:
  uint64_t highest_ = 0;
};

schema::job_statuses_alloc shown(const schema::allocation& a) {
  schema::job_statuses_alloc out;
  out.id = a.id;
  out.group = a.task_group;
  out.client_status = a.client_status;
  out.node_id = a.node_id;
  out.job_version = a.job ? a.job->version : 0;
  out.followup_eval_id = a.followup_eval_id;
  if (a.deployment_status) out.deployment_status = {.canary = a.deployment_status->canary, .healthy = a.deployment_status->healthy};
  return out;
}

schema::job_statuses_latest_deployment shown(const schema::deployment& d) {
  auto waits = [](const auto& group) { return group.second.desired_canaries > 0 && !group.second.promoted; };
  auto by_hand = [](const auto& group) { return group.second.desired_canaries > 0 && !group.second.auto_promote; };
  constexpr std::string_view active[] = {"running", "paused", "blocked", "unblocking", "initializing", "pending"};
  return {.id = d.id,
          .is_active = std::ranges::find(active, d.status) != std::end(active),
          .job_version = d.job_version,
          .status = d.status,
          .status_description = d.status_description,
          .all_auto_promote = !d.task_groups.empty() && std::ranges::none_of(d.task_groups, by_hand),
          .requires_promotion = d.status == "running" && std::ranges::any_of(d.task_groups, waits)};
}

schema::job_statuses_job status_of(const read& r, const schema::job& job, page_index& index) {
  schema::job_statuses_job out;
  out.id = job.id;
  out.namespace_ = job.namespace_;
  out.name = job.name;
  out.type = job.type;
  out.node_pool = job.node_pool;
  out.datacenters = job.datacenters;
  out.priority = job.priority;
  out.version = job.version;
  out.parent_id = job.parent_id;
  out.submit_time = job.submit_time;
  out.modify_index = job.modify_index;
  out.stop = job.stop;
  out.status = job.status;
  out.is_pack = job.meta.contains("pack.name");
  for (const auto& group : job.task_groups) out.group_count_sum += group.count;
  index.saw(job);
  // What launches others has no work of its own.
  if (job.periodic || (job.parameterized_job && !job.dispatched)) {
    for (const auto& child : r.state.child_jobs(job.namespace_, job.id)) {
      index.saw(*child);
      out.child_statuses.push_back(child->status);
    }
    return out;
  }
  for (const auto& alloc : r.state.allocs_by_job(job.namespace_, job.id)) {
    // A purged job's allocations are no longer its.
    if (alloc->job && alloc->job->create_index != job.create_index) continue;
    index.saw(*alloc);
    out.allocs.push_back(shown(*alloc));
  }
  if (auto latest = r.state.latest_deployment(job.namespace_, job.id)) {
    index.saw(*latest);
    out.latest_deployment = shown(*latest);
  }
  return out;
}

std::vector<ref<schema::job>> chosen(const read& r, const schema::job_statuses_request& request, std::string_view ns) {
  std::set<std::pair<std::string, std::string>> wanted;
  for (const auto& each : request.jobs) wanted.emplace(each.namespace_.empty() ? "default" : each.namespace_, each.id);
  std::vector<ref<schema::job>> out;
  auto take = [&](const ref<schema::job>& job) {
    if (job && (request.include_children || job->parent_id.empty()) && r.shows(job->namespace_)) out.push_back(job);
    return true;
  };
  if (wanted.empty()) {
    r.state.visit_jobs(ns, request.prefix, take);
  } else {
    for (const auto& [job_ns, id] : wanted)
      if (ns == "*" || ns == job_ns || request.namespace_.empty()) take(r.state.job(job_ns, id));
  }
  std::ranges::sort(out, {}, &schema::job::modify_index);
  return out;
}

result<> statuses(const read& r, const schema::job_statuses_request& request, schema::job_statuses_response& out) {
  for (auto t : {table::jobs, table::allocs, table::deployments}) r.watch(state::watch_table(t));
  auto ns = namespace_of(static_cast<const schema::query_options&>(request));
  if (!request.jobs.empty()) {
    // Jobs that are named carry their namespace; the query's is the default of whoever gave none.
    const auto& first = request.jobs.front().namespace_;
    bool one = std::ranges::all_of(request.jobs, [&](const auto& j) { return j.namespace_ == first; });
    ns = one && !first.empty() ? std::string_view(first) : "*";
  }
  auto jobs = chosen(r, request, ns);
  schema::query_options options = request;
  options.reverse = !request.reverse;
  if (!request.jobs.empty()) options.per_page = 0;
  TRY_ASSIGN(out.next_token, take_page(options, jobs, true, [](const schema::job& job) { return page_place{job.modify_index, {}}; }, filter_view(r)));
  page_index index;
  for (const auto& job : jobs) out.jobs.push_back(status_of(r, *job, index));
  out.index = jobs.empty() ? r.state.index(table::jobs) : std::max(index.value(), request.jobs.empty() ? r.state.index(table::jobs) : 0);
  return {};
}

}  // namespace

void add_job_statuses(rpc::method_table& table, server_context& context) { add_read(table, context, "Job.Statuses", &statuses); }

}  // namespace drover::server
