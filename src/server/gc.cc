#include "server/gc.h"

#include <algorithm>
#include <set>

#include "server/deployments.h"
#include "server/replicator.h"

namespace drover::server {
namespace {

using schema::ref;

// Ids in one log entry.
constexpr size_t ids_max = 7281;

bool is_terminal(const schema::evaluation& eval) { return eval.status == "complete" || eval.status == "failed" || eval.status == "canceled"; }

bool has_ended(const schema::allocation& alloc) {
  return alloc.client_status == "complete" || alloc.client_status == "failed" || alloc.client_status == "lost";
}

class finder {
 public:
  finder(const state::snapshot& state, const gc_thresholds& thresholds, timestamp now, bool force)
      : state_(state), thresholds_(thresholds), now_(now), force_(force) {}

  garbage find() {
    state_.visit_jobs("*", "", [&](const ref<schema::job>& job) { return job_garbage(*job), true; });
    state_.visit_evals("", [&](const ref<schema::evaluation>& eval) { return eval_garbage(*eval), true; });
    state_.visit_deployments("", [&](const ref<schema::deployment>& d) { return deployment_garbage(*d), true; });
    state_.visit_nodes("", [&](const ref<schema::node>& node) { return node_garbage(*node), true; });
    volume_garbage();
    state::visit<state::table::acl_tokens>(state_, state::starting({}), [&](const ref<schema::acl_token>& token) { return token_garbage(*token), true; });
    state::visit<state::table::one_time_tokens>(state_, state::starting({}), [&](const auto& token) {
      out_.one_time_tokens = token->expires_at <= now_;
      return !out_.one_time_tokens;
    });
    out_.evals.assign(evals_.begin(), evals_.end());
    out_.allocs.assign(allocs_.begin(), allocs_.end());
    return std::move(out_);
  }

 private:
  bool old(int64_t time_ns, duration age) const { return force_ || time_ns + age.ns <= now_.ns; }

  // May the allocation go? Not while its job may still want to know that it ran.
  bool alloc_may_go(const schema::allocation& alloc, duration age) const {
    if (!has_ended(alloc) || !old(alloc.modify_time, age)) return false;
    auto job = state_.job(alloc.namespace_, alloc.job_id);
    bool gone = !job || job->stop || job->status == "dead" || (alloc.job && alloc.job->create_index != job->create_index);
    if (gone || alloc.desired_status == "stop") return true;
    // A failed one whose replacement runs is history; the last attempt is what rescheduling counts from.
    return alloc.client_status == "failed" && !alloc.next_allocation.empty();
  }

  void eval_garbage(const schema::evaluation& eval) {
    bool batch = eval.type == "batch" || eval.type == "sysbatch";
    auto age = batch ? thresholds_.batch_eval : thresholds_.eval;
    if (!is_terminal(eval) || !old(eval.modify_time, age)) return;
    auto allocs = state_.allocs_by_eval(eval.id);
    if (batch) {
      // Completed batch allocations say that the work is done: they stay as long as their job may be evaluated again.
      auto job = state_.job(eval.namespace_, eval.job_id);
      if (job && !job->stop && job->status != "dead" && !allocs.empty()) return;
    }
    if (!std::ranges::all_of(allocs, [&](const auto& a) { return alloc_may_go(*a, age); })) return;
    evals_.insert(eval.id);
    for (const auto& alloc : allocs) allocs_.insert(alloc->id);
  }

  void job_garbage(const schema::job& job) {
    bool parent = (job.periodic || job.parameterized_job) && job.parent_id.empty();
    if (job.status != "dead" || (parent && !job.stop)) return;
    auto versions = state_.job_versions(job.namespace_, job.id);
    if (std::ranges::any_of(versions, [](const auto& v) { return v->version_tag.has_value(); })) return;
    if (!old(job.submit_time, thresholds_.job)) return;
    auto evals = state_.evals_by_job(job.namespace_, job.id);
    auto allocs = state_.allocs_by_job(job.namespace_, job.id);
    bool ended = std::ranges::all_of(evals, [&](const auto& e) { return is_terminal(*e) && old(e->modify_time, thresholds_.job); }) &&
                 std::ranges::all_of(allocs, [&](const auto& a) { return has_ended(*a); });
    if (!ended) return;
    out_.jobs.emplace_back(job.namespace_, job.id);
    for (const auto& eval : evals) evals_.insert(eval->id);
    for (const auto& alloc : allocs) allocs_.insert(alloc->id);
  }

