#include <fcntl.h>
#include <sys/stat.h>

#include "base/log.h"
#include "raft/limits.h"
#include "raft/test_support.h"

namespace drover::raft {
namespace {

using testing::apply;
using testing::apply_later;
using testing::recorder;
using testing::single;
using testing::temp_dir;
using testing::text;
using testing::wait;

TEST(node, a_single_server_leads_when_start_returns) {
  temp_dir dir;
  recorder machine;
  std::vector<leadership> changes;
  options o = single(dir.path());
  o.on_leadership_change = [&](const leadership& l) { changes.push_back(l); };
  auto n = node::start(std::move(o), machine);
  ASSERT_TRUE(n) << text(n);
  EXPECT_TRUE((*n)->is_leader());
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0], ((*n)->leader()));
  EXPECT_EQ(changes[0].leader_id, 7u);
  EXPECT_EQ(changes[0].leader_address, "127.0.0.1:4647");
  EXPECT_TRUE(changes[0].is_self);
  auto s = (*n)->stats();
  EXPECT_EQ(name(s.state), "Leader");
  EXPECT_EQ(s.servers, (std::vector<server>{{7, "127.0.0.1:4647", role::voter}}));
}

TEST(node, applies_in_order_and_answers_with_the_response) {
  temp_dir dir;
  recorder machine;
  auto n = node::start(single(dir.path()), machine);
  ASSERT_TRUE(n) << text(n);
  uint64_t last = 0;
  for (size_t i = 1; i <= 20; i++) {
    auto r = apply(**n, fmt::format("entry {}", i));
    ASSERT_TRUE(r) << text(r);
    EXPECT_GT(r->index, last);
    last = r->index;
    EXPECT_EQ(std::any_cast<size_t>(r->response), i);
  }
  EXPECT_EQ((*n)->last_applied(), last);
  EXPECT_EQ(machine.entries().back(), "entry 20");
  EXPECT_TRUE(wait([&](callback done) { (*n)->barrier(done); }));
}

TEST(node, concurrent_applies_share_writes) {
  temp_dir dir;
  recorder machine;
  auto n = node::start(single(dir.path()), machine);
  ASSERT_TRUE(n) << text(n);
  std::vector<std::future<result<apply_outcome>>> answers;
  for (int i = 0; i < 2000; i++) answers.push_back(apply_later(**n, std::to_string(i)));
  for (auto& a : answers) ASSERT_TRUE(testing::get(a));
  auto entries = machine.entries();
  ASSERT_EQ(entries.size(), 2000u);
  for (int i = 0; i < 2000; i++) ASSERT_EQ(entries[i], std::to_string(i));
  auto s = (*n)->stats();
  EXPECT_LT(s.appends, 1000u);
  EXPECT_EQ(s.applied_entries, 2000u);
  EXPECT_EQ(s.in_flight_entries, 0u);
  EXPECT_EQ(s.in_flight_bytes, 0u);
}

TEST(node, entries_that_wait_for_the_next_wake_are_written_together) {
  temp_dir dir;
  recorder machine;
  auto n = node::start(single(dir.path()), machine);
  ASSERT_TRUE(n) << text(n);
  ASSERT_TRUE(apply(**n, "before"));
  EXPECT_TRUE((*n)->is_sole_voter());
  const auto before = (*n)->stats().appends;
  std::vector<std::promise<result<apply_outcome>>> answers(100);
  for (auto& each : answers) (*n)->apply("x", [&each](auto r) { each.set_value(std::move(r)); }, nullptr, node::handing::with_the_next);
  (*n)->wake();
  for (auto& each : answers) ASSERT_TRUE(each.get_future().get());
  EXPECT_EQ((*n)->stats().appends, before + 1);
  // Any other call tells of them, too; so does the end.
  std::promise<result<apply_outcome>> waiting, asked;
  (*n)->apply("x", [&](auto r) { waiting.set_value(std::move(r)); }, nullptr, node::handing::with_the_next);
  ASSERT_TRUE(apply(**n, "now"));
  ASSERT_TRUE(waiting.get_future().get());
  (*n)->apply("x", [&](auto r) { asked.set_value(std::move(r)); }, nullptr, node::handing::with_the_next);
  (*n)->stop();
  (void)asked.get_future().get();
}

// Takes what was proposed instead of the entry.
class proposal_reader final : public state_machine {
 public:
  result<std::any> apply(uint64_t, std::string_view entry) override { return std::any("read " + std::string(entry)); }
  result<std::any> apply_proposed(uint64_t, std::string_view, void* proposed) override {
    return std::any("proposed " + std::move(*static_cast<std::string*>(proposed)));
  }
  serialiser snapshot() override {
    return [] { return result<std::string>("s"); };
  }
  result<> restore(uint64_t, std::string_view) override { return {}; }
};

