#include <set>

#include "codec/snappy.h"
#include "fsm/fixture.h"
#include "fsm/limits.h"
#include "fsm/saved_state.h"

namespace drover::fsm::test {
namespace {

using enum command_type;

// A little of everything.
std::vector<std::string> history() {
  std::vector<std::string> out;
  out.push_back(encode<node_register>(node("n1")));
  out.push_back(encode<cluster_metadata>({.cluster_id = "id", .create_time = t0}));
  for (int i = 0; i < 40; i++) {
    const auto id = "job-" + std::to_string(i % 13);
    out.push_back(encode<job_register>(registration(make_job(id, i), make_eval("e" + std::to_string(i), id))));
    auto plan = placement(id, static_cast<uint64_t>(i / 13), {make_alloc("a" + std::to_string(i), id)});
    plan.eval_id = "e" + std::to_string(i);
    if (i % 3 == 0) {
      schema::deployment d;
      d.id = "d" + std::to_string(i);
      d.job_id = id;
      d.status = "running";
      d.task_groups["g"].desired_total = 1;
      plan.deployment = std::make_shared<const schema::deployment>(d);
    }
    out.push_back(encode<apply_plan_results>(plan));
    out.push_back(encode<alloc_client_update>(client_says("a" + std::to_string(i), i % 2 ? "running" : "complete")));
    out.push_back(encode<eval_update>({{}, {make_eval("e" + std::to_string(i), id, "complete")}, {}}));
  }
  schema::job_deregister_request purge;
  purge.job_id = "job-3";
  purge.purge = true;
  out.push_back(encode<job_deregister>(purge));
  return out;
}
void play(cluster& c, const std::vector<std::string>& entries) {
  for (const auto& e : entries) {
    auto outcome = c.machine.apply(++c.index, e);
    ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
  }
}

TEST(machine, an_entry_that_is_not_understood_stops_it_by_name) {
  cluster c;
  auto code_of = [&](std::string entry) {
    auto outcome = c.machine.apply(++c.index, entry);
    return outcome ? "" : std::string(name(outcome.error().code())) + ": " + outcome.error().message();
  };
  EXPECT_NE(code_of(std::string(1, '\x7f')).find("type 127, which this version does not know"), std::string::npos);
  EXPECT_EQ(code_of("\xff"), "") << "an ignorable one is skipped";
  EXPECT_NE(code_of("").find("is empty"), std::string::npos);
  EXPECT_NE(code_of(std::string("\x04", 1) + "\xc1\xc1").find("the job_register entry at index"), std::string::npos);
  EXPECT_EQ(c.now().index(), 0u);
  EXPECT_EQ(c.machine.apply(c.index, "\x7f").error().code(), errc::corrupt);
}

TEST(machine, names_every_command) {
  EXPECT_EQ(command_name(job_register), "job_register");
  EXPECT_EQ(command_name(apply_plan_results), "apply_plan_results");
  EXPECT_EQ(command_name(93), "unknown command 93");
  std::set<std::string> names;
  int known = 0;
  for (int i = 0; i < 128; i++) {
    const auto name = command_name(static_cast<uint8_t>(i));
    if (name.starts_with("unknown")) continue;
    known++;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(known, 61);
}

TEST(machine, tells_what_changed) {
  cluster c;
  std::vector<std::shared_ptr<const commit_event>> events;
  c.machine.on_commit([&](auto e) { events.push_back(std::move(e)); });
  c.apply<job_register>(registration(make_job("web"), make_eval("e1", "web")));
  ASSERT_EQ(events.size(), 1u);
  const auto& e = *events[0];
  EXPECT_EQ(e.index, c.index);
  EXPECT_EQ(e.type, job_register);
  EXPECT_EQ(e.state.index(), c.index);
  std::map<table, int> seen;
  for (const auto& change : e.changes) {
    seen[change.table]++;
    EXPECT_EQ(change.before, nullptr);
  }
  EXPECT_EQ(seen, (std::map<table, int>{{table::evals, 1}, {table::jobs, 1}, {table::job_versions, 1}, {table::job_summaries, 1}}));
  (void)c.refusal<namespace_delete>({{}, {"default"}});
  EXPECT_EQ(events.size(), 1u) << "a refusal changes nothing";
}

// Many allocations of one job in one plan: each record is written once.
TEST(machine, writes_a_jobs_summary_once_a_plan) {
  cluster c;
  c.apply<job_register>(registration(make_job("web", 100)));
  std::shared_ptr<const commit_event> last;
  c.machine.on_commit([&](auto e) { last = std::move(e); });
  std::vector<schema::allocation> allocs;
  for (int i = 0; i < 100; i++) allocs.push_back(make_alloc("a" + std::to_string(i), "web"));
  c.apply<apply_plan_results>(placement("web", 0, allocs));
  EXPECT_EQ(last->changes.size(), 100u + 1 + 1);  // with the summary and the job's status
  EXPECT_EQ(c.summary("web").starting, 100);
}

TEST(machine, the_same_entries_give_the_same_bytes) {
  cluster a, b;
  play(a, history());
  play(b, history());
  const auto first = a.machine.freeze()(), second = b.machine.freeze()();
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(*first == *second);
}

TEST(machine, what_is_saved_can_be_restored) {
  cluster a;
  play(a, history());
  const auto saved = *a.machine.freeze()();
  cluster b;
  std::shared_ptr<const commit_event> event;
  b.machine.on_commit([&](auto e) { event = std::move(e); });
  ASSERT_TRUE(b.machine.restore(a.index, saved).has_value());
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->restored);
  EXPECT_EQ(b.now().index(), a.now().index());
  for (size_t i = 0; i < state::table_count; i++) {
    EXPECT_EQ(b.now().index(static_cast<table>(i)), a.now().index(static_cast<table>(i))) << state::name(static_cast<table>(i));
  }
  EXPECT_TRUE(*b.machine.freeze()() == saved);
  const auto alloc = b.now().alloc("a39");
  ASSERT_TRUE(alloc && alloc->job);
  EXPECT_EQ(alloc->job, b.now().job_version("default", alloc->job_id, alloc->job->version)) << "shared again";
  ASSERT_TRUE(b.now().alloc("a3")->job) << "a job that only its allocations remember";
  // Both go on alike.
  b.index = a.index;
  a.apply<alloc_client_update>(client_says("a39", "failed"));
  b.apply<alloc_client_update>(client_says("a39", "failed"));
  EXPECT_TRUE(*a.machine.freeze()() == *b.machine.freeze()());
}

TEST(machine, a_frozen_state_does_not_move) {
  cluster c;
  play(c, history());
  const auto frozen = c.machine.freeze();
  const auto early = *frozen();
  c.apply<job_register>(registration(make_job("later")));
  EXPECT_TRUE(*frozen() == early);
  EXPECT_EQ(place_of(early)->index, c.index - 1);
}

TEST(machine, a_broken_save_restores_nothing) {
  cluster a;
  play(a, history());
  const auto saved = *a.machine.freeze()();
  cluster b;
  b.apply<job_register>(registration(make_job("mine")));
  auto refused = [&](std::string bytes, std::string_view why) {
    auto outcome = b.machine.restore(1000, bytes);
    ASSERT_FALSE(outcome.has_value()) << why;
    EXPECT_NE(outcome.error().message().find(why), std::string::npos) << outcome.error().message();
    EXPECT_NE(b.job("mine"), nullptr);
  };
  refused("", "no saved Drover state");
  refused("hello, this is not it, sorry", "no saved Drover state");
  for (size_t cut : {saved.size() - 1, saved.size() / 2, size_t{30}}) refused(saved.substr(0, cut), "checksum");
  auto flipped = saved;
  flipped[saved.size() / 3] ^= 4;
  refused(flipped, "checksum");
  EXPECT_FALSE(b.machine.restore(5, saved).has_value()) << "newer than it is said to be";
}

std::string restoring(const std::string& saved) { return encode<restore_state>({bytes(codec::snappy_compress(saved))}); }

// Back in time in the same cluster: the records are the old ones, the indexes go on.
TEST(machine, a_restored_state_replaces_everything_and_its_index_goes_on) {
  cluster c;
  play(c, history());
  const auto saved = *c.machine.freeze()();
  c.apply<job_register>(registration(make_job("later")));
  const auto before = c.now().index();
  std::shared_ptr<const commit_event> event;
  c.machine.on_commit([&](auto e) { event = std::move(e); });
  ASSERT_TRUE(c.machine.apply(++c.index, restoring(saved)).has_value());
  ASSERT_TRUE(event && event->restored);
  EXPECT_EQ(c.now().index(), before + 1);
  EXPECT_EQ(c.job("later"), nullptr);
  ASSERT_NE(c.job("job-5"), nullptr);
  EXPECT_EQ(c.now().index(table::jobs), before + 1) << "everybody who waits looks again";
  EXPECT_EQ(c.machine.index_offset(), 0u);
  c.apply<job_register>(registration(make_job("after")));
  EXPECT_EQ(c.now().index(), before + 2);
}

// Into a new cluster, whose log is short: the state's index jumps over that of the snapshot, and every server knows by how much.
TEST(machine, a_state_with_higher_indexes_than_the_log_moves_the_index_forward) {
  cluster old;
  play(old, history());
  const auto saved = *old.machine.freeze()();
  cluster a, b;
  for (auto* c : {&a, &b}) {
    c->apply<cluster_metadata>({.cluster_id = "new", .create_time = t0});
    ASSERT_TRUE(c->machine.apply(++c->index, restoring(saved)).has_value());
  }
  EXPECT_EQ(a.now().index(), old.now().index() + 1);
  EXPECT_EQ(a.now().cluster_id(), "new") << "servers know each other by it";
  EXPECT_EQ(a.machine.index_offset(), a.now().index() - a.index);
  a.apply<job_register>(registration(make_job("after")));
  b.apply<job_register>(registration(make_job("after")));
  EXPECT_EQ(a.now().index(), old.now().index() + 2);
  EXPECT_EQ(a.job("after")->modify_index, a.now().index());
  // The offset survives a snapshot of Raft, and those who follow the log have the same state.
  cluster c;
  ASSERT_TRUE(c.machine.restore(b.index, *b.machine.freeze()()).has_value());
  c.index = b.index;
  for (auto* each : {&a, &b, &c}) each->apply<job_register>(registration(make_job("last")));
  EXPECT_TRUE(*a.machine.freeze()() == *b.machine.freeze()());
  EXPECT_TRUE(*a.machine.freeze()() == *c.machine.freeze()());
}

TEST(machine, a_restore_that_cannot_be_read_stops_it) {
  cluster c;
  c.apply<job_register>(registration(make_job("mine")));
  auto outcome = c.machine.apply(++c.index, encode<restore_state>({bytes("rubbish")}));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), errc::corrupt);
  EXPECT_NE(c.job("mine"), nullptr);
}

TEST(machine, large_numbers_in_a_save_allocate_nothing) {
  cluster a;
  const auto saved = *a.machine.freeze()();
  // Any body with a right checksum: cut tables must be noticed one by one.
  auto sealed = [](std::string body) {
    uint64_t h = 14695981039346656037ull;
    for (char c : body) h = (h ^ static_cast<uint8_t>(c)) * 1099511628211ull;
    for (int i = 0; i < 8; i++) body += static_cast<char>(h >> (8 * i) & 0xff);
    return body;
  };
  const auto body = saved.substr(0, saved.size() - 8);
  cluster b;
  for (size_t cut = 12; cut < body.size(); cut += 7) EXPECT_FALSE(b.machine.restore(1000, sealed(body.substr(0, cut))).has_value()) << cut;
  EXPECT_FALSE(b.machine.restore(1000, sealed(body + "x")).has_value());
  EXPECT_TRUE(b.machine.restore(1000, sealed(body)).has_value());
}

}  // namespace
}  // namespace drover::fsm::test
