// A persistent ordered set of records: a B+ tree whose versions share what they have in common.
//
// An entry is only a pointer to an immutable record; its key is read from the record (tree_order), so that an index costs 16 bytes of
// pointer and 8 of digest per entry, whatever the key's length. The digest is the beginning of the key: most comparisons end there and touch
// no record.
//
// Threads: a `tree` value is a pointer; any number of threads may read trees that share nodes. put() and erase() change the value they
// are called on and never what another value sees, except that nodes made under the same `owner` token are edited in place: a token belongs
// to one write transaction, and values copied while it is open are invalid after its next edit.
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace drover::state {

// Up to three texts and a number, compared in this order.
struct table_key {
  std::string_view a, b, c;
  uint64_t n = 0;
  friend auto operator<=>(const table_key&, const table_key&) = default;
  friend bool operator==(const table_key&, const table_key&) = default;
};

// How a tree reads its records.
struct tree_order {
  table_key (*key_of)(const void* record) = nullptr;
  // Ordered by (hash of a and b, beginning of c, a, b, c, n) instead of (a, b, c, n): for indexes that are read one (a, b) at a time.
  bool grouped = false;
};

using entry = std::shared_ptr<const void>;

uint64_t key_digest(const tree_order& order, const table_key& key);

namespace detail {

// A write copies the nodes on its path and counts every child and entry of theirs: small nodes cost it less than few levels save.
constexpr int fanout = 16;

struct tree_node {
  std::atomic<uint32_t> references{1};
  uint16_t count = 0;
  bool is_leaf;
  uint64_t owner;
  uint64_t digests[fanout];  // of the entries, or of the first entry below each child
  tree_node(bool leaf, uint64_t token) : is_leaf(leaf), owner(token) {}
};
void release(tree_node* node);

class node_ref {
 public:
  node_ref() = default;
  explicit node_ref(tree_node* adopted) : node_(adopted) {}
  node_ref(const node_ref& o) : node_(o.node_) {
    if (node_) node_->references.fetch_add(1, std::memory_order_relaxed);
  }
  node_ref(node_ref&& o) noexcept : node_(std::exchange(o.node_, nullptr)) {}
  node_ref& operator=(node_ref o) noexcept {
    std::swap(node_, o.node_);
    return *this;
  }
  ~node_ref() {
    if (node_) release(node_);
  }
  tree_node* get() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }

 private:
  tree_node* node_ = nullptr;
};

struct leaf_node : tree_node {
  entry entries[fanout];
  explicit leaf_node(uint64_t token) : tree_node(true, token) {}
};
struct inner_node : tree_node {
  node_ref children[fanout];
  explicit inner_node(uint64_t token) : tree_node(false, token) {}
};
inline const leaf_node& as_leaf(const tree_node* n) { return *static_cast<const leaf_node*>(n); }
inline const inner_node& as_inner(const tree_node* n) { return *static_cast<const inner_node*>(n); }

}  // namespace detail

class tree {
 public:
  uint64_t size() const { return size_; }
  // Equal values have equal content; the reverse need not hold.
  bool same(const tree& other) const { return root_.get() == other.root_.get(); }

  // Null if there is none.
  const entry* find(const tree_order& order, const table_key& key) const;
  // Inserts or replaces; the record that was replaced, or null.
  entry put(const tree_order& order, entry record, uint64_t owner);
  // The record that was there, or null.
  entry erase(const tree_order& order, const table_key& key, uint64_t owner);

  // Every entry in order, from the first that is not below (digest, key) (key may be null); each(entry) returns false to stop.
  template <class F>
  bool visit_from(const tree_order& order, uint64_t digest, const table_key* key, F&& each) const {
    return !root_ || walk(order, root_.get(), digest, key, true, each);
  }
  template <class F>
  bool visit(F&& each) const {
    return !root_ || walk({}, root_.get(), 0, nullptr, false, each);
  }

  // For tests and memory reports.
  struct shape {
    uint64_t leaves = 0, inners = 0, entries = 0, depth = 0, bytes = 0;
  };
  shape measure() const;
  // Order, digests, counts and equal depth hold.
  bool is_valid(const tree_order& order) const;

 private:
  // The first child that may hold what is not below (digest, key), or the first such entry of a leaf.
  static int start(const tree_order& order, const detail::tree_node* node, uint64_t digest, const table_key* key);

  template <class F>
  static bool walk(const tree_order& order, const detail::tree_node* node, uint64_t digest, const table_key* key, bool bounded, F& each) {
    const int first = bounded ? start(order, node, digest, key) : 0;
    for (int i = first; i < node->count; i++) {
      const bool go_on = node->is_leaf ? each(detail::as_leaf(node).entries[i])
                                       : walk(order, detail::as_inner(node).children[i].get(), digest, key, bounded && i == first, each);
      if (!go_on) return false;
    }
    return true;
  }

  detail::node_ref root_;
  uint64_t size_ = 0;
};

}  // namespace drover::state