TEST(node, what_was_proposed_reaches_the_state_machine_beside_its_entry) {
  temp_dir dir;
  proposal_reader machine;
  auto n = node::start(single(dir.path()), machine);
  ASSERT_TRUE(n) << text(n);
  std::promise<result<apply_outcome>> with, without;
  (*n)->apply("entry", [&](auto r) { with.set_value(std::move(r)); }, std::make_shared<std::string>("request"));
  (*n)->apply("entry", [&](auto r) { without.set_value(std::move(r)); });
  EXPECT_EQ(std::any_cast<std::string>(with.get_future().get()->response), "proposed request");
  EXPECT_EQ(std::any_cast<std::string>(without.get_future().get()->response), "read entry");
}

TEST(node, a_refusal_is_for_its_caller_and_the_log_goes_on) {
  temp_dir dir;
  recorder machine;
  auto n = node::start(single(dir.path()), machine);
  ASSERT_TRUE(n) << text(n);
  auto refused = apply(**n, "refuse");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), errc::invalid);
  EXPECT_EQ(refused.error().message(), "refused as asked");
  EXPECT_TRUE(apply(**n, "next"));
}

TEST(node, names_its_limits) {
  temp_dir dir;
  recorder machine;
  auto n = node::start(single(dir.path()), machine);
  ASSERT_TRUE(n) << text(n);
  auto empty = apply(**n, "");
  EXPECT_EQ(empty.error().code(), errc::invalid);
  auto large = apply(**n, std::string(entry_bytes_max + 1, 'x'));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code(), errc::too_large);
  EXPECT_THAT(large.error().message(), ::testing::HasSubstr("67108865 bytes"));
  // Larger than a log file, within the limit.
  auto fits = apply(**n, std::string(20 << 20, 'y'));
  EXPECT_TRUE(fits) << text(fits);
}

TEST(node, refuses_what_is_too_much_in_flight) {
  temp_dir dir;
  recorder machine;
  auto n = node::start(single(dir.path()), machine);
  ASSERT_TRUE(n) << text(n);
  // Holds the raft thread until everything is submitted.
  std::promise<void> go;
  (*n)->save_snapshot([&, wait_here = go.get_future().share()](result<saved_snapshot>) { wait_here.wait(); });
  std::vector<std::future<result<apply_outcome>>> answers;
  for (size_t i = 0; i < in_flight_entries_max + 100; i++) answers.push_back(apply_later(**n, "x"));
  go.set_value();
  size_t good = 0, refused = 0;
  for (auto& a : answers) {
    auto r = testing::get(a);
    if (r) {
      good++;
    } else {
      EXPECT_EQ(r.error().code(), errc::unavailable) << text(r);
      refused++;
    }
  }
  EXPECT_GE(good, in_flight_entries_max);
  EXPECT_EQ(good + refused, answers.size());
  EXPECT_EQ((*n)->stats().refused, refused);
}

TEST(node, everything_is_there_after_a_restart) {
  temp_dir dir;
  uint64_t last = 0;
  {
    recorder machine;
    auto n = node::start(single(dir.path()), machine);
    ASSERT_TRUE(n) << text(n);
    for (int i = 0; i < 50; i++) last = apply(**n, std::to_string(i))->index;
  }
  recorder machine;
  auto n = node::start(single(dir.path()), machine);
  ASSERT_TRUE(n) << text(n);
  EXPECT_EQ(machine.entries().size(), 50u);
  EXPECT_EQ((*n)->last_applied(), last);
  EXPECT_EQ(apply(**n, "more")->index, last + 1);
}

TEST(node, snapshots_shorten_the_log_and_restart_uses_them) {
  temp_dir dir;
  options o = single(dir.path());
  o.snapshot_threshold = 100;
  o.snapshot_trailing = 10;
  {
    recorder machine;
    auto n = node::start(single(dir.path()), machine);
    ASSERT_TRUE(n) << text(n);
    ASSERT_TRUE(apply(**n, "first"));
    EXPECT_EQ((*n)->stats().snapshots_taken, 0u);
  }
  {
    recorder machine;
    options copy = single(dir.path());
    copy.snapshot_threshold = o.snapshot_threshold;
    copy.snapshot_trailing = o.snapshot_trailing;
    auto n = node::start(std::move(copy), machine);
    ASSERT_TRUE(n) << text(n);
    for (int i = 0; i < 500; i++) ASSERT_TRUE(apply(**n, std::to_string(i)));
    EXPECT_GE((*n)->stats().snapshots_taken, 2u);
    EXPECT_GT((*n)->stats().last_snapshot_index, 300u);
  }
  recorder machine;
  auto n = node::start(std::move(o), machine);
  ASSERT_TRUE(n) << text(n);
  EXPECT_EQ(machine.restores(), 1);
  auto entries = machine.entries();
  ASSERT_EQ(entries.size(), 501u);
  EXPECT_EQ(entries[0], "first");
  EXPECT_EQ(entries[500], "499");
}

