#include "sched/reconcile/reconciler.h"

#include <algorithm>
#include <set>

#include "sched/reconcile/group_reconciler.h"

namespace drover::sched {
namespace {

class job_reconciler {
 public:
  explicit job_reconciler(const reconcile_input& in) : in_(in), job_(in.facts.job.get()) {}

  reconciliation run() {
    settle_deployment();
    std::map<std::string, alloc_list> by_group;
    for (const auto& alloc : in_.facts.allocs) by_group[alloc->task_group].push_back(alloc);
    bool stopped = job_ == nullptr || job_->stop;
    for (const auto& [name, list] : by_group)
      if (stopped || find_group(*job_, name) == nullptr) stop_all(name, list);
    if (stopped) return std::move(out_);
    std::vector<deployed_group> deployed;
    bool complete = true;
    for (const auto& group : job_->task_groups) {
      group_reconciler one(in_, group, deployment_, earlier_, out_);
      one.run(by_group[group.name]);
      if (one.wants_deployment()) deployed.push_back({&group, one.desired_canaries()});
      complete = complete && one.complete();
    }
    finish_deployment(deployed, complete);
    leave_out_stopped();
    return std::move(out_);
  }

 private:
  struct deployed_group {
    const schema::task_group* group;
    int64_t canaries;
  };

  // What is stopped needs no other change.
  void leave_out_stopped() {
    if (out_.disconnected.empty()) return;
    std::set<std::string> stopped;
    for (const auto& each : out_.stop) stopped.insert(each.alloc->id);
    std::erase_if(out_.disconnected, [&](const later& each) { return stopped.contains(each.alloc->id); });
  }

  // Which deployment still counts? One of another version, or of a stopped job, is cancelled; a successful one is over.
  void settle_deployment() {
    const auto* latest = in_.facts.deployment.get();
    if (latest == nullptr) return;
    if (job_ == nullptr || job_->stop) {
      if (is_active(*latest)) update(*latest, "cancelled", "Cancelled because job is stopped");
      return;
    }
    if (latest->job_version != job_->version || latest->job_create_index != job_->create_index) {
      if (latest->job_create_index == job_->create_index) earlier_ = latest;
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

  void stop_all(const std::string& name, const alloc_list& list) {
    auto& updates = out_.updates[name];
    for (const auto& alloc : list) {
      if (server_terminal(*alloc) || client_terminal(*alloc)) continue;
      bool lost = fate_of(in_.view, *alloc, nullptr, in_.now) == fate::lost;
      out_.stop.push_back({alloc, lost ? description::lost : description::not_needed, lost ? std::string_view("lost") : std::string_view{}});
      ++updates.stop;
    }
  }

  void finish_deployment(const std::vector<deployed_group>& groups, bool complete) {
    if (deployment_ != nullptr) {
      if (complete && deployment_->status == "running") update(*deployment_, "successful", "Deployment completed successfully");
      if (groups.empty() || !is_active(*deployment_)) return;
    } else if (groups.empty()) {
      return;
    }
    // A running deployment takes in a group that had no reason to be watched before.
    auto made = deployment_ != nullptr ? std::make_shared<schema::deployment>(*deployment_) : fresh_deployment();
    for (const auto& [group, canaries] : groups) {
      auto& state = made->task_groups[group->name];
      state.desired_total = group->count;
      state.desired_canaries = canaries;
      state.auto_revert = group->update->auto_revert.value_or(false);
      state.auto_promote = group->update->auto_promote.value_or(false);
      state.progress_deadline = group->update->progress_deadline.value_or(duration{});
    }
    if (made->status == "running") made->status_description = describe(*made);
    out_.active_deployment = made->id;
    out_.deployment = std::move(made);
  }

  static std::string describe(const schema::deployment& d) {
    bool canaries = false;
    bool by_hand = false;
    for (const auto& [name, state] : d.task_groups) {
      if (state.desired_canaries == 0 || state.promoted) continue;
      canaries = true;
      by_hand = by_hand || !state.auto_promote;
    }
    if (!canaries) return "Deployment is running";
    return by_hand ? "Deployment is running but requires manual promotion" : "Deployment is running pending automatic promotion";
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
  const schema::deployment* earlier_ = nullptr;  // of another version of the job
  reconciliation out_;
};

}  // namespace

reconciliation reconcile(const reconcile_input& input) { return job_reconciler(input).run(); }

}  // namespace drover::sched
