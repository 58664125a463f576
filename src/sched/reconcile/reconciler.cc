#include "sched/reconcile/reconciler.h"

#include <algorithm>
#include <set>

#include "sched/limits.h"
#include "sched/reconcile/names.h"
#include "sched/reconcile/reschedule.h"

namespace drover::sched {
namespace {

using allocs = std::vector<ref<schema::allocation>>;

bool is_active(const schema::deployment& d) {
  return d.status == "running" || d.status == "paused" || d.status == "pending" || d.status == "blocked" || d.status == "unblocking" ||
         d.status == "initializing";
}

uint64_t index_of(const ref<schema::allocation>& alloc) { return alloc_index(alloc->name).value_or(UINT64_MAX); }

void sort_by_index(allocs& list) {
  std::ranges::sort(list, [](const auto& a, const auto& b) {
    uint64_t x = index_of(a);
    uint64_t y = index_of(b);
    return x != y ? x < y : a->id < b->id;
  });
}

bool rolls(const schema::task_group& group) { return group.update && group.update->max_parallel.value_or(0) > 0; }

// One group's allocations by what has to become of them.
struct buckets {
  allocs keep;            // running, waiting, done (batch), or failed without a replacement
  allocs migrate;
  allocs lost;
  allocs reschedule_now;
  std::vector<later> reschedule_later;  // these are in `keep` too
  uint64_t ignored = 0;
};

class group_reconciler {
 public:
  group_reconciler(const reconcile_input& in, const schema::task_group& group, const schema::deployment* deployment, reconciliation& out)
      : in_(in),
        job_(*in.facts.job),
        group_(group),
        deployment_(deployment),
        out_(out),
        updates_(out.updates[group.name]),
        batch_(job_.type == "batch") {
    if (deployment != nullptr)
      if (auto it = deployment->task_groups.find(group.name); it != deployment->task_groups.end()) state_ = it->second;
    paused_ = deployment != nullptr && deployment->status == "paused";
    failed_ = deployment != nullptr && deployment->status == "failed";
  }

  void run(const allocs& all) {
    for (const auto& alloc : all) sort_out(alloc);
    updates_.ignore += b_.ignored;
    stop_excess();
    split_updates();
    int64_t limit = update_limit(all);
    limit -= place_missing();
    replace_updated(std::max<int64_t>(limit, 0));
    migrate();
    had_version_ = std::ranges::any_of(all, [&](const auto& alloc) { return same_version(*alloc, job_); });
  }

  // A deployment should watch what happens here.
  bool wants_deployment() const {
    if (job_.type != "service" || !rolls(group_) || group_.count == 0 || state_) return false;
    return !had_version_ || !destructive_.empty() || in_place_ > 0;
  }
  // Nothing is left to do and everybody is healthy.
  bool complete() const {
    if (changes_ > 0 || !destructive_.empty() || !b_.reschedule_later.empty()) return false;
    if (!state_) return true;
    return state_->healthy_allocs >= std::max(state_->desired_total, state_->desired_canaries) &&
           (state_->desired_canaries == 0 || state_->promoted);
  }

 private:
  void sort_out(const ref<schema::allocation>& alloc) {
    bool old = !same_version(*alloc, job_);
    bool succeeded = alloc->client_status == "complete";
    // A new version of a batch job runs again, also where an earlier one has finished.
    if (batch_ && client_terminal(*alloc) && old) return void(++b_.ignored);
    if (server_terminal(*alloc)) {
      if (batch_ && succeeded) b_.keep.push_back(alloc);
      return;
    }
    if (client_terminal(*alloc)) return sort_ended(alloc, succeeded);
    if (is_lost(in_.view, *alloc, &group_)) {
      // Asked not to be replaced while nobody knows.
      if (group_.prevent_reschedule_on_lost || (group_.disconnect && group_.disconnect->replace == false)) b_.keep.push_back(alloc);
      else b_.lost.push_back(alloc);
    } else if (alloc->desired_transition.migrate.value_or(false)) {
      b_.migrate.push_back(alloc);
    } else {
      b_.keep.push_back(alloc);
    }
  }

