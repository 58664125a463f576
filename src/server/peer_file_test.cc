#include "server/peer_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "raft/raft.h"
#include "server/file.h"

namespace drover::server {
namespace {

class peer_file_test : public testing::Test {
 protected:
  peer_file_test() : directory_(testing::TempDir() + "/drover-peers-XXXXXX") { EXPECT_NE(mkdtemp(directory_.data()), nullptr); }
  ~peer_file_test() override { std::filesystem::remove_all(directory_); }
  peer_file open() {
    auto file = peer_file::open(directory_, env::real_random());
    EXPECT_TRUE(file) << file.error().text();
    return *std::move(file);
  }
  std::string directory_;
  const std::vector<known_server> three = {{"id-a", "a.global", "10.0.0.1:4647", "10.0.0.1:4648"},
                                           {"id-b", "b.global", "10.0.0.2:4647", "10.0.0.2:4648"},
                                           {"id-c", "c.global", "[::1]:4647", "[::1]:4648"}};
};

TEST_F(peer_file_test, what_was_stored_is_there_again) {
  EXPECT_TRUE(open().servers().empty());
  ASSERT_TRUE(open().store({three[2], three[0], three[1]}));
  auto again = open();
  EXPECT_EQ(again.servers(), three);
  EXPECT_EQ(again.rpc_address_of(raft::id_from_uuid("id-b")), "10.0.0.2:4647");
  EXPECT_EQ(again.rpc_address_of(7), "");
  struct stat found{};
  ASSERT_EQ(::stat((directory_ + "/peers.key").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(peer_file_test, every_flipped_bit_is_noticed) {
  ASSERT_TRUE(open().store(three));
  auto path = directory_ + "/peers";
  auto good = read_small_file(path, 10'000);
  ASSERT_TRUE(good);
  for (size_t i = 0; i < good->size(); ++i) {
    auto bad = *good;
    bad[i] ^= 1;
    ASSERT_TRUE(replace_file(path, bad));
    EXPECT_TRUE(open().servers().empty()) << "byte " << i;
  }
  ASSERT_TRUE(replace_file(path, good->substr(0, good->size() / 2)));
  EXPECT_TRUE(open().servers().empty());
  ASSERT_TRUE(replace_file(path, *good));
  EXPECT_EQ(open().servers(), three);
}

TEST_F(peer_file_test, another_directorys_file_is_not_believed) {
  ASSERT_TRUE(open().store(three));
  auto foreign = directory_ + "/other";
  std::filesystem::create_directory(foreign);
  ASSERT_TRUE(peer_file::open(foreign, env::real_random()));
  std::filesystem::copy_file(directory_ + "/peers", foreign + "/peers");
  auto file = peer_file::open(foreign, env::real_random());
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->servers().empty());
  ASSERT_TRUE(file->store({three[0]}));
  EXPECT_EQ(peer_file::open(foreign, env::real_random())->servers().size(), 1u);
}

TEST_F(peer_file_test, nothing_is_written_when_nothing_changed) {
  auto file = open();
  ASSERT_TRUE(file.store(three));
  std::filesystem::remove(directory_ + "/peers");
  ASSERT_TRUE(file.store(three));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/peers"));
}

}  // namespace
}  // namespace drover::server
