#include "cli/output_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace drover::cli {
namespace {

struct output_file : testing::Test {
  output_file() { std::filesystem::create_directories(folder); }
  ~output_file() override { std::filesystem::remove_all(folder); }
  static std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  size_t files() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {})); }

  std::filesystem::path folder = std::filesystem::temp_directory_path() / fmt::format("drover-output-{}", ::getpid());
  std::string path = folder / "x.pem";
};

TEST_F(output_file, IsWrittenOnceAndForItsOwner) {
  ASSERT_TRUE(write_new_file(path, "one", 0600));
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(status.st_nlink, 1u);
  auto again = write_new_file(path, "two", 0600);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), errc::exists);
  EXPECT_EQ(text_of(path), "one");
  EXPECT_EQ(files(), 1u);
}

TEST_F(output_file, HasItsNameOnlyWhenItIsWhole) {
  {
    auto file = new_file::create(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("half"));
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  EXPECT_EQ(files(), 0u);

  auto file = new_file::create(path);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("ours"));
  std::ofstream(path) << "theirs";
  EXPECT_EQ(file->finish().error().code(), errc::exists);
  EXPECT_EQ(text_of(path), "theirs");
}

TEST_F(output_file, AFolderThatIsMissingIsNamed) {
  auto done = write_new_file(folder / "none" / "x", "text");
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().text().find("none/x"), std::string::npos);
}

}  // namespace
}  // namespace drover::cli