  void sort_ended(const ref<schema::allocation>& alloc, bool succeeded) {
    if (succeeded) {
      if (batch_) b_.keep.push_back(alloc);  // done
      return;                                // a service that ended is started again
    }
    if (alloc->client_status == "failed") sort_failed(alloc);
  }

  void sort_failed(const ref<schema::allocation>& alloc) {
    if (!alloc->next_allocation.empty()) return;  // replaced already
    const auto& wish = alloc->desired_transition;
    if (wish.force_reschedule.value_or(false)) return b_.reschedule_now.push_back(alloc);
    // While a deployment runs, its watcher says when a failure is to be replaced.
    bool watched = deployment_ != nullptr && is_active(*deployment_) && alloc->deployment_id == deployment_->id;
    auto decision = decide_reschedule(*alloc, policy());
    if ((watched && !wish.reschedule.value_or(false)) || !decision.eligible) return b_.keep.push_back(alloc);
    bool due = decision.when <= in_.now + limits::reschedule_window;
    bool followed_up = !alloc->followup_eval_id.empty() && alloc->followup_eval_id == in_.eval.id;
    if (due || followed_up) return b_.reschedule_now.push_back(alloc);
    b_.keep.push_back(alloc);
    if (alloc->followup_eval_id.empty()) b_.reschedule_later.push_back({alloc, decision.when});
  }

  schema::reschedule_policy policy() const { return group_.reschedule_policy.value_or(schema::reschedule_policy{}); }

  void stop(const ref<schema::allocation>& alloc, std::string_view why, std::string_view client_status = {}) {
    out_.stop.push_back({alloc, why, client_status});
  }

  // Those that move first, then doubles of a name, then the highest index; what ended already just stops counting.
  void stop_excess() {
    for (const auto& alloc : b_.lost) {
      stop(alloc, description::lost, "lost");
      ++updates_.stop;
    }
    int64_t excess =
        static_cast<int64_t>(b_.keep.size() + b_.migrate.size() + b_.reschedule_now.size()) - std::max<int64_t>(group_.count, 0);
    auto drop = [&](allocs& from) {
      while (excess > 0 && !from.empty()) {
        if (!client_terminal(*from.back())) {
          stop(from.back(), description::not_needed);
          ++updates_.stop;
        }
        from.pop_back();
        --excess;
      }
    };
    sort_by_index(b_.keep);
    sort_by_index(b_.migrate);
    sort_by_index(b_.reschedule_now);
    drop(b_.reschedule_now);
    drop(b_.migrate);
    if (excess <= 0) return;
    allocs finished;
    allocs doubles;
    allocs first;
    std::set<std::string> names;
    for (auto& alloc : b_.keep) {
      if (client_terminal(*alloc)) finished.push_back(alloc);
      else if (names.insert(alloc->name).second) first.push_back(alloc);
      else doubles.push_back(alloc);
    }
    drop(doubles);
    drop(first);
    drop(finished);
    b_.keep.clear();
    for (const auto* part : {&first, &doubles, &finished}) b_.keep.insert(b_.keep.end(), part->begin(), part->end());
    std::erase_if(b_.reschedule_later, [&](const later& l) { return std::ranges::find(b_.keep, l.alloc) == b_.keep.end(); });
  }

  void split_updates() {
    for (const auto& alloc : b_.keep) {
      update_kind kind = client_terminal(*alloc) || same_version(*alloc, job_) ? update_kind::ignore : in_.update_of(*alloc, group_);
      if (kind == update_kind::ignore) {
        ++updates_.ignore;
      } else if (kind == update_kind::in_place) {
        out_.in_place.push_back(alloc);
        ++updates_.in_place_update;
        ++in_place_;
      } else {
        destructive_.push_back(alloc);
      }
    }
    sort_by_index(destructive_);
    for (const auto& l : b_.reschedule_later) {
      out_.reschedule_later.push_back(l);
      ++updates_.reschedule_later;
    }
  }

