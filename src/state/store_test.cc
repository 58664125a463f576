#include "state/store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "state/limits.h"

namespace drover::state {
namespace {

using schema::allocation;

allocation make_alloc(std::string id, std::string job, std::string node, std::string deployment = {}) {
  allocation a;
  a.id = std::move(id);
  a.namespace_ = "default";
  a.job_id = std::move(job);
  a.node_id = std::move(node);
  a.eval_id = "e1";
  a.deployment_id = std::move(deployment);
  return a;
}
schema::job make_job(std::string id, std::string ns = "default", uint64_t version = 0) {
  schema::job j;
  j.id = std::move(id);
  j.namespace_ = std::move(ns);
  j.version = version;
  return j;
}
template <class F>
void write(store& s, uint64_t index, F&& edit) {
  auto transaction = s.begin(index);
  edit(transaction);
  transaction.commit();
}
std::vector<std::string> ids(const std::vector<schema::ref<allocation>>& allocs) {
  std::vector<std::string> out;
  for (const auto& a : allocs) out.push_back(a->id);
  return out;
}
using strings = std::vector<std::string>;

TEST(store, every_table_has_a_definition_and_a_name) {
  for (size_t i = 0; i < table_count; i++) {
    const auto t = static_cast<table>(i);
    EXPECT_FALSE(name(t).empty());
    EXPECT_EQ(definition(tree_of(t)).of, t);
    auto made = definition(t).make();
    EXPECT_EQ(definition(t).type().kind, schema::kind::record);
    EXPECT_NO_FATAL_FAILURE(definition(tree_of(t)).order.key_of(made.get()));
  }
}

TEST(store, an_empty_snapshot_answers) {
  snapshot s;
  EXPECT_EQ(s.index(), 0u);
  EXPECT_EQ(s.job("default", "x"), nullptr);
  EXPECT_TRUE(s.allocs_by_job("default", "x").empty());
  EXPECT_EQ(s.scheduler_config()->scheduler_algorithm, "binpack");
  EXPECT_EQ(s.cluster_id(), "");
}

TEST(store, nothing_is_visible_before_commit_and_old_snapshots_stay) {
  store s;
  const auto before = s.current();
  {
    auto t = s.begin(5);
    t.put<table::jobs>(make_job("web"));
    EXPECT_NE(t.read().job("default", "web"), nullptr);
    EXPECT_EQ(s.current().job("default", "web"), nullptr);
    t.commit();
  }
  EXPECT_EQ(before.job("default", "web"), nullptr);
  EXPECT_NE(s.current().job("default", "web"), nullptr);
  EXPECT_EQ(s.current().index(), 5u);
  EXPECT_EQ(s.current().index(table::jobs), 5u);
  EXPECT_EQ(s.current().index({table::jobs, table::nodes}), 5u);
  EXPECT_EQ(s.current().index(table::nodes), 0u);
  {
    auto dropped = s.begin(6);
    dropped.put<table::jobs>(make_job("gone"));
  }
  EXPECT_EQ(s.current().job("default", "gone"), nullptr);
  EXPECT_EQ(s.current().index(), 5u);
}

TEST(store, indexes_follow_a_record_that_moves) {
  store s;
  write(s, 1, [](auto& t) {
    t.template put<table::allocs>(make_alloc("a1", "web", "n1"));
    t.template put<table::allocs>(make_alloc("a2", "web", "n1", "d1"));
    t.template put<table::allocs>(make_alloc("a3", "db", "n2"));
  });
  EXPECT_EQ(ids(s.current().allocs_by_job("default", "web")), (strings{"a1", "a2"}));
  EXPECT_EQ(ids(s.current().allocs_by_node("n1")), (strings{"a1", "a2"}));
  EXPECT_EQ(ids(s.current().allocs_by_eval("e1")), (strings{"a1", "a2", "a3"}));
  EXPECT_EQ(ids(s.current().allocs_by_deployment("d1")), (strings{"a2"}));
  write(s, 2, [](auto& t) {
    t.template put<table::allocs>(make_alloc("a1", "web", "n2", "d1"));
    EXPECT_TRUE(t.template erase<table::allocs>({"a2", {}, {}}));
    EXPECT_FALSE(t.template erase<table::allocs>({"a2", {}, {}}));
    EXPECT_EQ(t.changes().size(), 2u);
    EXPECT_EQ(t.changes()[0].template before_as<table::allocs>()->node_id, "n1");
    EXPECT_EQ(t.changes()[1].after, nullptr);
  });
  EXPECT_EQ(ids(s.current().allocs_by_node("n1")), strings{});
  EXPECT_EQ(ids(s.current().allocs_by_node("n2")), (strings{"a1", "a3"}));
  EXPECT_EQ(ids(s.current().allocs_by_deployment("d1")), (strings{"a1"}));
}

TEST(store, prefixes_and_every_namespace) {
  store s;
  write(s, 1, [](auto& t) {
    for (auto id : {"web", "web-2", "weather", "db"}) t.template put<table::jobs>(make_job(id));
    t.template put<table::jobs>(make_job("web", "team"));
    t.template put<table::jobs>(make_job("web", "default2"));
  });
  auto list = [&](std::string_view ns, std::string_view prefix) {
    std::string out;
    s.current().visit_jobs(ns, prefix, [&](const auto& j) {
      out += j->namespace_ + "/" + j->id + " ";
      return true;
    });
    return out;
  };
  EXPECT_EQ(list("default", ""), "default/db default/weather default/web default/web-2 ");
  EXPECT_EQ(list("default", "web"), "default/web default/web-2 ");
  EXPECT_EQ(list("default", "x"), "");
  EXPECT_EQ(list("*", "web"), "default/web default/web-2 default2/web team/web ");
}

TEST(store, versions_newest_first) {
  store s;
  write(s, 1, [](auto& t) {
    for (uint64_t v = 0; v < 12; v++) t.template put<table::job_versions>(make_job("web", "default", v));
    t.template put<table::job_versions>(make_job("web2", "default", 0));
  });
  const auto versions = s.current().job_versions("default", "web");
  ASSERT_EQ(versions.size(), 12u);
  EXPECT_EQ(versions.front()->version, 11u);
  EXPECT_EQ(s.current().job_version("default", "web", 3)->version, 3u);
}

struct counter {
  std::shared_ptr<std::atomic<int>> fired = std::make_shared<std::atomic<int>>(0);
  std::function<void()> callback() const {
    return [f = fired] { ++*f; };
  }
  int count() const { return *fired; }
};

TEST(watch, fires_for_what_it_names_and_only_once) {
  struct row {
    const char* what;
    watch_key key;
    bool by_alloc, by_other_alloc, by_job, by_other_job;
  };
  const row rows[] = {
      {"table", watch_table(table::allocs), true, true, false, false},
      {"alloc", watch_alloc("a1"), true, false, false, false},
      {"alloc prefix", watch_prefix(table::allocs, starting("a")), true, true, false, false},
      {"longer id", watch_alloc("a10"), false, false, false, false},
      {"allocs of job", watch_allocs_of_job("default", "web"), true, false, false, false},
      {"allocs of node", watch_allocs_of_node("n1"), true, false, false, false},
      {"allocs of old node", watch_allocs_of_node("n0"), true, false, false, false},
      {"allocs of eval", watch_allocs_of_eval("e1"), true, true, false, false},
      {"job", watch_job("default", "web"), false, false, true, false},
      {"jobs of namespace", watch_jobs("default"), false, false, true, true},
      {"jobs by prefix", watch_jobs("default", "we"), false, false, true, false},
      {"jobs by whole id as prefix", watch_jobs("default", "web"), false, false, true, false},
      {"jobs of all", watch_jobs("*"), false, false, true, true},
      {"jobs of another namespace", watch_jobs("defaul"), false, false, false, false},
      {"evals of job", watch_evals_of_job("default", "web"), false, false, false, false},
  };
  for (const auto& r : rows) {
    SCOPED_TRACE(r.what);
    auto fires = [&](auto&& edit) {
      store s;
      write(s, 1, [](auto& t) { t.template put<table::allocs>(make_alloc("a1", "web", "n0")); });
      counter c;
      auto handle = s.watch(s.current(), {r.key}, c.callback());
      EXPECT_TRUE(handle.has_value());
      EXPECT_EQ(c.count(), 0);
      write(s, 2, edit);
      const int first = c.count();
      write(s, 3, edit);
      EXPECT_EQ(c.count(), first) << "fired twice";
      EXPECT_EQ(s.watch_count(), first ? 0u : 1u);
      return first == 1;
    };
    EXPECT_EQ(fires([](auto& t) { t.template put<table::allocs>(make_alloc("a1", "web", "n1")); }), r.by_alloc);
    EXPECT_EQ(fires([](auto& t) { t.template put<table::allocs>(make_alloc("a2", "db", "n2")); }), r.by_other_alloc);
    EXPECT_EQ(fires([](auto& t) { t.template put<table::jobs>(make_job("web")); }), r.by_job);
    EXPECT_EQ(fires([](auto& t) { t.template put<table::jobs>(make_job("db")); }), r.by_other_job);
  }
}

TEST(watch, fires_at_once_when_overtaken_and_waits_when_something_else_moved) {
  store s;
  write(s, 1, [](auto& t) { t.template put<table::jobs>(make_job("web")); });
  const auto seen = s.current();
  write(s, 2, [](auto& t) { t.template put<table::jobs>(make_job("db")); });
  counter web;
  auto handle = s.watch(seen, {watch_job("default", "web")}, web.callback());
  EXPECT_EQ(web.count(), 0);
  counter all;
  auto overtaken = s.watch(seen, {watch_jobs("default")}, all.callback());
  EXPECT_EQ(all.count(), 1);
  counter erased;
  write(s, 3, [](auto& t) { t.template erase<table::jobs>({"default", "web", {}}); });
  EXPECT_EQ(web.count(), 1);
  auto gone = s.watch(seen, {watch_node("n"), watch_job("default", "web")}, erased.callback());
  EXPECT_EQ(erased.count(), 1);
  EXPECT_EQ(s.watch_count(), 0u);
}

TEST(watch, a_dropped_handle_never_fires_and_a_restore_fires_all) {
  store s;
  counter dropped, held;
  {
    auto handle = s.watch(s.current(), {watch_table(table::jobs)}, dropped.callback());
  }
  auto handle = s.watch(s.current(), {watch_table(table::nodes), watch_job("default", "web"), watch_jobs("default", "w")}, held.callback());
  EXPECT_EQ(s.watch_count(), 1u);
  auto t = s.begin_restore(9);
  t.commit();
  EXPECT_EQ(dropped.count(), 0);
  EXPECT_EQ(held.count(), 1);
  EXPECT_EQ(s.current().index(), 9u);
  EXPECT_EQ(s.watch_count(), 0u);
}

TEST(watch, refuses_no_keys_and_too_many) {
  store s;
  EXPECT_FALSE(s.watch(s.current(), {}, [] {}));
  EXPECT_FALSE(s.watch(s.current(), std::vector<watch_key>(watch_keys_max + 1, watch_table(table::jobs)), [] {}));
}

TEST(watch, a_handle_outlives_the_store) {
  watch_handle handle;
  {
    store s;
    handle = std::move(*s.watch(s.current(), {watch_table(table::jobs)}, [] {}));
  }
  handle.cancel();
}

TEST(watch, a_callback_may_watch_again) {
  store s;
  auto rounds = std::make_shared<std::atomic<int>>(0);
  auto handle = std::make_shared<watch_handle>();
  auto again = std::make_shared<std::function<void()>>();
  std::weak_ptr<std::function<void()>> weak = again;
  *again = [&s, rounds, handle, weak] {
    ++*rounds;
    if (auto self = weak.lock()) *handle = std::move(*s.watch(s.current(), {watch_table(table::jobs)}, *self));
  };
  *handle = std::move(*s.watch(s.current(), {watch_table(table::jobs)}, *again));
  for (uint64_t i = 1; i <= 5; i++) {
    write(s, i, [](auto& t) { t.template put<table::jobs>(make_job("web")); });
  }
  EXPECT_EQ(*rounds, 5);
  handle->cancel();
}

// Readers follow a job through watches while a writer changes it: every reader must reach the last version, and every snapshot that it
// sees must be whole (job and allocation change together).
TEST(watch, no_lost_wake_up_between_threads) {
  store s;
  constexpr uint64_t last = 3000;
  auto reader = [&s] {
    uint64_t seen_index = 0;
    while (seen_index < last) {
      const auto seen = s.current();
      EXPECT_GE(seen.index(), seen_index);
      seen_index = seen.index();
      if (const auto job = seen.job("default", "web")) {
        const auto allocs = seen.allocs_by_job("default", "web");
        ASSERT_FALSE(allocs.empty());
        ASSERT_EQ(allocs[0]->modify_index, job->modify_index);
      }
      if (seen_index == last) break;
      auto woken = std::make_shared<std::atomic<bool>>(false);
      auto handle = s.watch(seen, {watch_job("default", "web")}, [woken] {
        *woken = true;
        woken->notify_all();
      });
      ASSERT_TRUE(handle.has_value());
      woken->wait(false);
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; i++) readers.emplace_back(reader);
  for (uint64_t i = 1; i <= last; i++) {
    write(s, i, [i](auto& t) {
      auto job = make_job("web");
      job.modify_index = i;
      t.template put<table::jobs>(job);
      auto alloc = make_alloc("a1", "web", "n" + std::to_string(i % 5));
      alloc.modify_index = i;
      t.template put<table::allocs>(alloc);
      t.template put<table::allocs>(make_alloc("b" + std::to_string(i), "other", "n1"));
    });
  }
  for (auto& t : readers) t.join();
  EXPECT_EQ(s.watch_count(), 0u);
}

}  // namespace
}  // namespace drover::state
