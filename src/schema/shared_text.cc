#include "schema/shared_text.h"

#include <algorithm>
#include <mutex>
#include <ostream>
#include <unordered_set>

#include "base/ensure.h"

namespace drover::schema {

const std::string shared_text::none_;

// The texts that interned() gave out and somebody still owns. The last owner takes its text out again.
struct interned_texts {
  using holder = shared_text::holder;
  struct hash {
    using is_transparent = void;
    size_t operator()(const holder* held) const { return (*this)(held->text); }
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct same {
    using is_transparent = void;
    bool operator()(const holder* a, const holder* b) const { return a->text == b->text; }
    bool operator()(std::string_view a, const holder* b) const { return a == b->text; }
    bool operator()(const holder* a, std::string_view b) const { return a->text == b; }
  };
  std::mutex mutex;
  std::unordered_set<holder*, hash, same> all;

  // Never destroyed: records may outlive every other static.
  static interned_texts& get() {
    static auto& table = *new interned_texts;
    return table;
  }
};

void shared_text::intern() {
  if (held_ && !held_->is_interned) *this = interned(held_->text);
}

shared_text shared_text::interned(std::string_view text) {
  if (text.empty()) return {};
  auto& table = interned_texts::get();
  std::lock_guard lock(table.mutex);
  if (auto known = table.all.find(text); known != table.all.end()) {
    (*known)->owners.fetch_add(1, std::memory_order_relaxed);
    return shared_text(*known);
  }
  auto* made = new holder{std::string(text), true};
  table.all.insert(made);
  return shared_text(made);
}

size_t shared_text::interned_count() {
  auto& table = interned_texts::get();
  std::lock_guard lock(table.mutex);
  return table.all.size();
}

// Only under the lock may the count of an interned text go to nothing, because interned() may find it there until then.
void shared_text::release_interned(holder* held) {
  auto owners = held->owners.load(std::memory_order_relaxed);
  while (owners > 1)
    if (held->owners.compare_exchange_weak(owners, owners - 1, std::memory_order_acq_rel)) return;
  auto& table = interned_texts::get();
  std::unique_lock lock(table.mutex);
  if (held->owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  table.all.erase(held);
  lock.unlock();
  delete held;
}

std::ostream& operator<<(std::ostream& out, const shared_text& text) { return out << text.str(); }

shared_text_map::shared_text_map(std::initializer_list<value_type> all) {
  for (const auto& [key, text] : all) (*this)[key] = text;
}

shared_text_map::shared_text_map(const std::map<std::string, std::string>& all) {
  if (all.empty()) return;
  auto& mine = own();
  for (const auto& [key, text] : all) mine.push_back({key, text});
}

shared_text_map::operator std::map<std::string, std::string>() const {
  std::map<std::string, std::string> out;
  for (const auto& [key, text] : *this) out.emplace_hint(out.end(), key.str(), text.str());
  return out;
}

std::vector<shared_text_map::value_type>& shared_text_map::own() {
  if (!data_) data_ = std::make_shared<std::vector<value_type>>();
  else if (data_.use_count() > 1) data_ = std::make_shared<std::vector<value_type>>(*data_);
  return *data_;
}

namespace {

constexpr auto key_of = [](const shared_text_map::value_type& each) -> std::string_view { return each.first; };

}  // namespace

shared_text_map::const_iterator shared_text_map::find(std::string_view key) const {
  auto at = std::ranges::lower_bound(begin(), end(), key, {}, key_of);
  return at != end() && at->first == key ? at : end();
}

const shared_text& shared_text_map::at(std::string_view key) const {
  auto found = find(key);
  ENSURE(found != end(), "the key is there");
  return found->second;
}

shared_text& shared_text_map::operator[](std::string_view key) {
  auto& mine = own();
  // Whoever decodes brings them in order.
  if (mine.empty() || mine.back().first < key) return mine.emplace_back(key, shared_text()).second;
  auto at = std::ranges::lower_bound(mine, key, {}, key_of);
  if (at->first != key) at = mine.insert(at, {key, {}});
  return at->second;
}

size_t shared_text_map::erase(std::string_view key) {
  if (!contains(key)) return 0;
  auto& mine = own();
  mine.erase(std::ranges::lower_bound(mine, key, {}, key_of));
  return 1;
}

void shared_text_map::intern() {
  auto is_own = [](const value_type& each) { return each.first.starts_with("unique."); };
  if (std::ranges::all_of(*this, [&](const auto& each) { return each.first.is_interned() && (is_own(each) || each.second.is_interned()); })) return;
  auto& mine = own();
  for (auto& each : mine) {
    each.first.intern();
    if (!is_own(each)) each.second.intern();
  }
  mine.shrink_to_fit();
}

namespace detail {

const type_info& described<shared_text>::get() {
  static constexpr pointer_operations operations = {
      [](const void* p) -> const void* { return &static_cast<const shared_text*>(p)->str(); },
      [](void* p) -> void* {
        auto* made = new shared_text::holder{{}};
        *static_cast<shared_text*>(p) = shared_text(made);
        return &made->text;
      },
      [](void* p) { static_cast<shared_text*>(p)->clear(); },
  };
  static const type_info info = [] {
    type_info i{.kind = kind::string, .name = {}, .size = 0, .pointer = &operations};
    fill_common<shared_text>(i);
    return i;
  }();
  return info;
}

const type_info& described<shared_text_map>::get() {
  using self = shared_text_map;
  static constexpr map_operations operations = {
      [](const void* p) { return static_cast<const self*>(p)->size(); },
      [](const void* p, void* context, void (*each)(void*, const std::string&, const void*)) {
        for (const auto& [key, element] : *static_cast<const self*>(p)) each(context, key, &element);
      },
      [](const void* p, const std::string& key) -> const void* {
        auto& m = *static_cast<const self*>(p);
        auto found = m.find(key);
        return found == m.end() ? nullptr : &found->second;
      },
      [](void* p, std::string key) -> void* { return &(*static_cast<self*>(p))[key]; },
      [](void* p) { static_cast<self*>(p)->clear(); },
  };
  static const type_info info = [] {
    type_info i{.kind = kind::map, .name = {}, .size = 0, .element = &described<shared_text>::get, .map = &operations};
    fill_common<self>(i);
    return i;
  }();
  return info;
}

}  // namespace detail
}  // namespace drover::schema
