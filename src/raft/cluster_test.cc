// Three servers in one process over TCP on loopback.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <condition_variable>

#include "raft/test_support.h"

namespace drover::raft {
namespace {

using testing::apply;
using testing::recorder;
using testing::temp_dir;
using testing::text;
using testing::wait;

// An address that was free a moment ago.
std::string free_address() {
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
    o.directory = dir_.path() + "/" + std::to_string(i);
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

TEST(cluster, three_servers_elect_one_leader_and_all_apply_the_same) {
  cluster c(3);
  for (size_t i = 0; i < 3; i++) c.start(i);
  for (int i = 0; i < 50; i++) c.write(std::to_string(i));
  for (size_t i = 0; i < 3; i++) {
    ASSERT_TRUE(c.machine(i).wait_for(50));
    EXPECT_EQ(c.machine(i).entries().back(), "49");
  }
  size_t leader = c.leader();
  size_t other = (leader + 1) % 3;
  auto r = apply(c.at(other), "at a follower");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code(), errc::unavailable);
  EXPECT_THAT(r.error().text(), ::testing::HasSubstr("not the leader; it is " + c.address(leader)));
  EXPECT_TRUE(wait([&](callback done) { c.at(c.leader()).barrier(done); }));
  EXPECT_FALSE(wait([&](callback done) { c.at(other).barrier(done); }));
  EXPECT_EQ(c.at(other).leader().leader_id, leader + 1);
  EXPECT_EQ(c.at(other).stats().servers.size(), 3u);
}

TEST(cluster, servers_that_wait_form_a_cluster_when_they_are_given_their_first_configuration) {
  cluster c(3, 3, true);
  for (size_t i = 0; i < 3; i++) c.start(i);
  EXPECT_EQ(c.at(0).stats().servers.size(), 0u);
  EXPECT_LT(c.at(0).stats().last_contact, nanoseconds(0));
  EXPECT_EQ(wait([&](callback done) { c.at(0).bootstrap({}, false, done); }).error().code(), errc::invalid);
  for (size_t i : {1u, 2u, 0u}) {
    auto r = wait([&](callback done) { c.at(i).bootstrap(c.members(), i == 0, done); });
    ASSERT_TRUE(r) << text(r);
  }
  c.write("x");
  for (size_t i = 0; i < 3; i++) ASSERT_TRUE(c.machine(i).wait_for(1));
  EXPECT_EQ(c.at(2).stats().servers.size(), 3u);
  EXPECT_EQ(wait([&](callback done) { c.at(0).bootstrap(c.members(), true, done); }).error().code(), errc::conflict);
}

// Two of three are enough; the third was told nothing and learns everything from the leader.
TEST(cluster, one_that_missed_the_first_configuration_gets_it_from_the_leader) {
  cluster c(3, 3, true);
  for (size_t i = 0; i < 3; i++) c.start(i);
  for (size_t i : {1u, 0u}) ASSERT_TRUE(wait([&](callback done) { c.at(i).bootstrap(c.members(), i == 0, done); }));
  c.write("x");
  ASSERT_TRUE(c.machine(2).wait_for(1));
  EXPECT_EQ(c.at(2).stats().servers.size(), 3u);
}

TEST(cluster, a_new_leader_takes_over_and_the_old_one_catches_up) {
  cluster c(3);
  for (size_t i = 0; i < 3; i++) c.start(i);
  c.write("one");
  size_t old = c.leader();
  c.stop(old);
  c.write("two");
  EXPECT_NE(c.leader(), old);
  c.start(old);
  c.write("three");
  ASSERT_TRUE(c.machine(old).wait_for(3));
  EXPECT_EQ(c.machine(old).entries(), (std::vector<std::string>{"one", "two", "three"}));
}

TEST(cluster, a_server_that_is_far_behind_receives_a_snapshot) {
  cluster c(3);
  for (size_t i = 0; i < 3; i++) c.start(i, 50, 5);
  c.write("0");
  size_t behind = (c.leader() + 1) % 3;
  c.stop(behind);
  for (int i = 1; i < 300; i++) c.write(std::to_string(i));
  c.start(behind, 50, 5);
  ASSERT_TRUE(c.machine(behind).wait_for(300)) << c.machine(behind).entries().size();
  auto entries = c.machine(behind).entries();
  for (int i = 0; i < 300; i++) ASSERT_EQ(entries[i], std::to_string(i));
  EXPECT_GE(c.machine(behind).restores(), 1);
  // And it goes on from there, also after it was started again.
  c.stop(behind);
  c.start(behind, 50, 5);
  c.write("300");
  ASSERT_TRUE(c.machine(behind).wait_for(301));
}

TEST(cluster, all_stopped_and_started_again_keep_everything) {
  cluster c(3);
  for (size_t i = 0; i < 3; i++) c.start(i);
  for (int i = 0; i < 20; i++) c.write(std::to_string(i));
  for (size_t i = 0; i < 3; i++) c.stop(i);
  for (size_t i = 0; i < 3; i++) c.start(i);
  c.write("20");
  for (size_t i = 0; i < 3; i++) {
    ASSERT_TRUE(c.machine(i).wait_for(21));
    EXPECT_EQ(c.machine(i).entries().size(), 21u);
  }
}

TEST(cluster, leadership_moves_on_request) {
  cluster c(3);
  for (size_t i = 0; i < 3; i++) c.start(i);
  c.write("x");
  size_t old = c.leader(), next = (old + 1) % 3;
  auto r = wait([&](callback done) { c.at(old).transfer(next + 1, done); });
  ASSERT_TRUE(r) << text(r);
  EXPECT_EQ(c.leader([&](size_t i) { return i != old; }), next);
  EXPECT_EQ(wait([&](callback done) { c.at(next).transfer(99, done); }).error().code(), errc::invalid);
  c.write("y");
}

TEST(cluster, grows_from_one_server_and_shrinks) {
  cluster c(2, 1);
  c.start(0);
  c.write("before");
  c.start(1);
  auto change = [&](auto&& f) { return wait([&](callback done) { f(c.at(c.leader()), done); }); };
  auto r = change([&](node& n, callback done) { n.add(2, c.address(1), done); });
  ASSERT_TRUE(r) << text(r);
  EXPECT_EQ(change([&](node& n, callback done) { n.add(2, c.address(1), done); }).error().code(), errc::conflict);
  EXPECT_EQ(change([&](node& n, callback done) { n.add(3, "", done); }).error().code(), errc::invalid);
  EXPECT_EQ(change([&](node& n, callback done) { n.assign(3, role::voter, done); }).error().code(), errc::not_found);
  r = change([&](node& n, callback done) { n.assign(2, role::voter, done); });
  ASSERT_TRUE(r) << text(r);
  ASSERT_TRUE(c.machine(1).wait_for(1));
  EXPECT_EQ(c.at(0).stats().servers,
            (std::vector<server>{{1, c.address(0), role::voter}, {2, c.address(1), role::voter}}));
  c.write("with two");
  ASSERT_TRUE(c.machine(1).wait_for(2));
  // The leader may remove itself; the other goes on alone.
  size_t leader = c.leader(), other = 1 - leader;
  r = change([&](node& n, callback done) { n.remove(leader + 1, done); });
  ASSERT_TRUE(r) << text(r);
  EXPECT_EQ(c.leader([&](size_t i) { return i == other; }), other);
  c.stop(leader);
  c.write("alone");
}

}  // namespace
}  // namespace drover::raft
