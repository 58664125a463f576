#include "sim/servers.h"

#include <algorithm>

#include "base/ensure.h"
#include "sched/plan_check.h"
#include "server/deployments.h"
#include "server/drainer.h"
#include "server/registration.h"

namespace drover::sim {
namespace {

std::string job_of(const schema::evaluation& eval) { return eval.namespace_ + '\0' + eval.job_id; }

template <class T>
ref<T> shared(T record) {
  return std::make_shared<const T>(std::move(record));
}

}  // namespace

servers::servers(uint64_t seed) : ids_(sched::random_stream::mix(seed)), blocked_([this](ref<schema::evaluation> eval) { enqueue(std::move(eval)); }) {
  machine_.on_commit([this](std::shared_ptr<const fsm::commit_event> event) { note(*event); });
  blocked_.set_enabled(true);
}

uint64_t servers::apply_entry(std::string entry) {
  history_ = sched::random_stream::mix(history_, entry);
  auto done = machine_.apply(++index_, entry);
  ENSURE(done.has_value(), (done ? std::string() : done.error().text()).c_str());
  return index_;
}

void servers::note(const fsm::commit_event& event) {
  planner_view_.note(event);
  worker_view_.note(event);
  using state::table;
  for (const auto& change : event.changes) {
    if (change.table == table::evals) {
      if (auto eval = change.after_as<table::evals>(); eval && eval->status == "pending") enqueue(eval);
    } else if (change.table == table::deployments) {
      if (auto deployment = change.after_as<table::deployments>()) deployments_.insert(deployment->id);
    } else if (change.table == table::allocs) {
      drains_changed_ = true;
      if (auto alloc = change.after_as<table::allocs>(); alloc && !alloc->deployment_id.empty()) deployments_.insert(alloc->deployment_id);
    } else if (change.table == table::nodes) {
      drains_changed_ = true;
      auto node = change.after_as<table::nodes>();
      if (node && node->drain_strategy) draining_.insert(node->id);
      else if (node) draining_.erase(node->id);
    }
  }
  wakeups_.note(event);
}

void servers::enqueue(ref<schema::evaluation> eval) {
  auto leased = std::ranges::find_if(running_, [&](const lease& l) { return l.eval->id == eval->id; });
  if (leased != running_.end()) {
    again_[eval->id] = std::move(eval);
  } else if (eval->wait_until > now_) {
    delayed_[eval->id] = std::move(eval);
  } else {
    std::erase_if(ready_, [&](const auto& other) { return other->id == eval->id; });
    ready_.insert(std::move(eval));
  }
}

ref<schema::evaluation> servers::pending_eval(const schema::job& job, std::string_view triggered_by) {
  return shared(server::new_eval(ids_.uuid(), job, triggered_by, now_.ns));
}

void servers::store_evals(const std::vector<schema::evaluation>& evals) {
  schema::eval_update_request update;
  for (const auto& each : evals) update.evals.push_back(shared(each));
  if (!update.evals.empty()) apply<fsm::command_type::eval_update>(update);
}

void servers::store(const sched::outcome& outcome) {
  auto all = outcome.created;
  all.push_back(outcome.eval);
  store_evals(all);
}

// ---- what callers do

void servers::register_job(schema::job job) {
  schema::job_register_request request;
  job.submit_time = now_.ns;
  bool runs = !job.parameterized_job || job.dispatched;
  if (runs) request.eval = pending_eval(job, "job-register");
  request.job = shared(std::move(job));
  apply<fsm::command_type::job_register>(request);
}

void servers::stop_job(const std::string& id) {
  auto job = state().job("default", id);
  schema::job_deregister_request request;
  request.namespace_ = "default";
  request.job_id = id;
  request.submit_time = now_.ns;
  request.eval = pending_eval(*job, "job-deregister");
  apply<fsm::command_type::job_deregister>(request);
}

void servers::dispatch(const schema::job& parent, int64_t priority) {
  auto child = server::child_of(parent, fmt::format("{}/dispatch-{}", parent.id, ids_.uuid()));
  child.dispatched = true;
  child.priority = priority;
  register_job(std::move(child));
}

void servers::add_node(schema::node node) {
  schema::node_register_request request;
  auto id = node.id;
  request.node = shared(std::move(node));
  apply<fsm::command_type::node_register>(request);
  node_changed(id);
}

void servers::node_changed(const std::string& id) {
  auto make = [this](const schema::job& job, std::string_view why) { return server::new_eval(ids_.uuid(), job, why, now_.ns); };
  store_evals(server::node_evals(make, state(), *state().node(id), "node-update"));
}

void servers::set_node_status(const std::string& id, const std::string& status) {
  schema::node_update_status_request request;
  request.node_id = id;
  request.status = status;
  request.updated_at = now_.ns;
  apply<fsm::command_type::node_update_status>(request);
  node_changed(id);
}

void servers::drain(const std::string& id, std::optional<duration> deadline) {
  schema::node_update_drain_request request;
  request.node_id = id;
  request.mark_eligible = !deadline;
  request.updated_at = now_.ns;
  if (deadline) {
    auto& strategy = request.drain_strategy.emplace();
    strategy.deadline = *deadline;
    strategy.started_at = now_;
    strategy.force_deadline = now_ + *deadline;
  }
  apply<fsm::command_type::node_update_drain>(request);
  node_changed(id);
}

void servers::client_says(std::vector<ref<schema::allocation>> allocs) {
  auto make = [this](const schema::job& job, std::string_view why) { return server::new_eval(ids_.uuid(), job, why, now_.ns); };
  apply<fsm::command_type::alloc_client_update>(server::client_update(make, state(), allocs, now_.ns));
}

// ---- what the servers do themselves

timestamp servers::next_deadline() const {
  timestamp next;
  auto consider = [&](timestamp when) {
    if (!when.is_zero() && when > now_ && (next.is_zero() || when < next)) next = when;
  };
  for (const auto& [id, eval] : delayed_) consider(eval->wait_until);
  for (const auto& [id, when] : deployment_deadlines_) consider(when);
  consider(drain_deadline_);
  return next;
}

const sched::node_view& servers::view() {
  planner_view_.catch_up(state(), planner_view_.take());
  return planner_view_.view();
}

bool servers::work(uint64_t choice) {
  // What has become due.
  for (auto it = delayed_.begin(); it != delayed_.end();) {
    auto eval = it->second;
    if (eval->wait_until > now_) {
      ++it;
      continue;
    }
    it = delayed_.erase(it);
    ready_.insert(eval);
  }
  for (const auto& [id, when] : deployment_deadlines_)
    if (when <= now_) deployments_.insert(id);
  if (!drain_deadline_.is_zero() && drain_deadline_ <= now_) drains_changed_ = true;
  if (cancel_duplicates()) return true;
  // From the chosen kind of work on, the first that there is.
  for (uint64_t i = 0; i < 4; ++i) {
    switch ((choice + i) % 4) {
      case 0:
        if (take_evaluation()) return true;
        break;
      case 1:
        if (running_.empty()) break;
        go_on((choice >> 8) % running_.size());
        return true;
      case 2:
        if (look_at_deployment()) return true;
        break;
      default:
        if (look_at_drains()) return true;
    }
  }
  return false;
}

bool servers::cancel_duplicates() {
  auto duplicates = blocked_.take_duplicates();
  std::vector<schema::evaluation> canceled;
  for (const auto& each : duplicates) {
    canceled.push_back(*each);
    canceled.back().status = "canceled";
    canceled.back().modify_time = now_.ns;
  }
  store_evals(canceled);
  return !canceled.empty();
}

bool servers::take_evaluation() {
  if (running_.size() >= workers_max) return false;
  auto next = std::ranges::find_if(
      ready_, [&](const auto& eval) { return std::ranges::none_of(running_, [&](const lease& l) { return job_of(*l.eval) == job_of(*eval); }); });
  if (next == ready_.end()) return false;
  lease l{.eval = *next, .outcome = {}, .attempt = 0, .seed = ids_.next()};
  ready_.erase(next);
  schedule(l);
  running_.push_back(std::move(l));
  return true;
}

void servers::schedule(lease& l) {
  worker_view_.catch_up(state(), worker_view_.take());
  l.outcome = sched::schedule(state(), worker_view_.view(), *l.eval, now_, l.seed, {.attempt = l.attempt});
}

// The plan of a worker comes to its turn: the state may have moved on since it was made.
void servers::go_on(size_t number) {
  auto& l = running_[number];
  bool done = true;
  if (l.outcome.has_plan()) {
    auto committed = commit(l.outcome.plan);
    done = sched::is_full_commit(l.outcome.plan, committed);
    if (!done && ++l.attempt >= static_cast<uint32_t>(sched::max_attempts(l.eval->type))) {
      l.outcome = sched::give_up(l.outcome, now_, l.seed);
      done = true;
    }
    if (!done) return schedule(l);
  }
  store(l.outcome);
  auto id = running_[number].eval->id;
  running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(number));
  if (auto again = again_.extract(id)) enqueue(std::move(again.mapped()));
}

