// The replicated state and the only way to change it.
//
// Threads: current() and watch() from any thread, at any time; begin() and what it returns on one thread at a time (the state machine's).
// Lifecycle: one store per server; snapshots and watch handles may outlive it.
#pragma once

#include <mutex>
#include <span>

#include "base/result.h"
#include "state/tables.h"
#include "state/watch.h"

namespace drover::state {

class store;

// Collects changes into a new root; nothing is visible before commit(). Dropped without commit(), it never was.
class write_transaction {
 public:
  write_transaction(write_transaction&& other) noexcept;
  write_transaction& operator=(write_transaction&&) = delete;
  ~write_transaction();

  // The Raft index that this transaction is.
  uint64_t index() const { return index_; }
  // The state with the changes so far. Do not keep it or a copy beyond the next put() or erase(), and do not change tables while visiting.
  const snapshot& read() const { return view_; }

  // Inserts or replaces by the record's key, in every order of the table.
  template <table T>
  void put(ref<record_of<T>> record) {
    put_any(T, std::move(record));
  }
  template <table T>
  ref<record_of<T>> put(record_of<T> record) {
    auto shared = std::make_shared<const record_of<T>>(std::move(record));
    put_any(T, shared);
    return shared;
  }
  // False if there was none.
  template <table T>
  bool erase(const table_key& key) {
    return erase_any(T, key);
  }
  void put_any(table t, entry record);
  bool erase_any(table t, const table_key& key);
  // Marks the table as changed although no record was (a restored table's index, an empty delete).
  void set_table_index(table t, uint64_t index);

  // In order; a record that was put twice appears twice.
  std::span<const change> changes() const { return changes_; }
  std::vector<change> take_changes() { return std::move(changes_); }

  // Publishes, then fires the watches that the changes touch on this thread. The transaction is over.
  void commit();

 private:
  friend class store;
  write_transaction(store* owner, std::shared_ptr<root> root, uint64_t index, bool replaces);

  store* store_;
  std::shared_ptr<root> root_;
  snapshot view_;
  uint64_t index_;
  uint64_t token_;
  bool replaces_;
  std::vector<change> changes_;
};

class store {
 public:
  store();
  ~store();
  store(const store&) = delete;
  store& operator=(const store&) = delete;

  // The newest published state. A pointer copy.
  snapshot current() const;

  // Requires: no other transaction is open; index is above current().index().
  write_transaction begin(uint64_t index);
  // Starts from nothing; its commit replaces the whole state and fires every watch.
  write_transaction begin_restore(uint64_t index);

  // Calls back once when something that the keys cover has changed since `seen`; at once, before this returns, if it has already.
  // Refuses with errc::unavailable at the limit of watches.
  result<watch_handle> watch(const snapshot& seen, std::vector<watch_key> keys, std::function<void()> callback);
  size_t watch_count() const;

 private:
  friend class write_transaction;
  void publish(std::shared_ptr<const root> next, std::span<const change> changes, bool replaced);

  mutable std::mutex root_mutex_;  // a leaf: guards the pointer only
  std::shared_ptr<const root> root_;
  std::shared_ptr<detail::watch_registry> watches_;
  std::atomic<bool> writing_ = false;
};

}  // namespace drover::state
