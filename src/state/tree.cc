#include "state/tree.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/ensure.h"
#include "state/node_memory.h"

namespace drover::state {

namespace detail {

namespace {

// Where the count of a record's owners is: std::make_shared puts it in front of the record. No more than a hint.
constexpr ptrdiff_t count_before_record = 16;

// Counting touches sixteen places that are in no cache when the state is large, and each count waits for the last: unless all were asked for before.
void expect_counts(const leaf_node& leaf) {
  for (int i = 0; i < leaf.count; i++) __builtin_prefetch(static_cast<const char*>(leaf.entries[i].get()) - count_before_record, 1);
}
void expect_counts(const inner_node& inner) {
  for (int i = 0; i < inner.count; i++) __builtin_prefetch(&inner.children[i].get()->references, 1);
}

leaf_node* make_leaf(uint64_t owner) { return new (take_node(node_kind::leaf)) leaf_node(owner); }
inner_node* make_inner(uint64_t owner) { return new (take_node(node_kind::inner)) inner_node(owner); }

template <class Node>
void destroy(Node* node, node_kind kind) {
  expect_counts(*node);
  node->~Node();
  give_node(kind, node);
}

}  // namespace

void release(tree_node* node) {
  if (node->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (node->is_leaf) {
    destroy(static_cast<leaf_node*>(node), node_kind::leaf);
  } else {
    destroy(static_cast<inner_node*>(node), node_kind::inner);
  }
}

namespace {

// The beginning of `text` as a number that sorts as the text does.
uint64_t leading_bytes(std::string_view text) {
  uint64_t out = 0;
  if (text.size() >= sizeof(out)) {
    std::memcpy(&out, text.data(), sizeof(out));
    return std::byteswap(out);
  }
  for (size_t i = 0; i < sizeof(out); i++) out = out << 8 | (i < text.size() ? static_cast<uint8_t>(text[i]) : 0);
  return out;
}

// Most records are in this namespace: their digests begin with what follows it.
constexpr std::string_view common_first_part = "default";

// The beginning of (a, b) as a number that sorts as they do. Its two highest bits: a is below the common first part, is it, or is above it.
uint64_t ordered_digest(const table_key& key) {
  const auto relation = key.a <=> common_first_part;
  const uint64_t side = relation < 0 ? 0 : relation == 0 ? 1 : 2;
  return side << 62 | leading_bytes(side == 1 ? key.b : key.a) >> 2;
}

// The same for a text that is mostly hexadecimal digits, as ids are: eight of them, four bits each. At the first character that is none, all that
// can still come is on one side of it.
uint32_t leading_digits(std::string_view text) {
  constexpr int digits = 8;
  uint32_t out = 0;
  for (int i = 0; i < digits; i++) {
    const int rest = 4 * (digits - i);
    const auto c = static_cast<size_t>(i) < text.size() ? static_cast<uint8_t>(text[static_cast<size_t>(i)]) : uint8_t{0};
    const bool is_decimal = c >= '0' && c <= '9', is_letter = c >= 'a' && c <= 'f';
    if (is_decimal || is_letter) {
      out = out << 4 | static_cast<uint32_t>(is_decimal ? c - '0' : c - 'a' + 10);
      continue;
    }
    if (c < '0') return static_cast<uint32_t>(uint64_t{out} << rest);
    const uint64_t highest = c < 'a' ? 9 : 15;
    return static_cast<uint32_t>((uint64_t{out} << 4 | highest) << (rest - 4) | ((uint64_t{1} << (rest - 4)) - 1));
  }
  return out;
}

// FNV-1a: the same on every server, because the order of a grouped tree is part of what snapshots show.
uint32_t group_hash(std::string_view a, std::string_view b) {
  uint32_t h = 2166136261u;
  auto add = [&](std::string_view text) {
    for (char c : text) h = (h ^ static_cast<uint8_t>(c)) * 16777619u;
    h = (h ^ 0) * 16777619u;
  };
  add(a);
  add(b);
  return h;
}

inner_node& edit_inner(const node_ref& n) { return *static_cast<inner_node*>(n.get()); }
leaf_node& edit_leaf(const node_ref& n) { return *static_cast<leaf_node*>(n.get()); }

const void* first_record(const tree_node* node) {
  while (!node->is_leaf) node = as_inner(node).children[0].get();
  return as_leaf(node).entries[0].get();
}
const void* record_at(const tree_node* node, int i) { return node->is_leaf ? as_leaf(node).entries[i].get() : first_record(as_inner(node).children[i].get()); }

// How many slots hold something below (digest, key); `equal`: also what is the same.
int count_below(const tree_order& order, const tree_node* node, uint64_t digest, const table_key* key, bool equal) {
  const auto* begin = node->digests;
  const auto* end = begin + node->count;
  auto low = static_cast<int>(std::lower_bound(begin, end, digest) - begin);
  if (!key) return low;
  auto high = static_cast<int>(std::upper_bound(begin + low, end, digest) - begin);
  while (low < high) {
    const int middle = (low + high) / 2;
    const auto relation = order.key_of(record_at(node, middle)) <=> *key;
    if (relation < 0 || (equal && relation == 0)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// The child in which a key belongs.
int child_for(const tree_order& order, const tree_node* node, uint64_t digest, const table_key& key) {
  return std::max(0, count_below(order, node, digest, &key, true) - 1);
}

// Makes the node private to `owner`.
void own(node_ref& slot, uint64_t owner) {
  auto* node = slot.get();
  if (node->owner == owner) return;
  tree_node* copy;
  if (node->is_leaf) {
    expect_counts(as_leaf(node));
    auto* leaf = make_leaf(owner);
    std::copy_n(as_leaf(node).entries, node->count, leaf->entries);
    copy = leaf;
  } else {
    expect_counts(as_inner(node));
    auto* inner = make_inner(owner);
    std::copy_n(as_inner(node).children, node->count, inner->children);
    copy = inner;
  }
  copy->count = node->count;
  std::copy_n(node->digests, node->count, copy->digests);
  slot = node_ref(copy);
}

template <class Slot>
void open_slot(tree_node& node, Slot* slots, int i) {
  std::move_backward(slots + i, slots + node.count, slots + node.count + 1);
  std::copy_backward(node.digests + i, node.digests + node.count, node.digests + node.count + 1);
  node.count++;
}
template <class Slot>
void close_slot(tree_node& node, Slot* slots, int i) {
  std::move(slots + i + 1, slots + node.count, slots + i);
  std::copy(node.digests + i + 1, node.digests + node.count, node.digests + i);
  node.count--;
  slots[node.count] = Slot();
}
// Moves the slots from `first` on into `to`, behind what is there.
template <class Slot>
void move_tail(tree_node& from, Slot* from_slots, tree_node& to, Slot* to_slots, int first) {
  const int moved = from.count - first;
  std::move(from_slots + first, from_slots + from.count, to_slots + to.count);
  std::copy_n(from.digests + first, moved, to.digests + to.count);
  to.count = static_cast<uint16_t>(to.count + moved);
  from.count = static_cast<uint16_t>(first);
}

// Where a full node is cut. At its end when the new slot comes last: records that arrive in order leave full nodes behind.
int cut_for(int position) { return position == fanout ? fanout - 1 : fanout / 2; }

struct put_request {
  const tree_order& order;
  const table_key& key;
  uint64_t digest;
  entry record;
  uint64_t owner;
  entry replaced;
};

template <class Node, class Slot>
node_ref insert_slot(Node& node, Slot* (*slots)(Node&), Node* (*make)(uint64_t), int i, uint64_t digest, Slot value, uint64_t owner) {
  node_ref sibling;
  Node* target = &node;
  if (node.count == fanout) {
    auto* made = make(owner);
    sibling = node_ref(made);
    const int cut = cut_for(i);
    move_tail(node, slots(node), *made, slots(*made), cut);
    if (i > cut) {
      target = made;
      i -= cut;
    }
  }
  open_slot(*target, slots(*target), i);
  slots(*target)[i] = std::move(value);
  target->digests[i] = digest;
  return sibling;
}

entry* leaf_slots(leaf_node& n) { return n.entries; }
node_ref* inner_slots(inner_node& n) { return n.children; }

// Returns the new right sibling if the node was split.
node_ref put_below(node_ref& slot, put_request& request) {
  own(slot, request.owner);
  if (slot.get()->is_leaf) {
    auto& leaf = edit_leaf(slot);
    const int i = count_below(request.order, &leaf, request.digest, &request.key, false);
    if (i < leaf.count && leaf.digests[i] == request.digest && request.order.key_of(leaf.entries[i].get()) == request.key) {
      request.replaced = std::exchange(leaf.entries[i], std::move(request.record));
      return {};
    }
    return insert_slot(leaf, &leaf_slots, &make_leaf, i, request.digest, std::move(request.record), request.owner);
  }
  auto& inner = edit_inner(slot);
  const int i = child_for(request.order, &inner, request.digest, request.key);
  auto sibling = put_below(inner.children[i], request);
  inner.digests[i] = inner.children[i].get()->digests[0];
  if (!sibling) return {};
  const auto first = sibling.get()->digests[0];
  return insert_slot(inner, &inner_slots, &make_inner, i + 1, first, std::move(sibling), request.owner);
}

// Joins child i with its right neighbour when both fit well into one node.
void join_children(inner_node& parent, int i, uint64_t owner) {
  if (i < 0 || i + 1 >= parent.count) return;
  if (parent.children[i].get()->count + parent.children[i + 1].get()->count > fanout * 3 / 4) return;
  own(parent.children[i], owner);
  own(parent.children[i + 1], owner);
  if (parent.children[i].get()->is_leaf) {
    auto& left = edit_leaf(parent.children[i]);
    auto& right = edit_leaf(parent.children[i + 1]);
    move_tail(right, right.entries, left, left.entries, 0);
  } else {
    auto& left = edit_inner(parent.children[i]);
    auto& right = edit_inner(parent.children[i + 1]);
    move_tail(right, right.children, left, left.children, 0);
  }
  close_slot(parent, parent.children, i + 1);
}

// Requires: the key is there.
void erase_below(node_ref& slot, put_request& request) {
  own(slot, request.owner);
  if (slot.get()->is_leaf) {
    auto& leaf = edit_leaf(slot);
    const int i = count_below(request.order, &leaf, request.digest, &request.key, false);
    ENSURE(i < leaf.count, "the key to erase was found before");
    request.replaced = std::move(leaf.entries[i]);
    close_slot(leaf, leaf.entries, i);
    return;
  }
  auto& inner = edit_inner(slot);
  const int i = child_for(request.order, &inner, request.digest, request.key);
  erase_below(inner.children[i], request);
  const int left = inner.children[i].get()->count;
  if (left == 0) {
    close_slot(inner, inner.children, i);
    return;
  }
  inner.digests[i] = inner.children[i].get()->digests[0];
  if (left >= fanout / 4) return;
  join_children(inner, i, request.owner);
  join_children(inner, i - 1, request.owner);
}

void measure_below(const tree_node* node, tree::shape& out, uint64_t depth) {
  out.depth = std::max(out.depth, depth);
  if (node->is_leaf) {
    out.leaves++;
    out.entries += node->count;
    out.bytes += sizeof(leaf_node);
    return;
  }
  out.inners++;
  out.bytes += sizeof(inner_node);
  for (int i = 0; i < node->count; i++) measure_below(as_inner(node).children[i].get(), out, depth + 1);
}

bool valid_below(const tree_order& order, const tree_node* node, uint64_t depth, uint64_t full_depth) {
  if (node->count < 1 || node->count > fanout || node->is_leaf != (depth == full_depth)) return false;
  for (int i = 0; i < node->count; i++) {
    if (node->digests[i] != key_digest(order, order.key_of(record_at(node, i)))) return false;
    if (!node->is_leaf && !valid_below(order, as_inner(node).children[i].get(), depth + 1, full_depth)) return false;
  }
  return true;
}

}  // namespace
}  // namespace detail

using namespace detail;

uint64_t key_digest(const tree_order& order, const table_key& key) {
  if (!order.grouped) return ordered_digest(key);
  return static_cast<uint64_t>(group_hash(key.a, key.b)) << 32 | leading_digits(key.c);
}

const entry* tree::find(const tree_order& order, const table_key& key) const {
  const auto* node = root_.get();
  if (!node) return nullptr;
  const auto digest = key_digest(order, key);
  while (!node->is_leaf) node = as_inner(node).children[child_for(order, node, digest, key)].get();
  const int i = count_below(order, node, digest, &key, false);
  if (i == node->count || node->digests[i] != digest) return nullptr;
  const auto& found = as_leaf(node).entries[i];
  return order.key_of(found.get()) == key ? &found : nullptr;
}

entry tree::put(const tree_order& order, entry record, uint64_t owner) {
  ENSURE(record != nullptr, "a tree holds records, not null");
  // The key's views point into the record, which the tree keeps alive.
  const auto key = order.key_of(record.get());
  put_request request{order, key, key_digest(order, key), std::move(record), owner, nullptr};
  if (!root_) root_ = node_ref(detail::make_leaf(owner));
  if (auto sibling = put_below(root_, request)) {
    auto* top = make_inner(owner);
    top->count = 2;
    top->digests[0] = root_.get()->digests[0];
    top->digests[1] = sibling.get()->digests[0];
    top->children[0] = std::move(root_);
    top->children[1] = std::move(sibling);
    root_ = node_ref(top);
  }
  if (!request.replaced) size_++;
  return std::move(request.replaced);
}

entry tree::erase(const tree_order& order, const table_key& key, uint64_t owner) {
  const auto* found = find(order, key);
  if (!found) return nullptr;
  const entry kept = *found;  // the caller's key may point into it
  put_request request{order, key, key_digest(order, key), nullptr, owner, nullptr};
  erase_below(root_, request);
  size_--;
  while (root_ && !root_.get()->is_leaf && root_.get()->count == 1) root_ = node_ref(as_inner(root_.get()).children[0]);
  if (root_.get()->count == 0) root_ = node_ref();
  return kept;
}

int tree::start(const tree_order& order, const tree_node* node, uint64_t digest, const table_key* key) {
  const int below = count_below(order, node, digest, key, false);
  // The child before the first that starts at or above the bound may still end above it.
  return node->is_leaf ? below : std::max(0, below - 1);
}

tree::shape tree::measure() const {
  shape out;
  if (root_) measure_below(root_.get(), out, 1);
  return out;
}

bool tree::is_valid(const tree_order& order) const {
  const auto s = measure();
  if (s.entries != size_) return false;
  if (!root_) return true;
  if (!valid_below(order, root_.get(), 1, s.depth)) return false;
  bool sorted = true;
  const entry* last = nullptr;
  visit([&](const entry& e) {
    if (last) {
      const auto a = order.key_of(last->get()), b = order.key_of(e.get());
      const auto da = key_digest(order, a), db = key_digest(order, b);
      sorted = sorted && (da < db || (da == db && a < b));
    }
    last = &e;
    return true;
  });
  return sorted;
}

}  // namespace drover::state
