// For this room's tests: several servers in one process over TCP on loopback.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <condition_variable>

#include "raft/test_support.h"

namespace drover::raft::testing {

// An address that was free a moment ago.
inline std::string free_address() {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
  socklen_t size = sizeof a;
  getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size);
  close(fd);
  return fmt::format("127.0.0.1:{}", ntohs(a.sin_port));
}

class cluster {
 public:
  explicit cluster(size_t size, size_t first_members = SIZE_MAX, bool bootstrap_later = false) : bootstrap_later_(bootstrap_later) {
    for (size_t i = 0; i < size; i++) addresses_.push_back(free_address());
    for (size_t i = 0; i < std::min(size, first_members); i++) members_.push_back({i + 1, addresses_[i], role::voter});
    nodes_.resize(size);
    machines_.resize(size);
  }
  ~cluster() {
    for (auto& n : nodes_) n.reset();
  }

  void start(size_t i, uint32_t threshold = 8192, uint32_t trailing = 2048) {
    options o;
    o.directory = directory(i);
    o.id = i + 1;
    o.address = addresses_[i];
    if (i < members_.size() && !bootstrap_later_) o.bootstrap = members_;
    o.transport = make_tcp_transport();
    o.snapshot_threshold = threshold;
    o.snapshot_trailing = trailing;
    o.on_leadership_change = [this](const leadership&) {
      std::lock_guard lock(mutex_);
      changes_++;
      changed_.notify_all();
    };
    machines_[i] = std::make_unique<recorder>();
    auto n = node::start(std::move(o), *machines_[i]);
    ASSERT_TRUE(n) << text(n);
    std::lock_guard lock(mutex_);
    nodes_[i] = std::move(*n);
  }
  void stop(size_t i) {
    std::unique_ptr<node> gone;
    {
      std::lock_guard lock(mutex_);
      gone = std::move(nodes_[i]);
    }
  }
  // The leader among the running ones, once there is one that `accept`s.
  size_t leader(const std::function<bool(size_t)>& accept = [](size_t) { return true; }) {
    std::unique_lock lock(mutex_);
    size_t found = SIZE_MAX;
    bool in_time = changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      for (size_t i = 0; i < nodes_.size(); i++) {
        if (nodes_[i] && nodes_[i]->is_leader() && accept(i)) found = i;
      }
      return found != SIZE_MAX;
    });
    EXPECT_TRUE(in_time) << "nobody leads";
    return found;
  }
  // Writes through whoever leads, again when leadership moves meanwhile.
  void write(const std::string& entry) {
    for (int attempt = 0; attempt < 100; attempt++) {
      auto r = apply(at(leader()), entry);
      if (r) return;
      ASSERT_EQ(r.error().code(), errc::unavailable) << text(r);
    }
    FAIL() << "no leader accepted it";
  }
  std::string directory(size_t i) const { return dir_.path() + "/" + std::to_string(i); }
  node& at(size_t i) { return *nodes_[i]; }
  recorder& machine(size_t i) { return *machines_[i]; }
  const std::vector<server>& members() const { return members_; }
  const std::string& address(size_t i) const { return addresses_[i]; }

 private:
  temp_dir dir_;
  bool bootstrap_later_;
  std::vector<std::string> addresses_;
  std::vector<server> members_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int changes_ = 0;
  std::vector<std::unique_ptr<recorder>> machines_;
  std::vector<std::unique_ptr<node>> nodes_;
};

}  // namespace drover::raft::testing
