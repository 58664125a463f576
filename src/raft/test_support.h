// For this room's tests: a state machine that remembers what it was given, temporary directories, and waiting without
// sleeping.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <future>
#include <mutex>

#include "raft/framing.h"
#include "raft/raft.h"

namespace drover::raft::testing {

// A directory below testing::TempDir(), removed at the end.
class temp_dir {
 public:
  temp_dir() {
    std::string name = ::testing::TempDir() + "/drover-raft-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~temp_dir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Keeps every entry in order. An entry "refuse" is refused, "poison" cannot be understood.
class recorder final : public state_machine {
 public:
  result<std::any> apply(uint64_t index, std::string_view entry) override {
    if (entry == "refuse") return fail(errc::invalid, "refused as asked");
    if (entry == "poison") return fail(errc::corrupt, "an unknown entry");
    std::lock_guard lock(mutex_);
    EXPECT_GT(index, index_);
    index_ = index;
    entries_.emplace_back(entry);
    changed_.notify_all();
    return std::any(entries_.size());
  }
  serialiser snapshot() override {
    std::lock_guard lock(mutex_);
    return [copy = entries_, failing = snapshots_fail_]() -> result<std::string> {
      if (failing) return fail(errc::io, "no snapshot as asked");
      std::string out;
      for (const std::string& e : copy) {
        char size[8];
        store_u64(size, e.size());
        out.append(size, 8).append(e);
      }
      return out;
    };
  }
  result<> restore(uint64_t index, std::string_view snapshot) override {
    std::lock_guard lock(mutex_);
    entries_.clear();
    while (!snapshot.empty()) {
      size_t size = load_u64(snapshot.data());
      entries_.emplace_back(snapshot.substr(8, size));
      snapshot.remove_prefix(8 + size);
    }
    index_ = index;
    restores_++;
    changed_.notify_all();
    return {};
  }
  std::vector<std::string> entries() const {
    std::lock_guard lock(mutex_);
    return entries_;
  }
  int restores() const {
    std::lock_guard lock(mutex_);
    return restores_;
  }
  void fail_snapshots(bool yes) {
    std::lock_guard lock(mutex_);
    snapshots_fail_ = yes;
  }
  // Waits until there are `count` entries.
  bool wait_for(size_t count) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return entries_.size() >= count; });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::string> entries_;
  uint64_t index_ = 0;
  int restores_ = 0;
  bool snapshots_fail_ = false;
};

inline options single(const std::string& directory) {
  options o;
  o.directory = directory;
  o.id = 7;
  o.address = "127.0.0.1:4647";
  o.bootstrap = {{7, o.address, role::voter}};
  return o;
}

template <class T>
result<T> get(std::future<result<T>>& f) {
  if (f.wait_for(std::chrono::seconds(30)) != std::future_status::ready) return fail(errc::timeout, "no answer within 30 s");
  return f.get();
}

inline std::future<result<apply_outcome>> apply_later(node& n, std::string entry) {
  auto p = std::make_shared<std::promise<result<apply_outcome>>>();
  auto f = p->get_future();
  n.apply(std::move(entry), [p](result<apply_outcome> r) { p->set_value(std::move(r)); });
  return f;
}
inline result<apply_outcome> apply(node& n, std::string entry) {
  auto f = apply_later(n, std::move(entry));
  return get(f);
}

// Calls a function that takes a callback, and waits for what it is called with.
template <class T = void, class F>
result<T> wait(F&& call) {
  auto p = std::make_shared<std::promise<result<T>>>();
  auto f = p->get_future();
  call([p](result<T> r) { p->set_value(std::move(r)); });
  return get(f);
}

// The text of an error, or what went well.
template <class T>
std::string text(const result<T>& r) {
  return r ? "success" : r.error().text();
}

}  // namespace drover::raft::testing
