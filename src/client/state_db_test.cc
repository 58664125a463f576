#include "client/state_db.h"

#include "schema/job.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace drover::client {
namespace {

struct state_db_test : ::testing::Test {
  state_db_test() {
    char pattern[] = "/tmp/drover-state-XXXXXX";
    dir = ::mkdtemp(pattern);
    path = dir + "/state.db";
  }
  ~state_db_test() override { std::filesystem::remove_all(dir); }
  std::string dir, path;
};

TEST_F(state_db_test, remembers) {
  {
    auto db = *state_db::open(path);
    schema::allocation a;
    a.id = "one";
    a.alloc_modify_index = 7;
    auto job = std::make_shared<schema::job>();
    job->id = "web";
    a.job = job;
    ASSERT_TRUE(db->put_alloc(a));
    stored_task task;
    task.state.state = "running";
    task.handle = "somewhere";
    task.hooks["task_dir"] = "done";
    ASSERT_TRUE(db->put_task("one", "main", task));
    schema::alloc_deployment_status health;
    health.healthy = true;
    ASSERT_TRUE(db->put_health("one", health));
    ASSERT_TRUE(db->put_fact("index", "12"));
    a.id = "two";
    ASSERT_TRUE(db->put_alloc(a));
    ASSERT_TRUE(db->remove_alloc("two"));
  }
  auto db = *state_db::open(path);
  auto all = *db->load();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].record->id, "one");
  EXPECT_EQ(all[0].record->job->id, "web");
  EXPECT_EQ(all[0].tasks.at("main").handle, "somewhere");
  EXPECT_EQ(all[0].tasks.at("main").state.state, "running");
  EXPECT_EQ(all[0].tasks.at("main").hooks.at("task_dir"), "done");
  EXPECT_EQ(all[0].health->healthy, true);
  EXPECT_EQ(*db->fact("index"), "12");
  EXPECT_FALSE(db->fact("nothing")->has_value());
}

TEST_F(state_db_test, remembers_a_task_that_no_hook_has_prepared_yet) {
  {
    auto db = *state_db::open(path);
    schema::allocation a;
    a.id = "one";
    ASSERT_TRUE(db->put_alloc(a));
    ASSERT_TRUE(db->put_task("one", "main", {}));
  }
  auto db = *state_db::open(path);
  auto all = db->load();
  ASSERT_TRUE(all) << all.error().text();
  EXPECT_TRUE(all->at(0).tasks.at("main").hooks.empty());
}

TEST_F(state_db_test, says_that_a_file_is_damaged) {
  std::ofstream(path) << std::string(8192, 'x');
  auto db = state_db::open(path);
  ASSERT_FALSE(db);
  EXPECT_EQ(db.error().code(), errc::corrupt);
  EXPECT_NE(db.error().text().find("damaged"), std::string::npos) << db.error().text();
  EXPECT_NE(db.error().text().find(path), std::string::npos);
}

TEST_F(state_db_test, says_that_a_directory_is_missing) {
  auto db = state_db::open(dir + "/no/state.db");
  ASSERT_FALSE(db);
  EXPECT_EQ(db.error().code(), errc::io);
}

}  // namespace
}  // namespace drover::client
