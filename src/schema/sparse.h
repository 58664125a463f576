// Fields that are nearly always empty, at the price of a pointer: boxed<T> reads like std::optional<T>, sparse<C> like the container C.
//
// For records of which a server holds a million. Both are values: a copy has content of its own, equality compares what is inside, and to
// walkers they are what they stand for (kind::optional, kind::list, kind::map), so that nothing changes on any wire.
//
// Threads: as any other value. An empty one owns nothing.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/describe.h"

namespace drover::schema {

template <class T>
class boxed {
 public:
  boxed() = default;
  boxed(std::nullopt_t) {}
  boxed(const T& value) : held_(std::make_unique<T>(value)) {}
  boxed(T&& value) : held_(std::make_unique<T>(std::move(value))) {}
  boxed(const std::optional<T>& value) : held_(value ? std::make_unique<T>(*value) : nullptr) {}
  boxed(const boxed& o) : held_(o.held_ ? std::make_unique<T>(*o.held_) : nullptr) {}
  boxed(boxed&&) noexcept = default;
  boxed& operator=(boxed o) noexcept {
    held_ = std::move(o.held_);
    return *this;
  }
  operator std::optional<T>() const { return held_ ? std::optional<T>(*held_) : std::nullopt; }

  bool has_value() const { return held_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  // Requires: there is a value.
  T& operator*() { return *held_; }
  const T& operator*() const { return *held_; }
  T* operator->() { return held_.get(); }
  const T* operator->() const { return held_.get(); }

  T& emplace() { return *(held_ = std::make_unique<T>()); }
  void reset() { held_ = nullptr; }

  friend bool operator==(const boxed& a, const boxed& b)
    requires requires(const T& t) { t == t; }
  {
    return a.held_ && b.held_ ? *a == *b : a.held_ == b.held_;
  }

 private:
  std::unique_ptr<T> held_;
};

template <class C>
class sparse {
 public:
  using value_type = typename C::value_type;
  using size_type = typename C::size_type;
  using const_iterator = typename C::const_iterator;
  using iterator = const_iterator;

  sparse() = default;
  sparse(C all) : held_(all.empty() ? nullptr : std::make_unique<C>(std::move(all))) {}
  sparse(std::initializer_list<value_type> all) : sparse(C(all)) {}
  sparse(const sparse& o) : held_(o.empty() ? nullptr : std::make_unique<C>(*o.held_)) {}
  sparse(sparse&&) noexcept = default;
  sparse& operator=(sparse o) noexcept {
    held_ = std::move(o.held_);
    return *this;
  }

  const C& all() const {
    static const C none;
    return held_ ? *held_ : none;
  }
  operator const C&() const { return all(); }
  // What is to be changed.
  C& edit() {
    if (!held_) held_ = std::make_unique<C>();
    return *held_;
  }

  bool empty() const { return !held_ || held_->empty(); }
  size_type size() const { return held_ ? held_->size() : 0; }
  const_iterator begin() const { return all().begin(); }
  const_iterator end() const { return all().end(); }
  void clear() { held_ = nullptr; }

  // Of a list.
  decltype(auto) back() const { return all().back(); }
  decltype(auto) emplace_back() { return edit().emplace_back(); }
  void push_back(value_type each) { edit().push_back(std::move(each)); }

  // Of a map.
  const_iterator find(const auto& key) const { return all().find(key); }
  bool contains(const auto& key) const { return all().contains(key); }
  decltype(auto) at(const auto& key) const { return all().at(key); }
  auto& operator[](const std::string& key) { return edit()[key]; }

  friend bool operator==(const sparse& a, const sparse& b)
    requires requires(const C& c) { c == c; }
  {
    return a.all() == b.all();
  }

 private:
  std::unique_ptr<C> held_;
};

namespace detail {

template <class T>
struct described<boxed<T>> {
  static const type_info& get() {
    using self = boxed<T>;
    static constexpr pointer_operations operations = {
        [](const void* p) -> const void* {
          auto& b = *static_cast<const self*>(p);
          return b.has_value() ? &*b : nullptr;
        },
        [](void* p) -> void* { return &static_cast<self*>(p)->emplace(); },
        [](void* p) { static_cast<self*>(p)->reset(); },
    };
    static const type_info info = [] {
      type_info i{.kind = kind::optional, .name = {}, .size = 0, .element = &described<T>::get, .pointer = &operations};
      fill_common<self>(i);
      return i;
    }();
    return info;
  }
};

template <class T>
struct described<sparse<std::vector<T>>> {
  static const type_info& get() {
    using self = sparse<std::vector<T>>;
    static constexpr list_operations operations = {
        [](const void* p) { return static_cast<const self*>(p)->size(); },
        [](const void* p, size_t i) -> const void* { return &static_cast<const self*>(p)->all()[i]; },
        [](void* p) -> void* { return &static_cast<self*>(p)->edit().emplace_back(); },
        [](void* p) { static_cast<self*>(p)->clear(); },
        [](void* p, size_t n) {
          if (n > 0) static_cast<self*>(p)->edit().reserve(n);
        },
    };
    static const type_info info = [] {
      type_info i{.kind = kind::list, .name = {}, .size = 0, .element = &described<T>::get, .list = &operations};
      fill_common<self>(i);
      return i;
    }();
    return info;
  }
};

template <class T>
struct described<sparse<std::map<std::string, T>>> {
  static const type_info& get() {
    using self = sparse<std::map<std::string, T>>;
    static constexpr map_operations operations = {
        [](const void* p) { return static_cast<const self*>(p)->size(); },
        [](const void* p, void* context, void (*each)(void*, const std::string&, const void*)) {
          for (const auto& [key, element] : *static_cast<const self*>(p)) each(context, key, &element);
        },
        [](const void* p, const std::string& key) -> const void* {
          auto& m = static_cast<const self*>(p)->all();
          auto found = m.find(key);
          return found == m.end() ? nullptr : &found->second;
        },
        [](void* p, std::string key) -> void* { return &static_cast<self*>(p)->edit()[std::move(key)]; },
        [](void* p) { static_cast<self*>(p)->clear(); },
    };
    static const type_info info = [] {
      type_info i{.kind = kind::map, .name = {}, .size = 0, .element = &described<T>::get, .map = &operations};
      fill_common<self>(i);
      return i;
    }();
    return info;
  }
};

}  // namespace detail
}  // namespace drover::schema
