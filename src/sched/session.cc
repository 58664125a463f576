#include "sched/session.h"

#include <algorithm>

#include "sched/granted.h"
#include "sched/reconcile/replace_rule.h"
#include "sched/reconcile/reschedule.h"

namespace drover::sched {
namespace {

schema::allocation stopped_copy(const schema::allocation& alloc, std::string_view why, std::string_view client_status, timestamp now) {
  schema::allocation copy = alloc;
  copy.job = nullptr;
  copy.desired_status = "stop";
  copy.desired_description = why;
  copy.client_status = client_status;  // empty: as the client last said
  copy.modify_time = now.ns;
  return copy;
}

bool may_preempt(const schema::scheduler_configuration* config, std::string_view type) {
  if (config == nullptr) return type == "system";
  const auto& allowed = config->preemption_config;
  if (type == "system") return allowed.system_scheduler_enabled;
  if (type == "sysbatch") return allowed.sys_batch_scheduler_enabled;
  return type == "batch" ? allowed.batch_scheduler_enabled : allowed.service_scheduler_enabled;
}

// One allocation after the other says the same.
const schema::shared_text& same_words(schema::shared_text& last, std::string_view words) {
  if (last != words) last = schema::shared_text::interned(words);
  return last;
}

}  // namespace

session::session(const job_facts& facts, const node_view& view, const schema::evaluation& eval, timestamp now, uint64_t seed, const options& how)
    : facts_(facts),
      view_(view),
      eval_(eval),
      now_(now),
      seed_(random_stream::mix(seed, eval.id)),
      random_(random_stream::mix(seed_ + how.attempt)),
      eval_ids_(random_stream::mix(seed_, "evaluations")),
      deployment_id_(random_stream(random_stream::mix(seed_, "deployment")).uuid()),
      cluster_(view, facts.allocs),
      quota_(facts.quota),
      explain_(how.explain) {
  bool own_algorithm = facts.pool && facts.pool->scheduler_configuration;
  if (facts.config) {
    oversubscription_ = facts.config->memory_oversubscription_enabled;
    if (facts.config->scheduler_algorithm == "spread") algorithm_ = packing::spread;
  }
  if (own_algorithm) {
    const auto& pool = *facts.pool->scheduler_configuration;
    if (!pool.scheduler_algorithm.empty()) algorithm_ = pool.scheduler_algorithm == "spread" ? packing::spread : packing::binpack;
    oversubscription_ = pool.memory_oversubscription_enabled.value_or(oversubscription_);
  }
  if (facts.job != nullptr) preempts_ = may_preempt(facts.config.get(), facts.job->type);
  out_.eval = eval;
  out_.eval.failed_tg_allocs.clear();
  out_.eval.queued_allocations.clear();
  out_.eval.class_eligibility.clear();
  out_.eval.missing_non_node_resources.clear();
  out_.eval.snapshot_index = facts.index;
  out_.eval.modify_time = now.ns;
  out_.plan.eval_id = eval.id;
  out_.plan.priority = eval.priority;
  out_.plan.job = facts.job;
  out_.plan.all_at_once = facts.job != nullptr && facts.job->all_at_once;
  out_.plan.snapshot_index = facts.index;
  if (!stopped())
    for (const auto& group : facts.job->task_groups) out_.eval.queued_allocations[group.name] = 0;
}

const job_scope& session::scope() {
  if (!scope_) scope_.emplace(view_, job());
  return *scope_;
}

ranker& session::ranker_of(const schema::job& job, const schema::task_group& group) {
  auto known = std::ranges::find(rankers_, &group, &group_ranker::group);
  if (known != rankers_.end()) return *known->ranks;
  ranker::settings how{.algorithm = algorithm_, .seed = random_stream::mix(seed_, group.name), .preempts = preempts_};
  rankers_.push_back({&group, std::make_unique<ranker>(cluster_, scope(), job, group, operators_, facts_, how)});
  return *rankers_.back().ranks;
}

// All allocations of a version are judged alike.
bool session::replaces(const schema::job& before, const schema::task_group& group) {
  auto [it, first] = replaces_.try_emplace({&before, &group}, true);
  if (!first) return it->second;
  const auto* was = find_group(before, group.name);
  return it->second = was == nullptr || needs_replacement(before, *was, job(), group);
}

update_kind session::update_of(const schema::allocation& alloc, const schema::task_group& group) {
  if (alloc.job == nullptr || same_version(alloc, job())) return update_kind::ignore;
  if (replaces(*alloc.job, group)) return update_kind::destructive;
  auto row = view_.find(alloc.node_id);
  if (row == node_view::no_row) return update_kind::destructive;
  bool still_good = scope().in_pool(view_, row) && scope().datacenters[view_.datacenter_of(row)] != 0;
  return still_good && ranker_of(group).accepts(row) ? update_kind::in_place : update_kind::destructive;
}

void session::stop(const schema::allocation& alloc, std::string_view why, std::string_view client_status) {
  release(alloc);
  record_stop(alloc, why, client_status);
}

void session::record_stop(const schema::allocation& alloc, std::string_view why, std::string_view client_status) {
  out_.plan.node_update[alloc.node_id].push_back(std::make_shared<const schema::allocation>(stopped_copy(alloc, why, client_status, now_)));
}

void session::update_in_place(const schema::allocation& alloc, const std::string& deployment_id) {
  auto copy = std::make_shared<schema::allocation>(alloc);
  copy->job = nullptr;
  copy->eval_id = eval_.id;
  copy->modify_time = now_.ns;
  if (copy->deployment_id != deployment_id) {
    copy->deployment_id = deployment_id;
    copy->deployment_status.reset();
  }
  out_.plan.node_allocation[alloc.node_id].push_back(std::move(copy));
}

void session::annotate(schema::allocation changed) {
  std::string node = changed.node_id;
  changed.modify_time = now_.ns;
  out_.plan.node_allocation[node].push_back(std::make_shared<const schema::allocation>(std::move(changed)));
}

// Most groups ask for nothing that two allocations could not both be given: theirs share one record.
ref<schema::allocated_resources> session::granted(const placement& what, node_view::row row, chosen_parts parts) {
  auto known = std::ranges::find(rankers_, what.group, &group_ranker::group);
  const bool alike = parts.empty() && known != rankers_.end();
  if (alike && known->granted) return known->granted;
  auto resources = granted_to_group(*what.group, oversubscription_);
  const bool by_node = std::ranges::any_of(resources.tasks, [](const auto& each) { return each.second.memory.memory_max_mb < 0; });
  grant(resources, *what.group, view_.node(row), cluster_.usage(row), std::move(parts));
  auto made = schema::share(std::move(resources));
  if (alike && !by_node) known->granted = made;
  return made;
}

session::node_place& session::place_of(node_view::row row) {
  auto& at = places_[row];
  if (at.list == nullptr) {
    const auto& node = view_.node(row);
    at = {&out_.plan.node_allocation[node.id], schema::shared_text::interned(node.id), schema::shared_text::interned(node.name)};
  }
  return at;
}

void session::place(const placement& what, ranker::choice made, const std::string& deployment_id) {
  auto& at = place_of(made.node);
  auto alloc = std::make_shared<schema::allocation>();
  alloc->id = random_.uuid();
  alloc->namespace_ = same_words(texts_.namespace_, job().namespace_);
  alloc->eval_id = same_words(texts_.eval_id, eval_.id);
  alloc->name = what.name;
  alloc->node_id = at.id;
  alloc->node_name = at.name;
  alloc->job_id = same_words(texts_.job_id, job().id);
  alloc->task_group = same_words(texts_.group, what.group->name);
  alloc->allocated_resources = granted(what, made.node, std::move(made.parts));
  alloc->metrics = std::move(made.metrics);
  alloc->desired_status = same_words(texts_.run, "run");
  alloc->client_status = same_words(texts_.pending, "pending");
  alloc->job = what.job;
  if (!what.job) alloc->deployment_id = same_words(texts_.deployment_id, deployment_id);
  if (what.canary) alloc->deployment_status.emplace().canary = true;
  alloc->create_time = alloc->modify_time = now_.ns;
  if (what.previous != nullptr) {
    alloc->previous_allocation = what.previous->id;
    if (what.rescheduled) alloc->reschedule_tracker = schema::share(next_tracker(*what.previous, reschedule_policy_of(job(), *what.group), now_));
    else if (what.stop_previous.empty()) alloc->reschedule_tracker = what.previous->reschedule_tracker;  // lost or moved: its history stays
  }
  for (const auto& each : made.evicted) preempt(each, *alloc);
  cluster_.place(made.node, *alloc);
  placed_.push_back(what.group);
  if (quota_) quota_->used.add(quota_demand_of(*what.group));
  at.list->push_back(std::move(alloc));
}

void session::preempt(const ref<schema::allocation>& victim, schema::allocation& by) {
  schema::allocation copy = *victim;
  copy.desired_status = "evict";
  copy.desired_description = fmt::format("Preempted by alloc ID {}", by.id);
  copy.preempted_by_allocation = by.id;
  copy.modify_time = now_.ns;
  by.preempted_allocations.push_back(victim->id);
  schema::alloc_list_stub stub;
  stub.id = victim->id;
  stub.name = victim->name;
  stub.namespace_ = victim->namespace_;
  stub.node_id = victim->node_id;
  stub.node_name = victim->node_name;
  stub.job_id = victim->job_id;
  stub.job_type = victim->job->type;
  stub.job_version = victim->job->version;
  stub.task_group = victim->task_group;
  preempted_.push_back(std::move(stub));
  ++preemptions_[by.task_group];
  out_.plan.node_preemptions[victim->node_id].push_back(std::make_shared<const schema::allocation>(std::move(copy)));
  cluster_.evict(victim);
}

// New allocations and what stops only for them; everything else of the plan stays.
void session::withdraw() {
  auto remove_from = [](auto& by_node, auto&& goes) {
    for (auto& [node, list] : by_node) std::erase_if(list, goes);
    std::erase_if(by_node, [](const auto& each) { return each.second.empty(); });
  };
  remove_from(out_.plan.node_allocation,
              [&](const auto& alloc) { return alloc->eval_id == eval_.id && alloc->create_time == now_.ns && alloc->create_index == 0; });
  remove_from(out_.plan.node_update, [&](const auto& alloc) { return replaced_.contains(alloc->id); });
  places_ = {};
  out_.plan.node_preemptions.clear();
  preempted_.clear();
  preemptions_.clear();
  for (const auto* group : placed_) fail(*group, ranker_of(*group));
}

void session::fail(const schema::task_group& group, ranker& ranks) {
  ++out_.eval.queued_allocations[group.name];
  auto [it, first] = out_.eval.failed_tg_allocs.try_emplace(group.name);
  auto& metrics = it->second;
  if (!first) {
    ++metrics.coalesced_failures;
    return;
  }
  metrics = ranks.metrics();
  missing_.insert(ranks.volumes().missing().begin(), ranks.volumes().missing().end());
  if (explain_) out_.explanations.push_back(ranks.explain());
  bool no_cpu = metrics.dimension_exhausted.contains("cpu");
  bool no_memory = metrics.dimension_exhausted.contains("memory");
  if (!no_cpu && !no_memory) return;
  for (const auto& task : group.tasks) {
    auto& wanted = metrics.resources_exhausted[task.name];
    if (!task.resources) continue;
    if (no_cpu) wanted.cpu = task.resources->cpu;
    if (no_memory) wanted.memory_mb = task.resources->memory_mb;
  }
}

void session::count_quota(const schema::allocation& alloc, int64_t times) {
  if (quota_) quota_->used.add(quota_demand_of(alloc), times);
}

bool session::over_quota(const schema::task_group& group) {
  if (!quota_) return false;
  auto text = quota_->refuse(group);
  if (text.empty()) return false;
  ++out_.eval.queued_allocations[group.name];
  auto [it, first] = out_.eval.failed_tg_allocs.try_emplace(group.name);
  if (!first) {
    ++it->second.coalesced_failures;
    return true;
  }
  over_quota_ = true;
  it->second.node_pool = scope().pool_name;
  it->second.quota_exhausted.push_back(text);
  missing_.insert(resource_of_quota(quota_->name));
  if (explain_) {
    group_explanation said;
    said.group = group.name;
    said.waits_for.push_back(
        fmt::format("quota \"{}\" of namespace \"{}\" is used up: {}; it would run if other jobs that share the quota were stopped or "
                    "asked for less, or if the quota were raised",
                    quota_->name, job().namespace_, text));
    out_.explanations.push_back(std::move(said));
  }
  return true;
}

const std::vector<wait_reason>* session::waits(const schema::task_group& group) const {
  auto it = facts_.waits.find(group.name);
  return it == facts_.waits.end() ? nullptr : &it->second;
}

void session::hold_back(const schema::task_group& group, const std::vector<wait_reason>& why) {
  ++out_.eval.queued_allocations[group.name];
  auto [it, first] = out_.eval.failed_tg_allocs.try_emplace(group.name);
  auto& metrics = it->second;
  if (!first) {
    ++metrics.coalesced_failures;
    return;
  }
  // No node was asked: all of them are ruled out alike.
  metrics.node_pool = scope().pool_name;
  metrics.nodes_evaluated = metrics.nodes_filtered = static_cast<int64_t>(view_.node_count());
  group_explanation said;
  said.group = group.name;
  for (const auto& each : why) {
    metrics.constraint_filtered[fmt::format("{}{}", waiting_mark, each.text)] = metrics.nodes_filtered;
    missing_.insert(each.resource);
    said.waits_for.push_back(each.text);
  }
  if (explain_) out_.explanations.push_back(std::move(said));
}

schema::evaluation session::next_eval(std::string trigger, std::string why) {
  schema::evaluation made;
  made.id = eval_id();
  made.namespace_ = eval_.namespace_;
  made.priority = eval_.priority;
  made.type = eval_.type;
  made.triggered_by = std::move(trigger);
  made.job_id = eval_.job_id;
  made.job_modify_index = eval_.job_modify_index;
  made.status = "pending";
  made.status_description = std::move(why);
  made.previous_eval = eval_.id;
  made.create_time = made.modify_time = now_.ns;
  return made;
}

// A class counts as eligible if it is for one of the groups that wait.
void session::fill_eligibility(schema::evaluation& blocked) {
  blocked.escaped_computed_class = false;
  blocked.class_eligibility.clear();
  for (const auto& [group, ranks, granted] : rankers_) {
    if (!out_.eval.failed_tg_allocs.contains(group->name)) continue;
    blocked.escaped_computed_class = blocked.escaped_computed_class || ranks->checks().escaped() || !ranks->volumes().empty();
    for (auto answer : ranks->checks().class_answers()) blocked.class_eligibility[view_.classes().text(answer.class_id)] |= answer.eligible;
  }
  if (blocked.escaped_computed_class) blocked.class_eligibility.clear();
}

// What is no matter of nodes wakes the evaluation by name. If that is all it waits for, capacity does not wake it: it names no class.
void session::fill_missing(schema::evaluation& blocked) {
  blocked.quota_limit_reached.clear();
  if (over_quota_) blocked.quota_limit_reached = quota_->name;
  blocked.missing_non_node_resources.assign(missing_.begin(), missing_.end());
  if (missing_.empty()) return;
  bool any_for_capacity = std::ranges::any_of(
      out_.eval.failed_tg_allocs, [&](const auto& failed) { return !facts_.waits.contains(failed.first) && failed.second.quota_exhausted.empty(); });
  if (any_for_capacity && blocked.class_eligibility.empty()) blocked.escaped_computed_class = true;
}

std::string session::why_blocked() const {
  for (const auto& [group, failed] : out_.eval.failed_tg_allocs)
    if (auto it = facts_.waits.find(group); it != facts_.waits.end()) return fmt::format("waiting: {}", it->second.front().text);
  return "created to place remaining allocations";
}

void session::block() {
  if (eval_.status == "blocked") {
    out_.eval.status = "blocked";
    out_.eval.status_description = why_blocked();
    fill_eligibility(out_.eval);
    fill_missing(out_.eval);
    return;
  }
  auto blocked = next_eval("queued-allocs", why_blocked());
  blocked.status = "blocked";
  blocked.snapshot_index = facts_.index;
  blocked.failed_tg_allocs = out_.eval.failed_tg_allocs;
  fill_eligibility(blocked);
  fill_missing(blocked);
  out_.eval.blocked_eval = blocked.id;
  add_eval(std::move(blocked));
}

outcome session::finish(const std::map<std::string, schema::desired_updates>& updates, const std::string& deployment_id) {
  out_.eval.status = "complete";
  out_.eval.status_description.clear();
  out_.eval.deployment_id = deployment_id;
  if (!updates.empty()) {
    schema::plan_annotations notes;
    notes.desired_tg_updates = updates;
    for (const auto& [group, count] : preemptions_) notes.desired_tg_updates[group].preemptions = count;
    notes.preempted_allocs = std::move(preempted_);
    if (eval_.annotate_plan) out_.plan.annotations = notes;
    out_.eval.plan_annotations = std::move(notes);
  }
  for (auto& why : out_.explanations) why.waiting = out_.eval.queued_allocations[why.group];
  if (!out_.eval.failed_tg_allocs.empty()) block();
  return std::move(out_);
}

}  // namespace drover::sched
