#include "server/blocked_evals.h"

#include <algorithm>

#include "base/ensure.h"
#include "server/limits.h"

namespace drover::server {
namespace {

bool class_may_help(const schema::evaluation& eval, const std::string& computed_class) {
  if (eval.escaped_computed_class) return true;
  auto it = eval.class_eligibility.find(computed_class);
  return it == eval.class_eligibility.end() || it->second;
}

}  // namespace

std::string blocked_evals::key(const schema::evaluation& eval) {
  // System jobs block per node: each of their nodes is a matter of its own.
  return eval.namespace_ + '\0' + eval.job_id + '\0' + (eval.type == "system" || eval.type == "sysbatch" ? eval.node_id : "");
}

bool blocked_evals::on_one_node(const schema::evaluation& eval) { return !eval.node_id.empty() && (eval.type == "system" || eval.type == "sysbatch"); }

blocked_evals::urgency blocked_evals::urgency_of(const schema::evaluation& eval) { return {-eval.priority, eval.create_index, key(eval)}; }

void blocked_evals::set_enabled(bool enabled) {
  enabled_ = enabled;
  if (enabled) return;
  by_job_.clear();
  on_nodes_ = 0;
  waking_.clear();
  awake_.clear();
  unblocked_at_.clear();
  duplicates_.clear();
}

bool blocked_evals::missed_unblock(const schema::evaluation& eval) const {
  return std::ranges::any_of(unblocked_at_, [&](const auto& entry) {
    return entry.second > eval.snapshot_index && class_may_help(eval, entry.first);
  });
}

void blocked_evals::block(ref<schema::evaluation> eval) {
  if (!enabled_) return;
  const auto id = eval->id;
  const auto place = key(*eval);
  auto [it, fresh] = by_job_.try_emplace(place, entry{eval});
  if (fresh) {
    on_nodes_ += on_one_node(*eval);
  } else if (it->second.eval->id == eval->id) {
    it->second.eval = eval;
  } else {
    // The newer one wins: it knows the newer job.
    if (it->second.eval->create_index < eval->create_index) {
      if (std::exchange(it->second.wakes, false)) waking_.erase(urgency_of(*it->second.eval));
      std::swap(it->second.eval, eval);
    }
    duplicates_.push_back(std::move(eval));
  }
  if (!it->second.wakes && missed_unblock(*it->second.eval)) {
    it->second.wakes = true;
    waking_.insert(urgency_of(*it->second.eval));
  }
  awake_.erase(id);
  wake_some();
}

void blocked_evals::settled(const std::string& eval_id) {
  if (awake_.erase(eval_id) > 0) wake_some();
}

void blocked_evals::untrack(const std::string& ns, const std::string& job_id) {
  auto forget = [&](decltype(by_job_)::iterator it) {
    if (it->second.wakes) waking_.erase(urgency_of(*it->second.eval));
    on_nodes_ -= on_one_node(*it->second.eval);
    return by_job_.erase(it);
  };
  const auto prefix = ns + '\0' + job_id + '\0';
  if (auto it = by_job_.find(prefix); it != by_job_.end()) forget(it);
  if (on_nodes_ == 0) return;
  for (auto it = by_job_.begin(); it != by_job_.end();) it = it->first.starts_with(prefix) ? forget(it) : std::next(it);
}

void blocked_evals::wake_all(const std::function<bool(const schema::evaluation&)>& which) {
  for (auto& [place, each] : by_job_) {
    if (each.wakes || !which(*each.eval)) continue;
    each.wakes = true;
    waking_.insert(urgency_of(*each.eval));
  }
  wake_some();
}

void blocked_evals::wake_some() {
  while (!waking_.empty() && awake_.size() < blocked_awake_max) {
    const auto next = waking_.extract(waking_.begin()).value();
    auto it = by_job_.find(std::get<std::string>(next));
    ENSURE(it != by_job_.end(), "what wakes is blocked");
    auto eval = std::move(it->second.eval);
    on_nodes_ -= on_one_node(*eval);
    by_job_.erase(it);
    awake_.insert(eval->id);
    wake_(std::move(eval));
  }
}

void blocked_evals::unblock(const std::string& computed_class, uint64_t index) {
  if (!enabled_) return;
  constexpr size_t classes_max = 10'000;
  if (unblocked_at_.size() >= classes_max) unblocked_at_.clear();
  unblocked_at_[computed_class] = index;
  wake_all([&](const schema::evaluation& eval) { return class_may_help(eval, computed_class); });
}

void blocked_evals::unblock_node(const std::string& node_id, uint64_t) {
  if (!enabled_ || on_nodes_ == 0) return;
  wake_all([&](const schema::evaluation& eval) { return eval.node_id == node_id && on_one_node(eval); });
}

void blocked_evals::unblock_failed() {
  wake_all([](const schema::evaluation& eval) { return eval.triggered_by == "max-plan-attempts"; });
}

size_t blocked_evals::escaped() const {
  return static_cast<size_t>(std::ranges::count_if(by_job_, [](const auto& entry) { return entry.second.eval->escaped_computed_class; }));
}

}  // namespace drover::server
