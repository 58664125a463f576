// Texts that many records have in common: eight bytes in a record, one copy of the words.
//
// A shared_text is an immutable text with a count of its owners; copying one copies a pointer. It reads like a std::string, so that a field may
// be either. interned() gives every caller that says the same words the same copy: for what a cluster repeats (statuses, names of jobs and nodes,
// attributes), when a record is stored. shared_text_map stands in for std::map<std::string, std::string>: sorted, and copies share until one changes.
//
// Threads: values are like any other value; counts and the table behind interned() are safe from any thread.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <compare>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/describe.h"

namespace drover::schema {

// To walkers it is a kind::string with pointer operations: get() leads to the std::string, emplace() to a new one to be filled.
class shared_text {
 public:
  shared_text() = default;
  shared_text(std::string text) : held_(text.empty() ? nullptr : new holder{std::move(text)}) {}
  shared_text(std::string_view text) : shared_text(std::string(text)) {}
  shared_text(const char* text) : shared_text(std::string(text)) {}
  shared_text(const shared_text& o) : held_(o.held_) {
    if (held_) held_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  shared_text(shared_text&& o) noexcept : held_(std::exchange(o.held_, nullptr)) {}
  shared_text& operator=(const shared_text& o) {
    shared_text copy(o);
    std::swap(held_, copy.held_);
    return *this;
  }
  shared_text& operator=(shared_text&& o) noexcept {
    std::swap(held_, o.held_);
    return *this;
  }
  ~shared_text() {
    if (held_) release(held_);
  }

  // The one copy of these words that all who ask here get.
  static shared_text interned(std::string_view text);
  // Becomes that copy.
  void intern();
  bool is_interned() const { return held_ == nullptr || held_->is_interned; }
  // How many texts interned() keeps: those that still have an owner.
  static size_t interned_count();

  const std::string& str() const { return held_ ? held_->text : none_; }
  operator const std::string&() const { return str(); }
  template <std::same_as<std::string_view> T>
  operator T() const {
    return str();
  }
  bool same_copy(const shared_text& o) const { return held_ == o.held_; }

  bool empty() const { return held_ == nullptr; }
  size_t size() const { return str().size(); }
  const char* data() const { return str().data(); }
  const char* c_str() const { return str().c_str(); }
  char operator[](size_t i) const { return str()[i]; }
  bool starts_with(std::string_view text) const { return str().starts_with(text); }
  bool ends_with(std::string_view text) const { return str().ends_with(text); }
  size_t find(auto what, size_t from = 0) const { return str().find(what, from); }
  size_t rfind(auto what) const { return str().rfind(what); }
  std::string substr(size_t from, size_t count = std::string::npos) const { return str().substr(from, count); }
  void clear() { *this = shared_text(); }

  friend bool operator==(const shared_text& a, const shared_text& b) { return a.held_ == b.held_ || a.str() == b.str(); }
  template <class T>
    requires(std::convertible_to<const T&, std::string_view> && !std::same_as<T, shared_text>)
  friend bool operator==(const shared_text& a, const T& b) {
    return std::string_view(a.str()) == std::string_view(b);
  }
  friend std::strong_ordering operator<=>(const shared_text& a, const shared_text& b) { return a.str() <=> b.str(); }
  template <class T>
    requires(std::convertible_to<const T&, std::string_view> && !std::same_as<T, shared_text>)
  friend std::strong_ordering operator<=>(const shared_text& a, const T& b) {
    return std::string_view(a.str()) <=> std::string_view(b);
  }
  template <class T>
    requires(std::convertible_to<const T&, std::string_view>)
  friend std::string operator+(const shared_text& a, const T& b) {
    return std::string(a.str()).append(std::string_view(b));
  }
  template <class T>
    requires(std::convertible_to<const T&, std::string_view> && !std::same_as<T, shared_text>)
  friend std::string operator+(const T& a, const shared_text& b) {
    return std::string(std::string_view(a)).append(b.str());
  }
  friend std::string operator+(const shared_text& a, char b) { return a.str() + b; }
  friend std::string operator+(char a, const shared_text& b) { return a + b.str(); }
  friend std::ostream& operator<<(std::ostream& out, const shared_text& text);

 private:
  struct holder {
    explicit holder(std::string words, bool in_table = false) : is_interned(in_table), text(std::move(words)) {}
    std::atomic<uint32_t> owners{1};
    const bool is_interned;
    std::string text;  // never changed once there is a second owner
  };
  friend struct interned_texts;
  friend struct detail::described<shared_text>;

  explicit shared_text(holder* adopted) : held_(adopted) {}
  static void release(holder* held) {
    if (held->is_interned) return release_interned(held);
    if (held->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete held;
  }
  static void release_interned(holder* held);

  static const std::string none_;
  holder* held_ = nullptr;  // null: empty
};

class shared_text_map {
 public:
  struct value_type {
    shared_text first;
    shared_text second;
    friend bool operator==(const value_type&, const value_type&) = default;
  };
  using const_iterator = std::vector<value_type>::const_iterator;
  using iterator = const_iterator;

  shared_text_map() = default;
  shared_text_map(std::initializer_list<value_type> all);
  shared_text_map(const std::map<std::string, std::string>& all);
  // Explicit: a view into the copy would outlive it.
  explicit operator std::map<std::string, std::string>() const;

  size_t size() const { return data_ ? data_->size() : 0; }
  bool empty() const { return size() == 0; }
  const_iterator begin() const { return data_ ? data_->cbegin() : const_iterator(); }
  const_iterator end() const { return data_ ? data_->cend() : const_iterator(); }
  const_iterator find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != end(); }
  // Requires: there is one.
  const shared_text& at(std::string_view key) const;
  shared_text& operator[](std::string_view key);
  size_t erase(std::string_view key);
  void clear() { data_ = nullptr; }
  // Keys, and values of keys that do not say they are one node's own ("unique."), become the copies that everybody has.
  void intern();

  friend bool operator==(const shared_text_map& a, const shared_text_map& b) {
    return a.data_ == b.data_ || std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  std::vector<value_type>& own();

  std::shared_ptr<std::vector<value_type>> data_;
};

namespace detail {

template <>
struct described<shared_text> {
  static const type_info& get();
};
template <>
struct described<shared_text_map> {
  static const type_info& get();
};

}  // namespace detail
}  // namespace drover::schema

template <>
struct std::hash<drover::schema::shared_text> {
  size_t operator()(const drover::schema::shared_text& text) const { return std::hash<std::string>{}(text.str()); }
};

template <>
struct fmt::formatter<drover::schema::shared_text> : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(const drover::schema::shared_text& text, Context& context) const {
    return fmt::formatter<fmt::string_view>::format(fmt::string_view(text.data(), text.size()), context);
  }
};
