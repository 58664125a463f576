#include "server/blocked_evals.h"

#include <algorithm>

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

void blocked_evals::set_enabled(bool enabled) {
  enabled_ = enabled;
  if (enabled) return;
  by_job_.clear();
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
  if (missed_unblock(*eval)) return wake_(std::move(eval));
  auto [it, fresh] = by_job_.try_emplace(key(*eval), eval);
  if (fresh || it->second->id == eval->id) {
    it->second = std::move(eval);
    return;
  }
  // The newer one wins: it knows the newer job.
  if (it->second->create_index < eval->create_index) std::swap(it->second, eval);
  duplicates_.push_back(std::move(eval));
}

void blocked_evals::untrack(const std::string& ns, const std::string& job_id) {
  auto prefix = ns + '\0' + job_id + '\0';
  std::erase_if(by_job_, [&](const auto& entry) { return entry.first.starts_with(prefix); });
}

void blocked_evals::wake_all(const std::function<bool(const schema::evaluation&)>& which) {
  std::vector<ref<schema::evaluation>> woken;
  std::erase_if(by_job_, [&](const auto& entry) {
    if (!which(*entry.second)) return false;
    woken.push_back(entry.second);
    return true;
  });
  // Most urgent first; the broker keeps the rest of the order.
  std::ranges::sort(woken, [](const auto& a, const auto& b) {
    return a->priority != b->priority ? a->priority > b->priority : a->create_index < b->create_index;
  });
  for (auto& eval : woken) wake_(std::move(eval));
}

void blocked_evals::unblock(const std::string& computed_class, uint64_t index) {
  if (!enabled_) return;
  constexpr size_t classes_max = 10'000;
  if (unblocked_at_.size() >= classes_max) unblocked_at_.clear();
  unblocked_at_[computed_class] = index;
  wake_all([&](const schema::evaluation& eval) { return class_may_help(eval, computed_class); });
}

void blocked_evals::unblock_node(const std::string& node_id, uint64_t) {
  if (!enabled_) return;
  wake_all([&](const schema::evaluation& eval) { return eval.node_id == node_id && (eval.type == "system" || eval.type == "sysbatch"); });
}

void blocked_evals::unblock_failed() {
  wake_all([](const schema::evaluation& eval) { return eval.triggered_by == "max-plan-attempts"; });
}

size_t blocked_evals::escaped() const {
  return static_cast<size_t>(std::ranges::count_if(by_job_, [](const auto& entry) { return entry.second->escaped_computed_class; }));
}

}  // namespace drover::server
