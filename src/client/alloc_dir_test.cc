#include "client/alloc_dir.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "client/logs/log_files.h"

namespace drover::client {
namespace {

struct alloc_dir_test : ::testing::Test {
  alloc_dir_test() : dir("") {
    char pattern[] = "/tmp/drover-dir-XXXXXX";
    base = ::mkdtemp(pattern);
    dir = alloc_dir(base + "/alloc-id");
    EXPECT_TRUE(dir.build());
    EXPECT_TRUE(dir.build_task("web", 0));
  }
  ~alloc_dir_test() override {
    EXPECT_TRUE(dir.destroy());
    std::filesystem::remove_all(base);
  }
  unsigned mode(const std::string& path) {
    struct stat st{};
    ::stat((dir.root() + path).c_str(), &st);
    return st.st_mode & 07777;
  }
  std::string base;
  alloc_dir dir;
};

TEST_F(alloc_dir_test, layout) {
  EXPECT_EQ(mode("/alloc"), 0777u);
  EXPECT_EQ(mode("/alloc/logs"), 0777u);
  EXPECT_EQ(mode("/alloc/data"), 0777u);
  EXPECT_EQ(mode("/alloc/tmp"), 01777u);
  EXPECT_EQ(mode("/web/local"), 0777u);
  EXPECT_EQ(mode("/web/secrets"), 0777u);
  EXPECT_EQ(mode("/web/private"), 0700u);
  EXPECT_EQ(mode("/web/tmp"), 01777u);
  // Building again changes nothing.
  std::ofstream(dir.root() + "/web/secrets/token") << "x";
  EXPECT_TRUE(dir.build_task("web", 0));
  EXPECT_TRUE(std::filesystem::exists(dir.root() + "/web/secrets/token"));
}

TEST_F(alloc_dir_test, lists_and_guards) {
  std::ofstream(dir.root() + "/web/local/file") << "hello";
  ::symlink("/etc/passwd", (dir.root() + "/web/local/escape").c_str());
  auto top = *dir.list("/");
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].name, "alloc");
  EXPECT_EQ(top[0].file_mode, "drwxrwxrwx");
  EXPECT_EQ(top[1].name, "web");
  EXPECT_EQ(dir.stat("web/tmp")->file_mode, "dtrwxrwxrwx");
  EXPECT_EQ(dir.stat("/web/local/file")->size, 5);
  const std::pair<const char*, errc> rows[] = {
      {"nothing", errc::not_found},
      {"web/local/escape", errc::permission_denied},
      {"../../../etc/passwd", errc::not_found},
      {"web/secrets", errc::permission_denied},
      {"web/private/x/../../secrets", errc::permission_denied},
  };
  for (auto& [path, code] : rows) {
    auto found = dir.resolve(path);
    ASSERT_FALSE(found) << path;
    EXPECT_EQ(found.error().code(), code) << path << ": " << found.error().text();
  }
}

TEST_F(alloc_dir_test, a_sticky_disk_moves) {
  std::ofstream(dir.data() + "/kept") << "x";
  alloc_dir next(base + "/next");
  ASSERT_TRUE(next.build());
  ASSERT_TRUE(next.take_over(dir, {"web"}));
  EXPECT_TRUE(std::filesystem::exists(next.data() + "/kept"));
  EXPECT_TRUE(std::filesystem::exists(next.task("web").local));
  EXPECT_TRUE(next.destroy());
}

TEST_F(alloc_dir_test, log_positions) {
  std::ofstream(dir.logs() + "/web.stdout.0") << "0123456789";
  std::ofstream(dir.logs() + "/web.stdout.1") << "abcde";
  std::ofstream(dir.logs() + "/web.stderr.0") << "no";
  std::ofstream(dir.logs() + "/web.stdout.x") << "no";
  auto files = list_log_files(dir.logs(), "web", "stdout");
  ASSERT_EQ(files.size(), 2u);
  struct row {
    const char* origin;
    int64_t offset, index, at;
  } rows[] = {{"start", 0, 0, 0}, {"start", 9, 0, 9}, {"start", 10, 1, 0}, {"start", 99, 1, 5},
              {"end", 0, 1, 5},   {"end", 5, 1, 0},   {"end", 6, 0, 9},    {"end", 99, 0, 0}};
  for (auto& r : rows) {
    auto p = *find_log_position(files, r.origin, r.offset);
    EXPECT_EQ(p.index, r.index) << r.origin << r.offset;
    EXPECT_EQ(p.offset, r.at) << r.origin << r.offset;
  }
  EXPECT_FALSE(find_log_position({}, "start", 0));
}

}  // namespace
}  // namespace drover::client