  // How many may be out of service at once: max_parallel less those of this deployment that are not healthy yet.
  int64_t update_limit(const allocs& all) const {
    if (!rolls(group_)) return INT64_MAX;
    if (paused_ || failed_) return 0;
    int64_t limit = *group_.update->max_parallel;
    if (deployment_ == nullptr || !state_) return limit;
    for (const auto& alloc : all) {
      if (alloc->deployment_id != deployment_->id || server_terminal(*alloc)) continue;
      auto healthy = alloc->deployment_status ? alloc->deployment_status->healthy : std::nullopt;
      if (healthy == false) return 0;
      if (!healthy) --limit;
    }
    return std::max<int64_t>(limit, 0);
  }

  placement& place(std::string name, const ref<schema::allocation>& previous) {
    auto& made = out_.place.emplace_back();
    made.group = &group_;
    made.name = std::move(name);
    made.previous = previous;
    ++changes_;
    return made;
  }

  // Brings the number up to the count: failed ones with their names, lost ones with theirs, then the lowest free names.
  int64_t place_missing() {
    int64_t placed = 0;
    name_index names(used_name_limit());
    for (const auto* used : {&b_.keep, &b_.migrate, &b_.reschedule_now})
      for (const auto& alloc : *used) names.use(alloc->name);
    for (const auto& alloc : b_.reschedule_now) {
      // What a failed deployment brought stays down until somebody sends another version.
      if (failed_ && alloc->deployment_id == deployment_->id) {
        ++updates_.ignore;
        continue;
      }
      auto& made = place(alloc->name, alloc);
      made.rescheduled = true;
      made.stop_previous = description::rescheduled;
      ++updates_.place;
      ++updates_.reschedule_now;
      ++placed;
    }
    int64_t missing = group_.count - static_cast<int64_t>(b_.keep.size() + b_.migrate.size() + b_.reschedule_now.size());
    sort_by_index(b_.lost);
    for (const auto& alloc : b_.lost) {
      if (missing <= 0) break;
      names.use(alloc->name);
      place(alloc->name, alloc);
      ++updates_.place;
      --missing;
      ++placed;
    }
    if (paused_ || failed_) return placed;
    for (; missing > 0; --missing, ++placed) {
      place(alloc_name(job_.id, group_.name, names.next()), nullptr);
      ++updates_.place;
    }
    return placed;
  }

  uint64_t used_name_limit() const { return static_cast<uint64_t>(std::max<int64_t>(group_.count, 0)) * 2 + 64; }

  void replace_updated(int64_t limit) {
    auto count = static_cast<size_t>(std::min<int64_t>(limit, static_cast<int64_t>(destructive_.size())));
    for (size_t i = 0; i < destructive_.size(); ++i) {
      if (i >= count) {
        ++updates_.ignore;
        continue;
      }
      const auto& alloc = destructive_[i];
      place(alloc->name, alloc).stop_previous = description::updating;
      ++updates_.destructive_update;
    }
  }

  void migrate() {
    for (const auto& alloc : b_.migrate) {
      ++updates_.migrate;
      ++changes_;  // also without a replacement
      stop(alloc, description::migrating);
      if (alloc->desired_transition.migrate_disable_placement.value_or(false)) continue;
      place(alloc->name, alloc);
    }
  }

  const reconcile_input& in_;
  const schema::job& job_;
  const schema::task_group& group_;
  const schema::deployment* deployment_;
  reconciliation& out_;
  schema::desired_updates& updates_;
  bool batch_;
  bool paused_ = false;
  bool failed_ = false;
  bool had_version_ = false;
  std::optional<schema::deployment_state> state_;
  buckets b_;
  allocs destructive_;
  int64_t in_place_ = 0;
  int64_t changes_ = 0;
};

class job_reconciler {
 public:
  explicit job_reconciler(const reconcile_input& in) : in_(in), job_(in.facts.job.get()) {}

