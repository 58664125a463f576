// Job.* methods that only read.
#include <algorithm>

#include "jobspec/diff.h"
#include "jobspec/redact.h"
#include "schema/alloc_rpc.h"
#include "schema/job_rpc.h"
#include "server/endpoint/endpoints.h"
#include "server/endpoint/filter_view.h"
#include "server/endpoint/job_statuses.h"
#include "server/endpoint/stubs.h"
#include "server/ordered_page.h"
#include "server/reads.h"

namespace drover::server {
namespace {

using state::table;

result<> get_job(const read& r, const schema::job_specific_request& request, schema::single_job_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_job(ns, request.job_id));
  out.job = r.state.job(ns, request.job_id);
  if (!r.reveals(ns)) out.job = jobspec::redacted(out.job);
  out.index = out.job ? out.job->modify_index : r.state.index(table::jobs);
  return {};
}

result<> list_jobs(const read& r, const schema::job_list_request& request, schema::job_list_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_jobs(ns, request.prefix));
  r.watch(state::watch_table(table::job_summaries));
  bool with_meta = request.fields && request.fields->meta;
  auto add = [&](const ref<schema::job>& job) {
    if (!with_meta) return out.jobs.push_back(r.stubs.get(r.state, job));
    auto stub = job_stub(*job, r.state.job_summary(job->namespace_, job->id).get(), true);
    if (!r.reveals(job->namespace_)) jobspec::redact(stub.meta);
    out.jobs.push_back(schema::share(std::move(stub)));
  };
  page on(request);
  filter_view shown(r);
  std::vector<ref<schema::job>> backwards;
  bool all_shown = ns != "*" || r.is_management();
  r.state.visit_jobs(ns, request.prefix, [&](const ref<schema::job>& job) {
    if (!all_shown && !r.shows(job->namespace_)) return true;
    if (request.reverse) backwards.push_back(job);
    else if (on.takes_all() || on.takes(job->namespace_ + "." + job->id, job, shown)) add(job);
    return !on.full();
  });
  if (request.reverse) {
    TRY_ASSIGN(out.next_token,
               take_page(request, backwards, false, [](const schema::job& job) { return page_place{0, job.namespace_ + "." + job.id}; }, std::move(shown)));
    for (const auto& job : backwards) add(job);
  } else {
    TRY_ASSIGN(out.next_token, on.end());
  }
  out.index = r.state.index({table::jobs, table::job_summaries});
  return {};
}

result<> get_summary(const read& r, const schema::job_summary_request& request, schema::job_summary_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_job_summary(ns, request.job_id));
  if (auto summary = r.state.job_summary(ns, request.job_id)) {
    out.job_summary = *summary;
    out.index = summary->modify_index;
  } else {
    out.index = r.state.index(table::job_summaries);
  }
  return {};
}

result<> list_allocations(const read& r, const schema::job_specific_request& request, schema::job_allocations_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_allocs_of_job(ns, request.job_id));
  auto job = r.state.job(ns, request.job_id);
  for (const auto& alloc : r.state.allocs_by_job(ns, request.job_id)) {
    // A purged and registered job starts anew; its predecessor's allocations show only on request.
    if (!request.all && job && alloc->job && alloc->job->create_index != job->create_index) continue;
    out.allocations.push_back(alloc_stub(*alloc, false, true));
  }
  std::ranges::sort(out.allocations, [](const auto& a, const auto& b) { return std::tie(b.create_index, a.name) < std::tie(a.create_index, b.name); });
  out.index = r.state.index(table::allocs);
  return {};
}

result<> list_evaluations(const read& r, const schema::job_specific_request& request, schema::job_evaluations_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_evals_of_job(ns, request.job_id));
  out.evaluations = r.state.evals_by_job(ns, request.job_id);
  std::ranges::sort(out.evaluations, [](const auto& a, const auto& b) { return std::tie(b->create_index, a->id) < std::tie(a->create_index, b->id); });
  out.index = r.state.index(table::evals);
  return {};
}

result<> list_deployments(const read& r, const schema::job_specific_request& request, schema::deployment_list_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_deployments_of_job(ns, request.job_id));
  out.deployments = r.state.deployments_by_job(ns, request.job_id);
  if (auto job = r.state.job(ns, request.job_id); job && !request.all)
    std::erase_if(out.deployments, [&](const auto& d) { return d->job_create_index != job->create_index; });
  out.index = r.state.index(table::deployments);
  return {};
}

result<> latest_deployment(const read& r, const schema::job_specific_request& request, schema::single_deployment_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_deployments_of_job(ns, request.job_id));
  out.deployment = r.state.latest_deployment(ns, request.job_id);
  out.index = r.state.index(table::deployments);
  return {};
}

// The one version with which all others are to be compared; none: each with the one before it.
result<ref<schema::job>> diff_base(const std::vector<ref<schema::job>>& versions, const schema::job_versions_request& request) {
  const bool by_tag = !request.diff_tag_name.empty();
  if (!by_tag && !request.diff_version) return ref<schema::job>();
  auto found = std::ranges::find_if(versions, [&](const auto& each) {
    return by_tag ? each->version_tag && each->version_tag->name == request.diff_tag_name : each->version == *request.diff_version;
  });
  if (found != versions.end()) return *found;
  if (by_tag) return fail(errc::not_found, "tag \"{}\" not found on job \"{}\"", request.diff_tag_name, request.job_id);
  return fail(errc::not_found, "version {} not found of job \"{}\"", *request.diff_version, request.job_id);
}