TEST(node, large_entries_start_a_snapshot_before_their_number_does) {
  temp_dir dir;
  recorder machine;
  options o = single(dir.path());
  o.snapshot_bytes = o.snapshot_bytes_most = 1 << 20;
  o.snapshot_trailing_bytes = 1 << 18;
  auto n = node::start(std::move(o), machine);
  ASSERT_TRUE(n) << text(n);
  for (int i = 0; i < 40; i++) ASSERT_TRUE(apply(**n, std::string(1 << 17, 'z')));
  EXPECT_TRUE(wait([&](callback done) { (*n)->compact(done); }));
  // At least one by itself, and the one on demand.
  EXPECT_GE((*n)->stats().snapshots_taken, 2u);
  uint64_t log_bytes = 0;
  for (const auto& f : std::filesystem::directory_iterator(dir.path())) {
    if (f.path().filename().string().starts_with("0000")) log_bytes += f.file_size();
  }
  EXPECT_LT(log_bytes, 3u << 20);
}

TEST(node, a_large_state_is_written_less_often) {
  temp_dir dir;
  recorder machine;
  options o = single(dir.path());
  o.snapshot_bytes = 1 << 20;
  auto n = node::start(std::move(o), machine);
  ASSERT_TRUE(n) << text(n);
  const auto write = [&](int entries) {
    for (int i = 0; i < entries; i++) ASSERT_TRUE(apply(**n, std::string(1 << 17, 'z')));
  };
  write(8);
  ASSERT_TRUE(wait([&](callback done) { (*n)->compact(done); }));
  const auto taken = (*n)->stats().snapshots_taken;
  // More than snapshot_bytes, and less than eight times what the state takes.
  write(20);
  EXPECT_EQ((*n)->stats().snapshots_taken, taken);
}

TEST(node, many_small_entries_do_not_write_a_large_state_again_and_again) {
  temp_dir dir;
  recorder machine;
  options o = single(dir.path());
  o.snapshot_bytes = 1 << 20;
  o.snapshot_threshold = 50;
  auto n = node::start(std::move(o), machine);
  ASSERT_TRUE(n) << text(n);
  const auto write = [&](int entries, size_t bytes) {
    for (int i = 0; i < entries; i++) ASSERT_TRUE(apply(**n, std::string(bytes, 'z')));
  };
  write(20, 1 << 17);
  ASSERT_TRUE(wait([&](callback done) { (*n)->compact(done); }));
  const auto taken = (*n)->stats().snapshots_taken;
  write(200, 100);
  EXPECT_EQ((*n)->stats().snapshots_taken, taken);
  // Now it has grown by as much as the state was, although by far less than eight times that.
  write(24, 1 << 17);
  ASSERT_TRUE(wait([&](callback done) { (*n)->compact(done); }));
  // One by itself, and the one on demand.
  EXPECT_GE((*n)->stats().snapshots_taken, taken + 2);
}

TEST(node, a_snapshot_can_be_saved_and_the_log_compacted_on_demand) {
  temp_dir dir;
  recorder machine;
  auto n = node::start(single(dir.path()), machine);
  ASSERT_TRUE(n) << text(n);
  for (int i = 0; i < 10; i++) ASSERT_TRUE(apply(**n, std::to_string(i)));
  auto saved = wait<saved_snapshot>([&](snapshot_callback done) { (*n)->save_snapshot(done); });
  ASSERT_TRUE(saved) << text(saved);
  EXPECT_EQ(saved->index, (*n)->last_applied());
  EXPECT_EQ(saved->term, 1u);
  recorder copy;
  ASSERT_TRUE(copy.restore(saved->index, saved->data));
  EXPECT_EQ(copy.entries(), machine.entries());

  auto compacted = wait([&](callback done) { (*n)->compact(done); });
  ASSERT_TRUE(compacted) << text(compacted);
  EXPECT_EQ((*n)->stats().snapshots_taken, 1u);

  machine.fail_snapshots(true);
  compacted = wait([&](callback done) { (*n)->compact(done); });
  ASSERT_FALSE(compacted);
  EXPECT_EQ(compacted.error().message(), "no snapshot as asked");
  EXPECT_TRUE(apply(**n, "still writes"));
}

