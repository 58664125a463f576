#include "fsm/apply.h"

namespace drover::fsm {

namespace {

void note_queued(context& c, const schema::evaluation& eval) {
  if (eval.queued_allocations.empty()) return;
  auto* summary = c.edit_summary(eval.namespace_, eval.job_id);
  if (!summary) return;
  for (const auto& [group, queued] : eval.queued_allocations) {
    if (auto it = summary->summary.find(group); it != summary->summary.end()) it->second.queued = queued;
  }
}

// An evaluation that placed everything leaves nothing for the blocked ones of its job to do.
void cancel_blocked(context& c, const schema::evaluation& eval) {
  if (eval.status != word::complete || !eval.failed_tg_allocs.empty() || eval.job_id.empty()) return;
  for (const auto& other : c.state().evals_by_job(eval.namespace_, eval.job_id)) {
    if (other->status != word::blocked || other->id == eval.id) continue;
    auto cancelled = *other;
    cancelled.status = word::canceled;
    cancelled.status_description = fmt::format("evaluation \"{}\" successful", eval.id);
    cancelled.modify_index = c.index();
    cancelled.modify_time = eval.modify_time;
    c.put<table::evals>(std::move(cancelled));
  }
}

}  // namespace

void put_eval(context& c, schema::evaluation stored) {
  const auto existing = c.state().eval(stored.id);
  stored.namespace_ = namespace_of(stored.namespace_);
  stored.create_index = existing ? existing->create_index : c.index();
  stored.modify_index = c.index();
  note_queued(c, stored);
  cancel_blocked(c, stored);
  if (!stored.job_id.empty()) c.touch_job(stored.namespace_, stored.job_id);
  c.put<table::evals>(std::move(stored));
}

result<std::any> apply_eval_update(context& c, const schema::eval_update_request& request) {
  for (const auto& eval : request.evals) {
    if (!eval || eval->id.empty()) return fail(errc::invalid, "an evaluation without an id");
    put_eval(c, *eval);
  }
  return std::any();
}

result<std::any> apply_eval_delete(context& c, const schema::eval_reap_request& request) {
  for (const auto& id : request.evals) {
    auto eval = c.state().eval(id);
    if (!eval) continue;
    if (!eval->job_id.empty()) c.touch_job(eval->namespace_, eval->job_id, true);
    c.erase<table::evals>({id, {}, {}});
  }
  for (const auto& id : request.allocs) {
    auto alloc = c.state().alloc(id);
    if (!alloc) continue;
    c.touch_job(alloc->namespace_, alloc->job_id, true);
    drop_services(c, id);
    c.erase<table::allocs>({id, {}, {}});
  }
  return std::any();
}

}  // namespace drover::fsm