result<> get_versions(const read& r, const schema::job_versions_request& request, schema::job_versions_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_job_versions(ns, request.job_id));
  out.versions = r.state.job_versions(ns, request.job_id);
  if (request.diffs && !out.versions.empty()) {
    TRY_ASSIGN(const auto base, diff_base(out.versions, request));
    // The difference at a place belongs to the version at that place; the oldest has nothing before it.
    const size_t count = base ? out.versions.size() : out.versions.size() - 1;
    for (size_t i = 0; i < count; ++i) out.diffs.push_back(jobspec::diff((base ? base : out.versions[i + 1]).get(), out.versions[i].get(), true));
  }
  if (!r.reveals(ns)) {
    for (auto& each : out.versions) each = jobspec::redacted(each);
    for (auto& each : out.diffs) jobspec::redact(each);
  }
  out.index = out.versions.empty() ? r.state.index(table::job_versions) : out.versions.front()->modify_index;
  return {};
}

result<> get_submission(const read& r, const schema::job_submission_request& request, schema::job_submission_response& out) {
  auto ns = namespace_of(request);
  auto submission = r.state.job_submission(ns, request.job_id, request.version);
  // A source is free text: what is secret in it cannot be told from the rest.
  if (submission && !r.reveals(ns))
    return fail(errc::permission_denied, "Permission denied: the source of a job may hold secrets; it is shown with submit-job or read-job-secrets");
  r.watch(state::watch_table(table::job_submissions));
  if (submission) out.submission = *submission;
  out.index = r.state.index(table::job_submissions);
  return {};
}

result<> scale_status(const read& r, const schema::job_scale_status_request& request, schema::job_scale_status_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_job(ns, request.job_id));
  r.watch(state::watch_allocs_of_job(ns, request.job_id));
  out.index = r.state.index({table::jobs, table::allocs, table::scaling_events});
  auto job = r.state.job(ns, request.job_id);
  if (!job) return {};
  auto& status = out.job_scale_status.emplace();
  status.job_id = job->id;
  status.namespace_ = job->namespace_;
  status.job_create_index = job->create_index;
  status.job_modify_index = job->modify_index;
  status.job_stopped = job->stop;
  for (const auto& group : job->task_groups) status.task_groups[group.name].desired = group.count;
  for (const auto& alloc : r.state.allocs_by_job(ns, request.job_id)) {
    auto it = status.task_groups.find(alloc->task_group);
    if (it == status.task_groups.end() || alloc->desired_status != "run") continue;
    if (alloc->client_status == "complete" || alloc->client_status == "failed" || alloc->client_status == "lost") continue;
    ++it->second.placed;
    it->second.running += alloc->client_status == "running";
    if (alloc->deployment_status && alloc->deployment_status->healthy) ++(*alloc->deployment_status->healthy ? it->second.healthy : it->second.unhealthy);
  }
  if (auto events = state::find<table::scaling_events>(r.state, {.a = ns, .b = request.job_id, .c = {}}))
    for (const auto& [group, list] : events->scaling_events)
      if (auto it = status.task_groups.find(group); it != status.task_groups.end()) it->second.events = list;
  return {};
}

result<> job_services(const read& r, const schema::job_service_registrations_request& request, schema::job_service_registrations_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_table(table::services));
  if (!r.state.job(ns, request.job_id)) return fail(errc::not_found, "job not found");
  r.state.visit_services(ns, "", [&](const ref<schema::service_registration>& s) {
    if (s->job_id == request.job_id) out.services.push_back(s);
    return true;
  });
  out.index = r.state.index(table::services);
  return {};
}

result<> list_actions(const read& r, const schema::job_action_list_request& request, schema::job_action_list_response& out) {
  auto ns = namespace_of(request);
  r.watch(state::watch_job(ns, request.job_id));
  auto job = r.state.job(ns, request.job_id);
  if (!job) return fail(errc::not_found, "job not found");
  for (const auto& group : job->task_groups)
    for (const auto& task : group.tasks)
      for (const auto& action : task.actions)
        out.actions.push_back({.name = action.name, .command = action.command, .args = action.args, .task_name = task.name, .task_group_name = group.name});
  out.index = job->modify_index;
  return {};
}

}  // namespace

void add_job_reads(rpc::method_table& table, server_context& context) {
  add_read(table, context, "Job.GetJob", &get_job);
  add_read(table, context, "Job.List", &list_jobs);
  add_job_statuses(table, context);
  add_read(table, context, "Job.Summary", &get_summary);
  add_read(table, context, "Job.Allocations", &list_allocations);
  add_read(table, context, "Job.Evaluations", &list_evaluations);
  add_read(table, context, "Job.Deployments", &list_deployments);
  add_read(table, context, "Job.LatestDeployment", &latest_deployment);
  add_read(table, context, "Job.GetJobVersions", &get_versions);
  add_read(table, context, "Job.GetJobSubmission", &get_submission);
  add_read(table, context, "Job.ScaleStatus", &scale_status);
  add_read(table, context, "Job.GetServiceRegistrations", &job_services);
  add_read(table, context, "Job.GetActions", &list_actions);
}

}  // namespace drover::server
