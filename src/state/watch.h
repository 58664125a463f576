// Watches: be told once when something that a query read has changed.
//
// A watch names trees and key prefixes; the functions below build them. Changes are matched through hashes of whole key parts, so a watch may
// fire without need but never misses; the caller reads again and decides. It is small (about 300 bytes with one key).
//
// Threads: everything here may be called from any thread. Callbacks run on the thread that commits (or inside store::watch() when the
// state has moved already), must not throw, and should only post to a loop. A callback may still be running on another thread when the
// handle's destructor returns: let it own what it touches.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "state/tables.h"

namespace drover::state {

// Parts that are given in full end in a NUL byte; what follows the last NUL is the beginning of the next part.
struct watch_key {
  tree_id tree = {};
  std::string prefix;
};

// Any change of a table.
watch_key watch_table(table t);
// One record by its own key: watch_record(table::jobs, "default", "web"); watch_record(table::nodes, id).
watch_key watch_record(table t, std::string_view a, std::string_view b = {});
// The records whose key begins so: watch_prefix(table::jobs, within("default", "we")).
watch_key watch_prefix(table t, const key_prefix& prefix);
watch_key watch_prefix(tree_id id, const key_prefix& prefix);
// "*" as the namespace watches the table.
watch_key watch_jobs(std::string_view ns, std::string_view id_prefix = {});
watch_key watch_job(std::string_view ns, std::string_view id);
watch_key watch_job_summary(std::string_view ns, std::string_view id);
watch_key watch_job_versions(std::string_view ns, std::string_view id);
watch_key watch_eval(std::string_view id);
watch_key watch_evals_of_job(std::string_view ns, std::string_view job_id);
watch_key watch_alloc(std::string_view id);
watch_key watch_allocs_of_job(std::string_view ns, std::string_view job_id);
watch_key watch_allocs_of_node(std::string_view node_id);
watch_key watch_allocs_of_eval(std::string_view eval_id);
watch_key watch_allocs_of_deployment(std::string_view deployment_id);
watch_key watch_node(std::string_view id);
watch_key watch_deployment(std::string_view id);
watch_key watch_deployments_of_job(std::string_view ns, std::string_view job_id);
watch_key watch_services_named(std::string_view ns, std::string_view name);
watch_key watch_services_of_alloc(std::string_view alloc_id);

// One record that a transaction put or erased. `before` is null for a new record, `after` for an erased one.
struct change {
  state::table table = {};
  entry before;
  entry after;
  template <state::table T>
  ref<record_of<T>> before_as() const {
    return std::static_pointer_cast<const record_of<T>>(before);
  }
  template <state::table T>
  ref<record_of<T>> after_as() const {
    return std::static_pointer_cast<const record_of<T>>(after);
  }
};

// Whether anything that the key covers differs; may say yes without need, never no.
bool differs(const root& from, const root& to, const watch_key& key);

namespace detail {
class watch_registry;
struct watcher;
}  // namespace detail

// Owns a watch: dropping it ends the watch. May outlive the store.
class watch_handle {
 public:
  watch_handle() = default;
  watch_handle(std::shared_ptr<detail::watch_registry> registry, std::shared_ptr<detail::watcher> watcher);
  watch_handle(watch_handle&&) noexcept = default;
  watch_handle& operator=(watch_handle&& other) noexcept;
  ~watch_handle() { cancel(); }
  void cancel();

 private:
  std::shared_ptr<detail::watch_registry> registry_;
  std::shared_ptr<detail::watcher> watcher_;
};

namespace detail {

// A watcher stands in one list per key; lists are found by the key's hash. Links are stable in memory.
struct watch_link {
  uint64_t hash = 0;
  detail::watcher* owner = nullptr;
  watch_link* previous = nullptr;
  watch_link* next = nullptr;
};
struct watcher {
  std::function<void()> callback;
  std::shared_ptr<watcher> self;  // while linked
  std::unique_ptr<watch_link[]> links;
  uint32_t link_count = 0;
  // Keys whose last part is incomplete: tree and length, counted by the registry.
  std::vector<std::pair<tree_id, uint32_t>> partial;
};

// The lists. Callers hold mutex().
class watch_registry {
 public:
  std::mutex& mutex() { return mutex_; }
  bool empty() const { return watchers_ == 0; }
  size_t size() const { return watchers_; }
  std::shared_ptr<watcher> add(std::span<const watch_key> keys, std::function<void()> callback);
  void remove(watcher& w);
  // Takes out every watcher that a change touches.
  void take(const change& c, std::vector<std::function<void()>>& fired);
  void take_all(std::vector<std::function<void()>>& fired);

 private:
  void take_key(tree_id id, const table_key& key, std::vector<std::function<void()>>& fired);
  void take_hash(uint64_t hash, std::vector<std::function<void()>>& fired);

  std::mutex mutex_;
  size_t watchers_ = 0;
  std::unordered_map<uint64_t, watch_link*> lists_;
  std::array<std::unordered_map<uint32_t, uint32_t>, tree_count> partial_lengths_;
};

}  // namespace detail
}  // namespace drover::state
