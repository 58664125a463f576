#include "state/store.h"

#include <atomic>

#include "base/ensure.h"
#include "state/limits.h"

namespace drover::state {

namespace {

// Tokens are unique in the process: nodes of one store's snapshot are never editable by another store's transaction.
uint64_t next_token() {
  static std::atomic<uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

bool is_member(const tree_definition& d, const entry& e) { return e && (!d.has || d.has(e.get())); }

}  // namespace

write_transaction::write_transaction(store* owner, std::shared_ptr<root> root, uint64_t index, bool replaces)
    : store_(owner), root_(std::move(root)), view_(root_), index_(index), token_(next_token()), replaces_(replaces) {
  root_->index = index;
}

write_transaction::write_transaction(write_transaction&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)),
      root_(std::move(other.root_)),
      view_(std::move(other.view_)),
      index_(other.index_),
      token_(other.token_),
      replaces_(other.replaces_),
      changes_(std::move(other.changes_)) {}

write_transaction::~write_transaction() {
  if (store_) store_->writing_ = false;
}

void write_transaction::put_any(table t, entry record) {
  const auto trees = trees_of(t);
  auto before = root_->trees[static_cast<size_t>(t)].put(definition(trees[0]).order, record, token_);
  for (auto id : trees.subspan(1)) {
    const auto& d = definition(id);
    auto& content = root_->trees[static_cast<size_t>(id)];
    const bool is_in = is_member(d, record);
    if (is_member(d, before) && !(is_in && d.order.key_of(before.get()) == d.order.key_of(record.get()))) {
      content.erase(d.order, d.order.key_of(before.get()), token_);
    }
    if (is_in) content.put(d.order, record, token_);
  }
  root_->table_indexes[static_cast<size_t>(t)] = index_;
  // A replaced state has no changes to follow: everybody starts over.
  if (!replaces_) changes_.push_back({t, std::move(before), std::move(record)});
}

bool write_transaction::erase_any(table t, const table_key& key) {
  const auto trees = trees_of(t);
  auto before = root_->trees[static_cast<size_t>(t)].erase(definition(trees[0]).order, key, token_);
  if (!before) return false;
  for (auto id : trees.subspan(1)) {
    const auto& d = definition(id);
    if (is_member(d, before)) root_->trees[static_cast<size_t>(id)].erase(d.order, d.order.key_of(before.get()), token_);
  }
  root_->table_indexes[static_cast<size_t>(t)] = index_;
  if (!replaces_) changes_.push_back({t, std::move(before), nullptr});
  return true;
}

void write_transaction::set_table_index(table t, uint64_t index) { root_->table_indexes[static_cast<size_t>(t)] = index; }

void write_transaction::commit() {
  ENSURE(store_ != nullptr, "a transaction commits once");
  auto* owner = std::exchange(store_, nullptr);
  view_ = snapshot();
  owner->writing_ = false;
  owner->publish(std::move(root_), changes_, replaces_);
}

store::store() : root_(std::make_shared<const root>()), watches_(std::make_shared<detail::watch_registry>()) {}

store::~store() {
  // Callbacks may own handles: let them go while the registry still stands.
  std::vector<std::function<void()>> dropped;
  std::lock_guard lock(watches_->mutex());
  watches_->take_all(dropped);
}

snapshot store::current() const {
  std::lock_guard lock(root_mutex_);
  return snapshot(root_);
}

write_transaction store::begin(uint64_t index) {
  ENSURE(!writing_.exchange(true), "one write transaction at a time");
  const auto base = current();
  ENSURE(index > base.index(), "indexes of transactions rise");
  return {this, std::make_shared<root>(base.content()), index, false};
}

write_transaction store::begin_restore(uint64_t index) {
  ENSURE(!writing_.exchange(true), "one write transaction at a time");
  return {this, std::make_shared<root>(), index, true};
}

void store::publish(std::shared_ptr<const root> next, std::span<const change> changes, bool replaced) {
  std::shared_ptr<const root> old;  // may be the last owner of much: freed after the locks
  std::vector<std::function<void()>> fired;
  {
    // A watch is registered either before this, and is found below, or after, and sees the new root.
    std::lock_guard lock(watches_->mutex());
    {
      std::lock_guard pointer_lock(root_mutex_);
      old = std::exchange(root_, std::move(next));
    }
    if (replaced) {
      watches_->take_all(fired);
    } else {
      for (const auto& c : changes) {
        if (watches_->empty()) break;
        watches_->take(c, fired);
      }
    }
  }
  for (const auto& callback : fired) callback();
}

result<watch_handle> store::watch(const snapshot& seen, std::vector<watch_key> keys, std::function<void()> callback) {
  if (keys.empty() || keys.size() > watch_keys_max) {
    return fail(errc::invalid, "a watch has {} keys; it takes 1 to {}", keys.size(), watch_keys_max);
  }
  {
    std::lock_guard lock(watches_->mutex());
    const auto now = current();
    bool overtaken = false;
    for (const auto& key : keys) overtaken = overtaken || differs(seen.content(), now.content(), key);
    if (!overtaken) {
      if (watches_->size() >= watches_max) return fail(errc::unavailable, "{} queries are waiting already; try again later", watches_max);
      return watch_handle(watches_, watches_->add(keys, std::move(callback)));
    }
  }
  callback();
  return watch_handle();
}

size_t store::watch_count() const {
  std::lock_guard lock(watches_->mutex());
  return watches_->size();
}

}  // namespace drover::state