  void deployment_garbage(const schema::deployment& deployment) {
    if (is_active(deployment) || !old(deployment.modify_time, thresholds_.deployment)) return;
    auto allocs = state_.allocs_by_deployment(deployment.id);
    if (std::ranges::all_of(allocs, [](const auto& a) { return has_ended(*a); })) out_.deployments.push_back(deployment.id);
  }

  void node_garbage(const schema::node& node) {
    if (node.status != "down" || !old(node.status_updated_at * 1'000'000'000, thresholds_.node)) return;
    bool empty = true;
    state_.visit_allocs_by_node(node.id, [&](const ref<schema::allocation>& alloc) { return empty = has_ended(*alloc); });
    if (!empty) return;
    out_.nodes.push_back(node.id);
    if (node.gc_volumes_on_node_gc) with_volumes_.insert(node.id);
  }

  void volume_garbage() {
    if (with_volumes_.empty()) return;
    state::visit<state::table::host_volumes>(state_, state::starting(""), [&](const auto& volume) {
      if (with_volumes_.contains(volume->node_id)) out_.host_volumes.emplace_back(volume->namespace_, volume->id);
      return true;
    });
  }

  // A token that has expired opens nothing; its record stays for a while, for whoever asks what it was.
  void token_garbage(const schema::acl_token& token) {
    if (!token.expiration_time || *token.expiration_time > now_ || (token.global && !thresholds_.global_acl_tokens)) return;
    if (old(token.create_time.ns, thresholds_.acl_token)) out_.acl_tokens.push_back(token.accessor_id);
  }

  const state::snapshot& state_;
  const gc_thresholds& thresholds_;
  timestamp now_;
  bool force_;
  std::set<std::string> evals_, allocs_, with_volumes_;
  garbage out_;
};

// The next part of a list, at most ids_max of it.
std::vector<std::string> take_some(std::vector<std::string>& from) {
  size_t count = std::min(from.size(), ids_max);
  std::vector<std::string> out(std::make_move_iterator(from.end() - static_cast<ptrdiff_t>(count)), std::make_move_iterator(from.end()));
  from.resize(from.size() - count);
  return out;
}

}  // namespace

garbage find_garbage(const state::snapshot& state, const gc_thresholds& thresholds, timestamp now, bool force) {
  return finder(state, thresholds, now, force).find();
}

net::awaitable<result<>> collect(server_context& context, garbage what) {
  while (!what.evals.empty() || !what.allocs.empty()) {
    schema::eval_reap_request command;
    command.evals = take_some(what.evals);
    command.allocs = take_some(what.allocs);
    CO_TRY(co_await context.replicate->apply<fsm::command_type::eval_delete>(command));
  }
  for (const auto& [ns, id] : what.jobs) {
    schema::job_deregister_request command;
    command.namespace_ = ns;
    command.job_id = id;
    command.purge = true;
    command.submit_time = context.now_ns();
    CO_TRY(co_await context.replicate->apply<fsm::command_type::job_deregister>(command));
  }
  while (!what.deployments.empty()) {
    schema::deployment_delete_request command;
    command.deployments = take_some(what.deployments);
    CO_TRY(co_await context.replicate->apply<fsm::command_type::deployment_delete>(command));
  }
  for (const auto& [ns, id] : what.host_volumes) {
    schema::host_volume_delete_request command;
    command.namespace_ = ns;
    command.volume_id = id;
    CO_TRY(co_await context.replicate->apply<fsm::command_type::host_volume_delete>(command));
  }
  while (!what.nodes.empty()) {
    schema::node_batch_deregister_request command;
    command.node_ids = take_some(what.nodes);
    CO_TRY(co_await context.replicate->apply<fsm::command_type::node_batch_deregister>(command));
  }
  while (!what.acl_tokens.empty()) {
    schema::acl_token_delete_request command;
    command.accessor_ids = take_some(what.acl_tokens);
    CO_TRY(co_await context.replicate->apply<fsm::command_type::acl_token_delete>(command));
  }
  if (what.one_time_tokens) {
    schema::one_time_token_expire_request command;
    command.timestamp = context.clock.now();
    CO_TRY(co_await context.replicate->apply<fsm::command_type::one_time_token_expire>(command));
  }
  co_return result<>{};
}

}  // namespace drover::server
