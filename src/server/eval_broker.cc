#include "server/eval_broker.h"

#include <algorithm>

namespace drover::server {

eval_broker::eval_broker(net::loop& l, const env::clock& clock, env::random& random, eval_broker_options options)
    : clock_(clock), random_(random), options_(options), scope_(l, log::logger("nomad.broker")) {
  scope_.spawn(run_timers());
}
eval_broker::~eval_broker() = default;

awaitable<void> eval_broker::stop() {
  set_enabled(false);
  co_await scope_.stop();
}

bool eval_broker::by_urgency::operator()(const ref<schema::evaluation>& a, const ref<schema::evaluation>& b) const {
  if (a->priority != b->priority) return a->priority > b->priority;
  if (a->create_index != b->create_index) return a->create_index < b->create_index;
  return a->id < b->id;
}

eval_broker::job_key eval_broker::job_of(const schema::evaluation& eval) {
  // Node-only and core evaluations have no job: each stands alone.
  return eval.job_id.empty() ? eval.id : eval.namespace_ + '\0' + eval.job_id;
}

void eval_broker::set_enabled(bool enabled) {
  enabled_ = enabled;
  if (enabled) return;
  known_.clear();
  deliveries_.clear();
  ready_.clear();
  leased_.clear();
  busy_jobs_.clear();
  waiting_.clear();
  delayed_.clear();
  superseded_.clear();
}

void eval_broker::enqueue(ref<schema::evaluation> eval) {
  if (!enabled_ || !known_.insert(eval->id).second) return;
  if (!eval->wait_until.is_zero() && eval->wait_until > clock_.now()) {
    auto until = eval->wait_until;
    make_delayed(std::move(eval), until);
  } else if (eval->wait.ns > 0) {
    auto until = clock_.now() + eval->wait;
    make_delayed(std::move(eval), until);
  } else {
    make_ready(std::move(eval));
  }
}

void eval_broker::requeue(ref<schema::evaluation> eval) {
  auto it = leased_.find(eval->id);
  if (it == leased_.end()) return enqueue(std::move(eval));
  it->second.again = std::move(eval);
}

void eval_broker::make_delayed(ref<schema::evaluation> eval, timestamp until) {
  delayed_.emplace(until, std::move(eval));
  timer_event_.notify_all();
}

void eval_broker::make_ready(ref<schema::evaluation> eval) {
  auto job = job_of(*eval);
  auto [it, free] = busy_jobs_.try_emplace(job, eval->id);
  if (!free && it->second != eval->id) {
    waiting_[job].push_back(std::move(eval));
    return;
  }
  ready_[eval->type].insert(std::move(eval));
  ready_event_.notify_all();
}

// The job's evaluation is done: the newest of those that waited is next, the others have nothing left to do.
void eval_broker::release_job(const job_key& job) {
  busy_jobs_.erase(job);
  auto waiting = waiting_.extract(job);
  if (waiting.empty()) return;
  auto& evals = waiting.mapped();
  auto newest = std::ranges::max_element(evals, {}, [](const auto& e) { return e->create_index; });
  auto next = std::move(*newest);
  evals.erase(newest);
  for (auto& eval : evals) {
    known_.erase(eval->id);
    superseded_.push_back(std::move(eval));
  }
  if (!superseded_.empty()) superseded_event_.set();
  make_ready(std::move(next));
}

std::vector<ref<schema::evaluation>> eval_broker::take_superseded() {
  superseded_event_.reset();
  return std::exchange(superseded_, {});
}

std::optional<eval_lease> eval_broker::take(const std::vector<std::string>& types) {
  std::set<ref<schema::evaluation>, by_urgency>* best = nullptr;
  for (const auto& type : types) {
    auto it = ready_.find(type);
    if (it == ready_.end() || it->second.empty()) continue;
    if (best == nullptr || by_urgency()(*it->second.begin(), *best->begin())) best = &it->second;
  }
  if (best == nullptr) return std::nullopt;
  eval_lease lease{best->extract(best->begin()).value(), random_.uuid()};
  ++deliveries_[lease.eval->id];
  leased_[lease.eval->id] = {lease.eval, lease.token, clock_.now() + options_.nack_timeout, nullptr};
  timer_event_.notify_all();
  return lease;
}

awaitable<eval_lease> eval_broker::dequeue(std::vector<std::string> types) {
  co_return co_await dequeue(std::make_shared<const std::vector<std::string>>(std::move(types)));
}

awaitable<eval_lease> eval_broker::dequeue(std::shared_ptr<const std::vector<std::string>> types) {
  for (;;) {
    if (auto lease = take(*types)) co_return *std::move(lease);
    co_await ready_event_.wait();
  }
}

bool eval_broker::holds(const std::string& eval_id, const std::string& token) const {
  auto it = leased_.find(eval_id);
  return it != leased_.end() && it->second.token == token;
}

bool eval_broker::renew(const std::string& eval_id, const std::string& token) {
  if (!holds(eval_id, token)) return false;
  leased_[eval_id].expires = clock_.now() + options_.nack_timeout;
  return true;
}

result<> eval_broker::ack(const std::string& eval_id, const std::string& token) {
  if (!holds(eval_id, token)) return fail(errc::conflict, "evaluation {} is not leased with this token", eval_id);
  auto lease = std::move(leased_.extract(eval_id).mapped());
  known_.erase(eval_id);
  deliveries_.erase(eval_id);
  release_job(job_of(*lease.eval));
  if (lease.again) enqueue(std::move(lease.again));
  return {};
}

result<> eval_broker::nack(const std::string& eval_id, const std::string& token) {
  if (!holds(eval_id, token)) return fail(errc::conflict, "evaluation {} is not leased with this token", eval_id);
  return_lease(leased_.find(eval_id));
  return {};
}

void eval_broker::return_lease(std::map<std::string, leased>::iterator it) {
  auto eval = std::move(it->second.eval);
  leased_.erase(it);
  int deliveries = deliveries_[eval->id];
  if (deliveries < options_.delivery_limit) {
    // The job stays busy meanwhile: its later evaluations wait behind this one.
    make_delayed(std::move(eval), clock_.now() + (deliveries == 1 ? options_.initial_nack_delay : options_.later_nack_delay));
    return;
  }
  known_.erase(eval->id);
  deliveries_.erase(eval->id);
  release_job(job_of(*eval));
  if (on_failed) on_failed(std::move(eval));
}

timestamp eval_broker::next_deadline() const {
  timestamp next;
  auto consider = [&](timestamp t) {
    if (next.is_zero() || t < next) next = t;
  };
  if (!delayed_.empty()) consider(delayed_.begin()->first);
  for (const auto& [id, lease] : leased_) consider(lease.expires);
  return next;
}

void eval_broker::run_due(timestamp now) {
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    auto eval = std::move(delayed_.begin()->second);
    delayed_.erase(delayed_.begin());
    make_ready(std::move(eval));
  }
  for (auto it = leased_.begin(); it != leased_.end();) {
    auto expired = it++;
    if (expired->second.expires > now) continue;
    if (still_held && still_held(expired->first, expired->second.token)) expired->second.expires = now + options_.nack_timeout;
    else return_lease(expired);
  }
}

awaitable<void> eval_broker::run_timers() {
  for (;;) {
    auto next = next_deadline();
    auto until = next.is_zero() ? net::never : net::after(std::max(duration(0), next - clock_.now()));
    co_await timer_event_.wait(until);
    run_due(clock_.now());
  }
}

eval_broker_stats eval_broker::stats() const {
  eval_broker_stats s;
  for (const auto& [type, evals] : ready_) s.ready += evals.size();
  for (const auto& [job, evals] : waiting_) s.waiting += evals.size();
  s.leased = leased_.size();
  s.delayed = delayed_.size();
  return s;
}

}  // namespace drover::server
