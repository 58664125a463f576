#include <algorithm>

#include "base/text.h"
#include "codec/compare.h"
#include "fsm/apply.h"
#include "fsm/limits.h"
#include "fsm/volume_claims.h"
#include "schema/take.h"

namespace drover::fsm {

namespace {

constexpr std::string_view launch_mark = "/periodic-";

bool is_new_version(const schema::job* stored, const schema::job& job) { return !stored || !codec::equal(*stored, job, schema::diff_ignore); }

void drop_version(context& c, const schema::job& version) {
  c.erase<table::job_versions>({version.namespace_, version.id, {}, version.version});
  c.erase<table::job_submissions>({version.namespace_, version.id, {}, version.version});
}

// Keeps the newest versions, the tagged ones and the newest stable one (what a failed update goes back to).
void drop_old_versions(context& c, const schema::job& job) {
  const auto versions = c.state().job_versions(job.namespace_, job.id);
  size_t kept = 0;
  bool has_stable = false;
  std::vector<ref<schema::job>> old;
  for (const auto& v : versions) {
    const bool is_newest_stable = v->stable && !has_stable;
    has_stable = has_stable || v->stable;
    if (v->version_tag) continue;
    if (kept < c.settings().job_tracked_versions) {
      kept++;
    } else if (!is_newest_stable) {
      old.push_back(v);
    }
  }
  for (const auto& v : old) drop_version(c, *v);
}

void put_version(context& c, const ref<schema::job>& shared, std::optional<schema::job_submission> submission) {
  const auto& job = *shared;
  c.put<table::job_versions>(shared);
  if (job.version > 0) drop_old_versions(c, job);
  if (!submission || submission->source.empty()) return;
  if (submission->source.size() + submission->variables.size() > submission_bytes_max) return;
  auto kept = *std::move(submission);
  kept.namespace_ = job.namespace_;
  kept.job_id = job.id;
  kept.version = job.version;
  kept.job_modify_index = job.job_modify_index;
  c.put<table::job_submissions>(std::move(kept));
}

void make_summary(context& c, const schema::job& job) {
  auto& summary = c.make_summary(job);
  for (const auto& group : job.task_groups) summary.summary.try_emplace(group.name);
  if (!summary.children) summary.children.emplace();  // readers take it for given, with whatever job
}

// An id that follows from what the policy is for, where the request brought none.
std::string derived_id(const schema::scaling_policy& policy) {
  uint8_t out[16];
  for (int half = 0; half < 2; half++) {
    uint64_t h = 14695981039346656037ull + static_cast<uint64_t>(half);
    auto add = [&h](std::string_view text) {
      for (char ch : text) h = (h ^ static_cast<uint8_t>(ch)) * 1099511628211ull;
      h = (h ^ 0) * 1099511628211ull;
    };
    add(policy.type);
    for (const auto& [key, text] : policy.target) add(key), add(text);
    for (int i = 0; i < 8; i++) out[half * 8 + i] = static_cast<uint8_t>(h >> (8 * i));
  }
  return format_uuid(out);
}

std::vector<schema::scaling_policy> wanted_policies(const schema::job& job) {
  std::vector<schema::scaling_policy> out;
  if (job.stop) return out;
  auto add = [&](schema::scaling_policy policy, const schema::task_group& group, const schema::task* task) {
    policy.namespace_ = job.namespace_;
    policy.target = {{"Namespace", job.namespace_}, {"Job", job.id}, {"Group", group.name}};
    if (task) policy.target["Task"] = task->name;
    if (policy.type.empty()) policy.type = "horizontal";
    out.push_back(std::move(policy));
  };
  for (const auto& group : job.task_groups) {
    if (group.scaling) add(*group.scaling, group, nullptr);
    for (const auto& task : group.tasks) {
      for (const auto& policy : task.scaling_policies) add(policy, group, &task);
    }
  }
  return out;
}

std::vector<ref<schema::scaling_policy>> stored_policies(context& c, const schema::job& job) {
  return state::collect<table::scaling_policies>(c.state(), state::tree_id::scaling_policies_by_job, state::within2(job.namespace_, job.id));
}

void put_scaling_policies(context& c, const schema::job& job) {
  auto stored = stored_policies(c, job);
  for (auto& policy : wanted_policies(job)) {
    auto same = std::find_if(stored.begin(), stored.end(), [&](const auto& s) { return s->target == policy.target && s->type == policy.type; });
    policy.create_index = policy.modify_index = c.index();
    if (same != stored.end()) {
      policy.id = (*same)->id;
      policy.create_index = (*same)->create_index;
      auto unchanged = policy;
      unchanged.modify_index = (*same)->modify_index;
      const bool is_same = codec::equal(unchanged, **same);
      stored.erase(same);
      if (is_same) continue;
    } else if (policy.id.empty()) {
      policy.id = derived_id(policy);
    }
    c.put<table::scaling_policies>(std::move(policy));
  }
  for (const auto& gone : stored) c.erase<table::scaling_policies>({gone->id, {}, {}});
}

void put_launch(context& c, const std::string& ns, const std::string& id, timestamp at, bool replace) {
  auto stored = state::find<table::periodic_launches>(c.state(), {ns, id, {}});
  if (stored && !replace) return;
  state::periodic_launch launch{id, ns, at, stored ? stored->create_index : c.index(), c.index()};
  c.put<table::periodic_launches>(std::move(launch));
}

// A periodic job counts from its registration; a job that one of its launches made says when that was in its id.
void note_periodic(context& c, const schema::job& job) {
  if (job.periodic && job.periodic->enabled && !job.stop) {
    put_launch(c, job.namespace_, job.id, timestamp(job.submit_time), false);
  } else if (!job.periodic || job.stop) {
    c.erase<table::periodic_launches>({job.namespace_, job.id, {}});
  }
  const auto mark = job.parent_id.empty() ? std::string::npos : job.id.rfind(launch_mark);
  if (mark == std::string::npos) return;
  const auto at = parse_int(std::string_view(job.id).substr(mark + launch_mark.size()));
  const auto parent = c.state().job(job.namespace_, job.parent_id);
  if (at && parent && parent->periodic && *at < INT64_MAX / 1'000'000'000) {
    put_launch(c, job.namespace_, job.parent_id, timestamp(*at * 1'000'000'000), true);
  }
}

// Job.Register with a check index: the texts are matched by tools.
result<> check_index(const schema::job* stored, uint64_t wanted) {
  if (wanted == 0) {
    if (stored) return fail(errc::conflict, "Enforcing job modify index 0: job already exists");
  } else if (!stored) {
    return fail(errc::conflict, "Enforcing job modify index {}: job does not exist", wanted);
  } else if (stored->job_modify_index != wanted) {
    return fail(errc::conflict, "Enforcing job modify index {}: job exists with conflicting job modify index: {}", wanted, stored->job_modify_index);
  }
  return {};
}

void delete_job(context& c, const schema::job& job) {
  for (const auto& v : c.state().job_versions(job.namespace_, job.id)) drop_version(c, *v);
  for (const auto& policy : stored_policies(c, job)) c.erase<table::scaling_policies>({policy->id, {}, {}});
  c.erase<table::scaling_events>({job.namespace_, job.id, {}});
  c.erase<table::periodic_launches>({job.namespace_, job.id, {}});
  drop_claims(c, job.namespace_, job.id);
  c.drop_summary(job.namespace_, job.id);
  // The parent keeps counting what it once started.
  c.count_child(job, job.status, word::dead);
  c.erase<table::jobs>({job.namespace_, job.id, {}});
}

struct deregistration {
  std::string ns;
  std::string id;
  bool purge = false;
  bool no_shutdown_delay = false;
  int64_t submit_time = 0;
};

void skip_shutdown_delay(context& c, const deregistration& d) {
  for (const auto& a : c.state().allocs_by_job(d.ns, d.id)) {
    if (is_terminal(*a)) continue;
    auto updated = *a;
    updated.desired_transition.no_shutdown_delay = true;
    updated.modify_index = updated.alloc_modify_index = c.index();
    c.put<table::allocs>(std::move(updated));
  }
}

result<> deregister(context& c, const deregistration& d) {
  if (d.no_shutdown_delay) skip_shutdown_delay(c, d);
  auto stored = c.state().job(d.ns, d.id);
  if (!stored) return {};  // its evaluation still stops what may be left
  if (d.purge) {
    delete_job(c, *stored);
    return {};
  }
  auto stopped = *stored;
  stopped.stop = true;
  if (d.submit_time != 0) stopped.submit_time = d.submit_time;
  auto source = c.state().job_submission(d.ns, d.id, stored->version);
  TRY(put_job(c, std::move(stopped), source ? std::optional(*source) : std::nullopt, nullptr));
  return {};
}

}  // namespace

result<uint64_t> put_job(context& c, schema::job next, std::optional<schema::job_submission> submission, ref<schema::evaluation> follow_up) {
  if (!c.state().namespace_named(next.namespace_)) {
    return fail(errc::invalid, "job \"{}\" is in nonexistent namespace \"{}\"", next.id, next.namespace_);
  }
  const auto stored = c.state().job(next.namespace_, next.id);
  const bool is_new = is_new_version(stored.get(), next);
  const auto job_modify_index = is_new ? c.index() : stored->job_modify_index;
  if (follow_up) {
    auto eval = schema::take(std::move(follow_up));
    eval.job_modify_index = job_modify_index;
    put_eval(c, std::move(eval));
  }
  if (!is_new) {
    c.touch_job(next.namespace_, next.id);
    return job_modify_index;
  }

  next.create_index = stored ? stored->create_index : c.index();
  next.modify_index = next.job_modify_index = c.index();
  next.version = stored ? stored->version + 1 : 0;
  next.stable = false;
  next.version_tag.reset();
  next.status = job_status(c.state(), next, false);
  next.status_description.clear();
  c.count_child(next, stored ? std::string_view(stored->status) : std::string_view(), next.status);
  // The job and its newest version are the same record.
  const auto made = schema::share(std::move(next));
  make_summary(c, *made);
  put_version(c, made, std::move(submission));
  put_scaling_policies(c, *made);
  note_periodic(c, *made);
  c.put<table::jobs>(made);
  c.has_status(made->namespace_, made->id);
  return job_modify_index;
}

void set_job_stability(context& c, const std::string& ns, const std::string& id, uint64_t version, bool stable) {
  auto stored = c.state().job_version(ns, id, version);
  if (!stored || stored->stable == stable) return;
  auto updated = *stored;
  updated.stable = stable;
  updated.modify_index = c.index();
  c.put<table::job_versions>(updated);
  auto current = c.state().job(ns, id);
  if (!current || current->version != version) return;
  updated.status = current->status;
  c.put<table::jobs>(std::move(updated));
}

result<std::any> apply_job_register(context& c, schema::job_register_request&& request) {
  if (!request.job) return fail(errc::invalid, "a job registration without a job");
  auto job = schema::take(std::move(request.job));
  job.namespace_ = namespace_of(job.namespace_);
  if (request.enforce_index) TRY(check_index(c.state().job(job.namespace_, job.id).get(), request.job_modify_index));
  TRY_ASSIGN(const uint64_t job_modify_index, put_job(c, std::move(job), std::move(request.submission), std::move(request.eval)));
  if (request.deployment) put_deployment(c, *request.deployment);
  return job_modify_index;
}

result<std::any> apply_job_deregister(context& c, const schema::job_deregister_request& request) {
  const std::string ns(namespace_of(request.namespace_));
  TRY(deregister(c, {ns, request.job_id, request.purge, request.no_shutdown_delay, request.submit_time}));
  if (request.eval) {
    auto eval = *request.eval;
    eval.job_modify_index = c.index();
    put_eval(c, eval);
  }
  c.touch_job(ns, request.job_id);
  return std::any();
}

result<std::any> apply_job_batch_deregister(context& c, const job_batch_deregister_request& request) {
  for (const auto& job : request.jobs) {
    const std::string ns(namespace_of(job.namespace_));
    TRY(deregister(c, {ns, job.job_id, job.purge, false, request.submit_time}));
    c.touch_job(ns, job.job_id);
  }
  for (const auto& eval : request.evals) {
    auto stored = *eval;
    stored.job_modify_index = c.index();
    put_eval(c, stored);
  }
  return std::any();
}

result<std::any> apply_job_stability(context& c, const schema::job_stability_request& request) {
  set_job_stability(c, std::string(namespace_of(request.namespace_)), request.job_id, request.job_version, request.stable);
  return std::any();
}

result<std::any> apply_job_version_tag(context& c, const schema::job_apply_tag_request& request) {
  const auto ns = namespace_of(request.namespace_);
  const auto versions = c.state().job_versions(ns, request.job_id);
  if (versions.empty()) return fail(errc::not_found, "job \"{}\" not found", request.job_id);
  auto tagged_with = [](const std::string& name) { return [&name](const auto& v) { return v->version_tag && v->version_tag->name == name; }; };
  auto put_tag = [&](const schema::job& version, std::optional<schema::job_version_tag> tag) {
    auto updated = version;
    updated.version_tag = std::move(tag);
    updated.modify_index = c.index();
    c.put<table::job_versions>(updated);
    auto current = c.state().job(ns, request.job_id);
    if (!current || current->version != version.version) return;
    updated.status = current->status;
    c.put<table::jobs>(std::move(updated));
  };
  const auto name = request.tag ? request.tag->name : request.name;
  const auto holder = std::find_if(versions.begin(), versions.end(), tagged_with(name));
  if (!request.tag) {
    if (holder == versions.end()) return fail(errc::not_found, "tag \"{}\" not found on job \"{}\"", name, request.job_id);
    put_tag(**holder, std::nullopt);
    drop_old_versions(c, **holder);
    return std::any();
  }
  auto target = versions.begin();
  if (!request.latest) target = std::find_if(versions.begin(), versions.end(), [&](const auto& v) { return v->version == request.version; });
  if (target == versions.end()) return fail(errc::not_found, "job \"{}\" version {} not found", request.job_id, request.version);
  if (holder != versions.end() && holder != target) {
    return fail(errc::conflict, "tag \"{}\" already exists on a different version of job \"{}\"", name, request.job_id);
  }
  put_tag(**target, request.tag);
  return std::any();
}

result<std::any> apply_scaling_event_register(context& c, const scaling_event_request& request) {
  const std::string ns(namespace_of(request.namespace_));
  auto stored = state::find<table::scaling_events>(c.state(), {ns, request.job_id, {}});
  auto events = stored ? *stored : state::job_scaling_events{ns, request.job_id, {}, 0};
  auto event = request.scaling_event;
  event.create_index = c.index();
  auto& list = events.scaling_events[request.task_group];
  list.insert(list.begin(), std::move(event));
  if (list.size() > scaling_events_max) list.resize(scaling_events_max);
  events.modify_index = c.index();
  c.put<table::scaling_events>(std::move(events));
  return std::any();
}

result<std::any> apply_reconcile_job_summaries(context& c, const schema::write_request&) {
  std::vector<ref<schema::job>> jobs;
  c.state().visit_jobs("*", {}, [&](const auto& job) {
    jobs.push_back(job);
    return true;
  });
  for (const auto& job : jobs) {
    make_summary(c, *job);
    auto& summary = *c.edit_summary(job->namespace_, job->id);
    // What waits is not known from allocations: it stays.
    std::map<std::string, int64_t> queued;
    for (auto& [group, counts] : summary.summary) {
      queued[group] = counts.queued;
      counts = {};
    }
    if (summary.children) summary.children.emplace();
    summary.create_index = job->create_index;
    for (const auto& alloc : c.state().allocs_by_job(job->namespace_, job->id)) {
      c.count_in_summary(*alloc, nullptr);
    }
    for (auto& [group, counts] : summary.summary) counts.queued = queued[group];
  }
  for (const auto& job : jobs) c.count_child(*job, {}, job->status);
  return std::any();
}

}  // namespace drover::fsm