  reconciliation run() {
    settle_deployment();
    std::map<std::string, allocs> by_group;
    for (const auto& alloc : in_.facts.allocs) by_group[alloc->task_group].push_back(alloc);
    bool stopped = job_ == nullptr || job_->stop;
    for (const auto& [name, list] : by_group)
      if (stopped || find_group(*job_, name) == nullptr) stop_all(name, list);
    if (stopped) return std::move(out_);
    std::vector<const schema::task_group*> deployed;
    bool complete = true;
    for (const auto& group : job_->task_groups) {
      group_reconciler one(in_, group, deployment_, out_);
      one.run(by_group[group.name]);
      if (one.wants_deployment()) deployed.push_back(&group);
      complete = complete && one.complete();
    }
    finish_deployment(deployed, complete);
    return std::move(out_);
  }

 private:
  // Which deployment still counts? One of another version, or of a stopped job, is cancelled; a successful one is over.
  void settle_deployment() {
    const auto* latest = in_.facts.deployment.get();
    if (latest == nullptr) return;
    if (job_ == nullptr || job_->stop) {
      if (is_active(*latest)) update(*latest, "cancelled", "Cancelled because job is stopped");
      return;
    }
    if (latest->job_version != job_->version || latest->job_create_index != job_->create_index) {
      if (is_active(*latest)) update(*latest, "cancelled", "Cancelled due to newer version of job");
      return;
    }
    if (latest->status == "successful" || latest->status == "cancelled") return;
    deployment_ = latest;
    if (is_active(*latest)) out_.active_deployment = latest->id;
  }

  void update(const schema::deployment& d, std::string status, std::string why) {
    out_.deployment_updates.push_back({d.id, std::move(status), std::move(why), in_.now.ns});
  }

  void stop_all(const std::string& name, const allocs& list) {
    auto& updates = out_.updates[name];
    for (const auto& alloc : list) {
      if (server_terminal(*alloc) || client_terminal(*alloc)) continue;
      bool lost = is_lost(in_.view, *alloc, nullptr);
      out_.stop.push_back({alloc, lost ? description::lost : description::not_needed, lost ? std::string_view("lost") : std::string_view{}});
      ++updates.stop;
    }
  }

  void finish_deployment(const std::vector<const schema::task_group*>& groups, bool complete) {
    if (deployment_ != nullptr) {
      if (complete && deployment_->status == "running") update(*deployment_, "successful", "Deployment completed successfully");
      if (groups.empty() || !is_active(*deployment_)) return;
    } else if (groups.empty()) {
      return;
    }
    // A running deployment takes in a group that had no reason to be watched before.
    auto made = deployment_ != nullptr ? std::make_shared<schema::deployment>(*deployment_) : fresh_deployment();
    for (const auto* group : groups) {
      auto& state = made->task_groups[group->name];
      state.desired_total = group->count;
      state.auto_revert = group->update->auto_revert.value_or(false);
      state.auto_promote = group->update->auto_promote.value_or(false);
      state.progress_deadline = group->update->progress_deadline.value_or(duration{});
    }
    out_.active_deployment = made->id;
    out_.deployment = std::move(made);
  }

  std::shared_ptr<schema::deployment> fresh_deployment() const {
    auto made = std::make_shared<schema::deployment>();
    made->id = in_.new_deployment_id;
    made->namespace_ = job_->namespace_;
    made->job_id = job_->id;
    made->job_version = job_->version;
    made->job_modify_index = job_->modify_index;
    made->job_spec_modify_index = job_->job_modify_index;
    made->job_create_index = job_->create_index;
    made->is_multiregion = job_->multiregion.has_value();
    made->status = "running";
    made->status_description = "Deployment is running";
    made->eval_priority = in_.eval.priority;
    made->create_time = made->modify_time = in_.now.ns;
    return made;
  }

  const reconcile_input& in_;
  const schema::job* job_;
  const schema::deployment* deployment_ = nullptr;
  reconciliation out_;
};

}  // namespace

reconciliation reconcile(const reconcile_input& input) { return job_reconciler(input).run(); }

}  // namespace drover::sched