TEST(node, halts_at_an_entry_that_it_cannot_follow) {
  temp_dir dir;
  {
    recorder machine;
    auto n = node::start(single(dir.path()), machine);
    ASSERT_TRUE(n) << text(n);
    auto r = apply(**n, "poison");
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code(), errc::corrupt);
    EXPECT_THAT(r.error().text(), ::testing::HasSubstr("an unknown entry"));
    r = apply(**n, "later");
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code(), errc::corrupt);
    EXPECT_FALSE((*n)->is_leader());
  }
  recorder machine;
  auto n = node::start(single(dir.path()), machine);
  ASSERT_FALSE(n);
  EXPECT_EQ(n.error().code(), errc::corrupt);
  EXPECT_THAT(n.error().text(), ::testing::HasSubstr("an unknown entry"));
}

TEST(node, answers_after_it_stopped) {
  temp_dir dir;
  recorder machine;
  auto n = node::start(single(dir.path()), machine);
  ASSERT_TRUE(n) << text(n);
  std::vector<std::future<result<apply_outcome>>> answers;
  for (int i = 0; i < 5000; i++) answers.push_back(apply_later(**n, std::to_string(i)));
  (*n)->stop();
  size_t good = 0;
  for (auto& a : answers) {
    auto r = testing::get(a);
    if (r) {
      good++;
    } else {
      ASSERT_EQ(r.error().code(), errc::cancelled) << text(r);
    }
  }
  EXPECT_EQ(good, machine.entries().size());
  EXPECT_EQ(apply(**n, "late").error().code(), errc::cancelled);
  EXPECT_EQ(wait([&](callback done) { (*n)->barrier(done); }).error().code(), errc::cancelled);
  (*n)->stop();
}

TEST(node, one_directory_has_one_node) {
  temp_dir dir;
  recorder machine;
  auto n = node::start(single(dir.path()), machine);
  ASSERT_TRUE(n) << text(n);
  recorder other;
  auto second = node::start(single(dir.path()), other);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), errc::conflict);
  EXPECT_THAT(second.error().text(), ::testing::HasSubstr(fmt::format("is in use by another process (pid {})", getpid())));
  n->reset();
  EXPECT_TRUE(node::start(single(dir.path()), other));
}

TEST(node, refuses_wrong_options) {
  temp_dir dir;
  recorder machine;
  struct row {
    std::function<void(options&)> change;
    const char* message;
  };
  const row rows[] = {
      {[](options& o) { o.id = 0; }, "raft needs the id of this server"},
      {[](options& o) { o.address = ""; }, "must have 1 to 255 characters"},
      {[](options& o) { o.heartbeat = seconds(1); }, "shorter than the election timeout"},
      {[](options& o) { o.snapshot_trailing = 0; }, "must be at least 1"},
      {[](options& o) { o.directory = ""; }, "raft needs a data directory"},
      {[&](options& o) { o.directory = dir.path() + "/file"; }, "file"},
      {[](options& o) { o.directory = "/proc/nothing/here"; }, "cannot make the data directory /proc/nothing"},
      {[&](options& o) { o.bootstrap.push_back(o.bootstrap[0]); }, "cannot write the first configuration"},
  };
  close(open((dir.path() + "/file").c_str(), O_CREAT | O_WRONLY, 0600));
  for (const row& r : rows) {
    options o = single(dir.path() + "/data");
    r.change(o);
    auto n = node::start(std::move(o), machine);
    ASSERT_FALSE(n) << r.message;
    EXPECT_THAT(n.error().text(), ::testing::HasSubstr(r.message));
  }
}

TEST(node, ids_stay) {
  EXPECT_EQ(id_from_uuid("8a1f2e7c-5a35-4f6e-9d5c-2f1f6b0f2d11"), id_from_uuid("8a1f2e7c-5a35-4f6e-9d5c-2f1f6b0f2d11"));
  EXPECT_NE(id_from_uuid("8a1f2e7c-5a35-4f6e-9d5c-2f1f6b0f2d11"), id_from_uuid("8a1f2e7c-5a35-4f6e-9d5c-2f1f6b0f2d12"));
  EXPECT_EQ(id_from_uuid("a"), 0xaf63dc4c8601ec8cu);
}

}  // namespace
}  // namespace drover::raft
