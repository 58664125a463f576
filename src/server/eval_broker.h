// The queue between stored evaluations and schedulers: priority order, one evaluation of a job at a time, leases that expire.
//
//   stored (pending) -> enqueue() -> ready -> dequeue(): leased with a token -> ack(): done | nack() or lease expired: again, later
//   with wait_until in the future: delayed until then; another one of the job leased: waits behind it
//
// Loop thread only; memory only, rebuilt from the state by a new leader. Life: set_enabled(true) on leadership, set_enabled(false) drops
// everything; co_await stop() before the end.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "env/clock.h"
#include "env/random.h"
#include "net/event.h"
#include "net/loop.h"
#include "net/task_scope.h"
#include "schema/eval.h"
#include "schema/fwd.h"

namespace drover::server {

using net::awaitable;
using schema::ref;

struct eval_broker_options {
  // A lease ends by itself after this without renew(), unless still_held() says otherwise.
  duration nack_timeout = seconds(60);
  // Deliveries before an evaluation is given to on_failed instead.
  int delivery_limit = 3;
  // Pause before the second and the later deliveries.
  duration initial_nack_delay = seconds(1);
  duration later_nack_delay = seconds(20);
};

struct eval_lease {
  ref<schema::evaluation> eval;
  std::string token;
};

struct eval_broker_stats {
  size_t ready = 0;
  size_t leased = 0;
  size_t waiting = 0;  // behind another one of their job
  size_t delayed = 0;
};

class eval_broker {
 public:
  eval_broker(net::loop& l, const env::clock& clock, env::random& random, eval_broker_options options);
  ~eval_broker();

  void set_enabled(bool enabled);
  bool enabled() const { return enabled_; }
  // A pending evaluation. One that is known already, queued or leased, is not queued twice.
  void enqueue(ref<schema::evaluation> eval);
  // The same for one that its scheduler has blocked and that something freed meanwhile has woken: if it is still leased, it is queued
  // again as soon as it is acknowledged.
  void requeue(ref<schema::evaluation> eval);
  // The best ready evaluation of one of the types ("service", ...); waits while there is none, and while the broker is disabled.
  awaitable<eval_lease> dequeue(std::vector<std::string> types);
  // The same for types that may be others while it waits; types_changed() says so.
  awaitable<eval_lease> dequeue(std::shared_ptr<const std::vector<std::string>> types);
  void types_changed() { ready_event_.notify_all(); }
  // The lease's work goes on: its time starts anew. False: it was lost.
  bool renew(const std::string& eval_id, const std::string& token);
  result<> ack(const std::string& eval_id, const std::string& token);
  result<> nack(const std::string& eval_id, const std::string& token);
  bool holds(const std::string& eval_id, const std::string& token) const;

  // Waiting evaluations that a newer one of their job has made pointless; the leader writes them as canceled. Empties the list.
  std::vector<ref<schema::evaluation>> take_superseded();
  // Wakes whoever waits for superseded evaluations.
  net::event& superseded_event() { return superseded_event_; }
  // Asked before a lease ends: whoever has it and still works on it keeps it. A timer of the holder's would come too late on a loop that is held up.
  std::function<bool(const std::string& eval_id, const std::string& token)> still_held;
  // Called with an evaluation whose deliveries all failed.
  std::function<void(ref<schema::evaluation>)> on_failed;

  eval_broker_stats stats() const;
  awaitable<void> stop();

 private:
  struct leased {
    ref<schema::evaluation> eval;
    std::string token;
    timestamp expires;
    // From requeue(): back into the queue after ack.
    ref<schema::evaluation> again;
  };
  // Ready order: higher priority first, then older.
  struct by_urgency {
    bool operator()(const ref<schema::evaluation>& a, const ref<schema::evaluation>& b) const;
  };
  using job_key = std::string;
  static job_key job_of(const schema::evaluation& eval);

  void make_ready(ref<schema::evaluation> eval);
  void make_delayed(ref<schema::evaluation> eval, timestamp until);
  void release_job(const job_key& job);
  void return_lease(std::map<std::string, leased>::iterator it);
  std::optional<eval_lease> take(const std::vector<std::string>& types);
  timestamp next_deadline() const;
  void run_due(timestamp now);
  awaitable<void> run_timers();

  const env::clock& clock_;
  env::random& random_;
  eval_broker_options options_;
  bool enabled_ = false;
  std::set<std::string> known_;  // ids that are queued, delayed or leased
  std::unordered_map<std::string, int> deliveries_;
  std::map<std::string, std::set<ref<schema::evaluation>, by_urgency>> ready_;  // by type
  std::map<std::string, leased> leased_;                                        // by id
  std::unordered_map<job_key, std::string> busy_jobs_;                          // job -> id that is ready or leased
  std::unordered_map<job_key, std::vector<ref<schema::evaluation>>> waiting_;
  std::multimap<timestamp, ref<schema::evaluation>> delayed_;
  std::vector<ref<schema::evaluation>> superseded_;
  net::event ready_event_, timer_event_, superseded_event_;
  net::task_scope scope_;
};

}  // namespace drover::server
