// One command being applied: the transaction, and the bookkeeping that several commands share (summaries, deployments, job statuses).
//
// Summaries and deployments that a command touches are edited in memory and stored once by finish(), so that a plan of ten thousand
// allocations writes its job's summary once. Job statuses are computed by finish() too, from what is then stored.
// Threads: the applying thread only. Lifecycle: made per command, finish() last.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "fsm/limits.h"
#include "fsm/share_texts.h"
#include "schema/eval.h"
#include "state/store.h"

namespace drover::fsm {

using schema::ref;
using state::table;

// Words of the wire.
namespace word {
constexpr std::string_view pending = "pending", running = "running", dead = "dead", complete = "complete", failed = "failed", lost = "lost",
                           unknown = "unknown", blocked = "blocked", canceled = "canceled", stop = "stop", evict = "evict", successful = "successful",
                           cancelled = "cancelled", down = "down", eligible = "eligible", ineligible = "ineligible", draining = "draining", system = "system";
constexpr std::string_view default_namespace = "default";
}  // namespace word

bool is_terminal(const schema::allocation& a);         // the server stopped it or the client finished it
bool is_client_terminal(const schema::allocation& a);  // the client finished it
bool is_terminal(const schema::evaluation& e);
bool is_terminal(const schema::deployment& d);
inline bool has_health(const schema::allocation& a) { return a.deployment_status && a.deployment_status->healthy.has_value(); }
inline std::string_view namespace_of(std::string_view ns) { return ns.empty() ? word::default_namespace : ns; }

using job_key = std::pair<std::string, std::string>;  // namespace, id

// What an operator may choose; every server of a cluster must be told the same.
struct machine_settings {
  size_t job_tracked_versions = fsm::job_tracked_versions;
};

class context {
 public:
  explicit context(state::write_transaction& transaction, const machine_settings& settings = {}) : transaction_(transaction), settings_(settings) {}

  uint64_t index() const { return transaction_.index(); }
  const machine_settings& settings() const { return settings_; }
  const state::snapshot& state() const { return transaction_.read(); }
  template <table T>
  void put(ref<state::record_of<T>> record) {
    transaction_.put<T>(std::move(record));
  }
  template <table T>
  ref<state::record_of<T>> put(state::record_of<T> record) {
    if constexpr (T == table::allocs || T == table::nodes) share_texts(record);
    return transaction_.put<T>(std::move(record));
  }
  template <table T>
  bool erase(const state::table_key& key) {
    return transaction_.erase<T>(key);
  }

  // Editable until finish(), which stores it. Null if there is none.
  schema::job_summary* edit_summary(const std::string& ns, const std::string& job_id);
  schema::job_summary& make_summary(const schema::job& job);
  void drop_summary(const std::string& ns, const std::string& job_id);
  schema::deployment* edit_deployment(const std::string& id);

  // finish() computes this job's status anew. `only_finished`: allocations or evaluations were deleted, so having none means dead.
  void touch_job(const std::string& ns, const std::string& id, bool only_finished = false);

  // This job's status was computed from what is stored by now: nothing is left to do unless it is touched again.
  void has_status(const std::string& ns, const std::string& id);

  // Moves a child job from one status to another in its parent's summary; empty: it was or will be no child.
  void count_child(const schema::job& job, std::string_view from, std::string_view to);

  // What an allocation's change (existing is null for a new one) does to its job's summary and to its deployment.
  // `times`: so many new ones that are counted alike.
  result<> count_alloc(const schema::allocation& alloc, const schema::allocation* existing, int64_t times = 1);

  void count_in_summary(const schema::allocation& alloc, const schema::allocation* existing, int64_t times = 1);

  void finish();

 private:
  result<> count_in_deployment(const schema::allocation& alloc, const schema::allocation* existing, int64_t times);
  void update_status(const job_key& key, bool only_finished);

  state::write_transaction& transaction_;
  machine_settings settings_;
  std::map<job_key, std::optional<schema::job_summary>> summaries_;
  std::map<std::string, schema::deployment> deployments_;
  std::map<job_key, bool> touched_jobs_;
};

// The status that a job's evaluations and allocations give it.
std::string_view job_status(const state::snapshot& state, const schema::job& job, bool only_finished);

}  // namespace drover::fsm