schema::plan_result servers::commit(const schema::plan& plan) {
  schema::plan_result accepted;
  accepted.refresh_index = index_;
  if (!wakeups_.may_start(plan, state())) return accepted;
  accepted = sched::check_plan(view(), plan);
  auto commands = fsm::make_plan_results(plan, accepted, now_.ns);
  std::set<std::string> preempted;
  for (const auto& [node, allocs] : accepted.node_preemptions)
    for (const auto& alloc : allocs)
      if (auto job = state().job(alloc->namespace_, alloc->job_id); job && preempted.insert(job->id).second)
        commands.front().preemption_evals.push_back(pending_eval(*job, "preemption"));
  commits_.push_back({plan, accepted, state()});
  for (const auto& command : commands) apply<fsm::command_type::apply_plan_results>(command);
  return accepted;
}

bool servers::look_at_deployment() {
  if (deployments_.empty()) return false;
  auto id = *deployments_.begin();
  deployments_.erase(deployments_.begin());
  deployment_deadlines_.erase(id);
  auto deployment = state().deployment(id);
  if (!deployment || !server::is_active(*deployment)) return true;
  auto verdict = server::judge(*deployment, state().allocs_by_deployment(id), now_, evaluated_health_[id]);
  if (!verdict.look_again.is_zero()) deployment_deadlines_[id] = verdict.look_again;
  auto job = state().job(deployment->namespace_, deployment->job_id);
  if (!job) return true;
  auto eval = pending_eval(*job, "deployment-watcher");
  using judged = server::deployment_judgement;
  if (verdict.what == judged::evaluate) {
    evaluated_health_[id] = server::health_count(*deployment);
    schema::alloc_update_desired_transition_request update;
    for (const auto& alloc : state().allocs_by_deployment(id)) {
      bool unhealthy = alloc->deployment_status && !alloc->deployment_status->healthy.value_or(true);
      if (unhealthy && alloc->desired_status == "run" && alloc->next_allocation.empty()) update.allocs[alloc->id].reschedule = true;
    }
    update.evals.push_back(eval);
    apply<fsm::command_type::alloc_update_desired_transition>(update);
  } else if (verdict.what == judged::promote) {
    fsm::deployment_promote_request command;
    command.deployment_id = id;
    command.all = true;
    command.promoted_at = now_.ns;
    command.eval = eval;
    apply<fsm::command_type::deployment_promote>(command);
  } else if (verdict.what != judged::nothing) {
    fsm::deployment_status_update_request command;
    command.deployment_update = {.deployment_id = id, .status = "failed", .status_description = "Failed", .updated_at = now_.ns};
    command.eval = eval;
    apply<fsm::command_type::deployment_status_update>(command);
  }
  return true;
}

bool servers::look_at_drains() {
  if (!std::exchange(drains_changed_, false) || draining_.empty()) return false;
  auto step = server::next_drain_step(state(), draining_, now_);
  drain_deadline_ = step.look_again;
  if (!step.migrate.empty()) {
    schema::alloc_update_desired_transition_request update;
    for (const auto& id : step.migrate) update.allocs[id].migrate = true;
    for (const auto& [ns, id] : step.jobs)
      if (auto job = state().job(ns, id)) update.evals.push_back(pending_eval(*job, "node-drain"));
    apply<fsm::command_type::alloc_update_desired_transition>(update);
  }
  if (!step.done.empty()) {
    fsm::batch_node_update_drain_request update;
    update.updated_at = now_.ns;
    for (const auto& id : step.done) update.updates[id] = {};
    apply<fsm::command_type::batch_node_update_drain>(update);
  }
  return !step.migrate.empty() || !step.done.empty();
}

}  // namespace drover::sim
