#include "client/migration/archive.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "client/artifact/fetch.h"
#include "client/migration/limits.h"

namespace drover::client {
namespace {
namespace fs = std::filesystem;

struct snapshot_archive_test : ::testing::Test {
  snapshot_archive_test() {
    char pattern[] = "/tmp/drover-snapshot-XXXXXX";
    folder = ::mkdtemp(pattern);
    EXPECT_TRUE(dir().build());
    EXPECT_TRUE(dir().build_task("web", 0));
    fs::create_directories(into());
  }
  ~snapshot_archive_test() override {
    EXPECT_TRUE(dir().destroy());
    fs::remove_all(folder);
  }
  alloc_dir dir() const { return alloc_dir(folder + "/alloc-one"); }
  std::string into() const { return folder + "/into"; }

  static void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
  std::string read(const std::string& path) const {
    std::ifstream in(into() + "/" + path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // Through a file, as the other node does it.
  void pass_on() {
    auto archive = snapshot_archive::open(dir(), "one", {"web", "never-began"});
    ASSERT_TRUE(archive) << archive.error().text();
    std::ofstream out(folder + "/tar", std::ios::binary);
    for (;;) {
      auto part = (*archive)->next();
      ASSERT_TRUE(part) << part.error().text();
      EXPECT_LE(part->size(), 2 * limits::snapshot_chunk_bytes + 4096);
      if (part->empty()) break;
      out << *part;
    }
    out.close();
    auto done = unpack(folder + "/tar", archive_kind::tar, "", into(), {.keep_owner = true});
    ASSERT_TRUE(done) << done.error().text();
  }
  std::string folder;
};

TEST_F(snapshot_archive_test, carries_files_links_and_modes_of_the_disk_alone) {
  auto large = std::string(3'000'000, 'x') + "end";
  fs::create_directories(dir().data() + "/deep/er");
  write(dir().data() + "/deep/er/large", large);
  write(dir().data() + "/empty", "");
  fs::create_symlink("../empty", dir().data() + "/deep/link");
  ::mkfifo((dir().data() + "/pipe").c_str(), 0600);
  write(dir().task("web").local + "/" + std::string(180, 'n'), "long name");
  write(dir().task("web").secrets + "/secret", "no");
  write(dir().logs() + "/web.stdout.0", "no");
  ::chmod((dir().data() + "/deep/er").c_str(), 0710);
  ::chmod((dir().data() + "/empty").c_str(), 0421);
  pass_on();
  EXPECT_EQ(read("alloc/data/deep/er/large"), large);
  EXPECT_EQ(read("web/local/" + std::string(180, 'n')), "long name");
  EXPECT_EQ(fs::read_symlink(into() + "/alloc/data/deep/link"), "../empty");
  struct stat st{};
  ASSERT_EQ(::stat((into() + "/alloc/data/deep/er").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0710u);
  ASSERT_EQ(::stat((into() + "/alloc/data/empty").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0421u);
  ASSERT_EQ(::stat((into() + "/web/local").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0777u);
  EXPECT_FALSE(fs::exists(into() + "/alloc/data/pipe"));
  EXPECT_FALSE(fs::exists(into() + "/web/secrets"));
  EXPECT_FALSE(fs::exists(into() + "/alloc/logs"));
  EXPECT_FALSE(fs::exists(into() + "/" + snapshot_error_name("one")));
}

// A task may exchange its directories for links: they lead nowhere, and the other node hears of it.
TEST_F(snapshot_archive_test, follows_no_link_of_a_task) {
  fs::remove_all(dir().data());
  fs::create_directory_symlink("/etc", dir().data());
  pass_on();
  EXPECT_FALSE(fs::exists(into() + "/alloc/data/passwd"));
  EXPECT_NE(read(snapshot_error_name("one")).find("alloc/data"), std::string::npos);
}

TEST_F(snapshot_archive_test, says_what_it_could_not_carry) {
  auto path = dir().data();
  for (size_t i = 0; i <= limits::snapshot_depth_max; ++i) path += "/d";
  fs::create_directories(path);
  pass_on();
  EXPECT_NE(read(snapshot_error_name("one")).find("deeper than"), std::string::npos);
}

}  // namespace
}  // namespace drover::client
