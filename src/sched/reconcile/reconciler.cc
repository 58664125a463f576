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

  void settle_deployment() {
    auto choice = choose_deployment(in_.facts, in_.now);
    deployment_ = choice.current;
    earlier_ = choice.earlier;
    out_.active_deployment = std::move(choice.active);
    out_.deployment_updates = std::move(choice.updates);
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
      if (complete && deployment_->status == "running") out_.deployment_updates.push_back(success_of(*deployment_, in_.now));
      if (groups.empty() || !is_active(*deployment_)) return;
    } else if (groups.empty()) {
      return;
    }
    // A running deployment takes in a group that had no reason to be watched before.
    auto made = deployment_ != nullptr ? std::make_shared<schema::deployment>(*deployment_) : fresh_deployment(*job_, in_.eval, in_.new_deployment_id, in_.now);
    for (const auto& [group, canaries] : groups) {
      auto& state = made->task_groups[group->name];
      state.desired_total = group->count;
      state.desired_canaries = canaries;
      set_rules(state, *group->update);
    }
    if (made->status == "running") made->status_description = describe_running(*made);
    out_.active_deployment = made->id;
    out_.deployment = std::move(made);
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
