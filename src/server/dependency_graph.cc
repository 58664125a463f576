#include "server/dependency_graph.h"

#include <algorithm>
#include <map>
#include <set>

#include "sched/dependencies.h"
#include "sched/reconcile/reconciler.h"
#include "server/limits.h"

namespace drover::server {
namespace {

using schema::ref;

// Dependencies are between groups: a job stands for all of its groups.
struct place {
  std::string namespace_;
  std::string job;
  std::string group;
  friend auto operator<=>(const place&, const place&) = default;
};

class walk {
 public:
  walk(const schema::job& candidate, const state::snapshot& state) : state_(state) {
    jobs_[{candidate.namespace_, candidate.id}] = std::make_shared<const schema::job>(candidate);
  }

  // Depth first and without recursion: a chain may be as long as the cluster has jobs.
  result<> from(place start) {
    if (done_.contains(start)) return {};
    std::vector<step> path{{start, next_of(start)}};
    while (!path.empty()) {
      auto& last = path.back();
      if (last.next.empty()) {
        done_.insert(last.at);
        path.pop_back();
        continue;
      }
      auto to = std::move(last.next.back());
      last.next.pop_back();
      auto seen = std::ranges::find(path, to, &step::at);
      if (seen != path.end()) return fail(errc::invalid, "depends_on leads back to where it began: {}", way(seen, path.end(), to));
      if (done_.contains(to)) continue;
      if (done_.size() + path.size() >= dependency_groups_max)
        return fail(errc::invalid, "depends_on leads to more than {} groups of other jobs", dependency_groups_max);
      auto next = next_of(to);
      path.push_back({std::move(to), std::move(next)});
    }
    return {};
  }

 private:
  struct step {
    place at;
    std::vector<place> next;
  };

  ref<schema::job> job(const std::string& namespace_, const std::string& id) {
    auto [it, fresh] = jobs_.try_emplace({namespace_, id});
    if (fresh) it->second = state_.job(namespace_, id);
    return it->second;
  }

  std::vector<place> next_of(const place& at) {
    std::vector<place> next;
    auto from = job(at.namespace_, at.job);
    const auto* group = from == nullptr ? nullptr : sched::find_group(*from, at.group);
    if (group == nullptr) return next;
    for (const auto* each : sched::dependencies_of(*from, *group)) {
      const auto& ns = each->namespace_.empty() ? from->namespace_ : each->namespace_;
      auto to = job(ns, each->job.empty() ? from->id : each->job);
      if (to == nullptr) continue;
      for (const auto& other : to->task_groups)
        if (each->group.empty() || each->group == other.name) next.push_back({to->namespace_, to->id, other.name});
    }
    return next;
  }

  std::string name_of(const place& at) {
    auto of = job(at.namespace_, at.job);
    return of->task_groups.size() == 1 ? fmt::format("\"{}\"", at.job) : fmt::format("\"{}\" (group \"{}\")", at.job, at.group);
  }

  std::string way(std::vector<step>::iterator begin, std::vector<step>::iterator end, const place& back) {
    std::string text;
    for (auto it = begin; it != end; ++it) text += name_of(it->at) + " -> ";
    return text + name_of(back);
  }

  const state::snapshot& state_;
  std::map<std::pair<std::string, std::string>, ref<schema::job>> jobs_;
  std::set<place> done_;
};

}  // namespace

result<> check_dependency_cycles(const schema::job& job, const state::snapshot& state) {
  if (!sched::has_dependencies(job)) return {};
  walk w(job, state);
  for (const auto& group : job.task_groups) TRY(w.from({job.namespace_, job.id, group.name}));
  return {};
}

}  // namespace drover::server
