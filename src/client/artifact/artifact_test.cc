#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/bytes.h"
#include "client/artifact/fetch.h"
#include "client/system.h"
#include "codec/json.h"
#include "crypto/digest.h"

namespace drover::client {
namespace {

namespace fs = std::filesystem;

class artifact : public testing::Test {
 protected:
  artifact() {
    char name[] = "/tmp/drover-artifact-XXXXXX";
    root_ = ::mkdtemp(name);
    fs::create_directories(root_ + "/alloc");
  }
  ~artifact() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  std::string at(const std::string& name) const { return root_ + "/" + name; }
  std::string text(const std::string& name) const { return read_file(at(name)).value_or("?"); }
  artifact_request request(std::string source, std::string mode = "any") const {
    artifact_request r;
    r.source = std::move(source);
    r.mode = std::move(mode);
    r.root = at("alloc");
    r.destination = at("alloc/t/local");
    return r;
  }
  struct entry {
    std::string name;
    unsigned type = AE_IFREG;
    std::string content{}, link{}, hard{};
  };
  std::string pack(const std::string& name, const std::vector<entry>& entries, bool zip = false) const {
    auto* a = archive_write_new();
    if (zip) archive_write_set_format_zip(a);
    else archive_write_set_format_pax_restricted(a), archive_write_add_filter_gzip(a);
    archive_write_open_filename(a, at(name).c_str());
    for (auto& e : entries) {
      auto* made = archive_entry_new();
      archive_entry_set_pathname(made, e.name.c_str());
      archive_entry_set_filetype(made, e.type);
      archive_entry_set_perm(made, 0755);
      archive_entry_set_size(made, static_cast<int64_t>(e.content.size()));
      if (!e.link.empty()) archive_entry_set_symlink(made, e.link.c_str());
      if (!e.hard.empty()) archive_entry_set_hardlink(made, e.hard.c_str());
      archive_write_header(a, made);
      archive_write_data(a, e.content.data(), e.content.size());
      archive_entry_free(made);
    }
    archive_write_close(a);
    archive_write_free(a);
    return at(name);
  }
  std::string root_;
};

TEST_F(artifact, sources_are_understood) {
  struct row {
    const char *source, *url, *sub, *name;
    getter by;
  };
  const row rows[] = {
      {"https://h/a.zip?checksum=md5:1&x=1", "https://h/a.zip?x=1", "", "a.zip", getter::http},
      {"https://h/a.tar.gz//in/side?archive=false", "https://h/a.tar.gz", "in/side", "a.tar.gz", getter::http},
      {"git::https://h/r.git?ref=v1&depth=1", "https://h/r.git", "", "r.git", getter::git},
      {"github.com/o/n//sub", "https://github.com/o/n.git", "sub", "n.git", getter::git},
      {"git@github.com:o/n.git", "ssh://git@github.com/o/n.git", "", "n.git", getter::git},
      {"s3::http://127.0.0.1:9000/b/k.bin?region=eu", "http://127.0.0.1:9000/b/k.bin", "", "k.bin", getter::s3},
      {"b.s3.amazonaws.com/k", "https://b.s3.amazonaws.com/k", "", "k", getter::s3},
      {"/opt/x%20y", "/opt/x%20y", "", "x y", getter::file},
      {"file:///opt/x?archive=zip", "/opt/x", "", "x", getter::file},
  };
  for (auto& r : rows) {
    auto p = parse_artifact(request(r.source));
    ASSERT_TRUE(p) << r.source << ": " << p.error().text();
    EXPECT_EQ(p->url, r.url);
    EXPECT_EQ(p->subdirectory, r.sub) << r.source;
    EXPECT_EQ(p->file_name, r.name);
    EXPECT_EQ(p->by, r.by) << r.source;
  }
  for (auto wrong : {"hg::https://h/r", "gcs::https://h/b/k", "ftp://h/x", "relative", "https://h/x?filename=../y"})
    EXPECT_FALSE(parse_artifact(request(wrong))) << wrong;
}

TEST_F(artifact, a_request_survives_the_way_to_the_child) {
  auto r = request("https://h/x");
  r.options = {{"checksum", "sha256:1"}};
  r.headers = {{"X-A", "b"}};
  r.limits.extra_paths = {"r:/x"};
  r.uid = 5;
  auto back = artifact_from_value(*codec::value_from_json(codec::value_to_json(to_value(r))));
  ASSERT_TRUE(back);
  EXPECT_EQ(codec::value_to_json(to_value(*back)), codec::value_to_json(to_value(r)));
  EXPECT_FALSE(artifact_from_value(value("x")));
}

TEST_F(artifact, local_files_directories_and_modes) {
  ASSERT_TRUE(write_file(at("plain"), "hello", 0644));
  ASSERT_TRUE(fetch_artifact(request(at("plain"))));
  EXPECT_EQ(text("alloc/t/local/plain"), "hello");
  auto as_file = request(at("plain"), "file");
  as_file.destination += "/other";
  ASSERT_TRUE(fetch_artifact(as_file));
  EXPECT_EQ(text("alloc/t/local/other"), "hello");
  EXPECT_FALSE(fetch_artifact(request(at("plain"), "dir")));
  EXPECT_FALSE(fetch_artifact(request(at("nothing"))));
  EXPECT_FALSE(fetch_artifact(request(at("plain"), "some")));
  fs::create_directories(at("dir/in"));
  ASSERT_TRUE(write_file(at("dir/in/x"), "x", 0644));
  ASSERT_TRUE(fetch_artifact(request(at("dir"))));
  EXPECT_EQ(text("alloc/t/local/in/x"), "x");
  for (auto& e : fs::directory_iterator(at("alloc"))) EXPECT_EQ(e.path().filename(), "t") << "nothing is left behind";
}

TEST_F(artifact, checksums) {
  ASSERT_TRUE(write_file(at("f"), "abc", 0644));
  auto sum = hex_encode(crypto::sha256("abc"));
  ASSERT_TRUE(write_file(at("sums"), "# all\n1234  g\n" + sum + " *f\n", 0644));
  for (auto good : std::vector<std::string>{"sha256:" + sum, sum, "file:" + at("sums")}) {
    auto r = request(at("f"));
    r.options["checksum"] = good;
    auto done = fetch_artifact(r);
    EXPECT_TRUE(done) << good << ": " << done.error().text();
  }
  for (auto bad : std::vector<std::string>{"sha256:00", "md4:00", "sha1:" + sum, "file:" + at("nothing")}) {
    auto r = request(at("f"));
    r.options["checksum"] = bad;
    EXPECT_FALSE(fetch_artifact(r)) << bad;
  }
  EXPECT_EQ(*digest_in_file("SHA256 (f) = aa\nMD5 (g) = bb\n", "g"), "md5:bb");
  EXPECT_EQ(*digest_in_file("aabb\n", "any"), "aabb");
  EXPECT_FALSE(digest_in_file("aa  other\n", "f"));
}

TEST_F(artifact, archives_are_unpacked) {
  std::vector<entry> entries{{"d", AE_IFDIR}, {"d/x", AE_IFREG, "one"}, {"l", AE_IFLNK, "", "d/x"}, {"h", AE_IFREG, "", "", "d/x"}};
  ASSERT_TRUE(fetch_artifact(request(pack("a.tar.gz", entries))));
  EXPECT_EQ(text("alloc/t/local/d/x"), "one");
  EXPECT_EQ(text("alloc/t/local/l"), "one");
  EXPECT_EQ(text("alloc/t/local/h"), "one");
  auto zip = request(pack("a.zip", {{"z/y", AE_IFREG, "two"}}, true) + "//z");
  zip.destination = at("alloc/t/zip");
  auto done = fetch_artifact(zip);
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(text("alloc/t/zip/y"), "two");
  auto kept = request(at("a.zip"));
  kept.options["archive"] = "false";
  ASSERT_TRUE(fetch_artifact(kept));
  EXPECT_TRUE(fs::exists(at("alloc/t/local/a.zip")));
}

TEST_F(artifact, archives_write_nothing_outside) {
  struct row {
    const char* what;
    std::vector<entry> entries;
  };
  const row rows[] = {
      {"dots", {{"../evil", AE_IFREG, "x"}}},
      {"absolute", {{"/tmp/drover-evil", AE_IFREG, "x"}}},
      {"link out", {{"l", AE_IFLNK, "", "../../.."}}},
      {"absolute link", {{"l", AE_IFLNK, "", "/etc"}}},
      {"through a link", {{"d", AE_IFDIR}, {"l", AE_IFLNK, "", "d"}, {"l/x", AE_IFREG, "x"}}},
      {"hard link out", {{"h", AE_IFREG, "", "", "../../plain"}}},
      {"device", {{"c", AE_IFCHR}}},
      {"pipe", {{"p", AE_IFIFO}}},
  };
  for (auto& r : rows) EXPECT_FALSE(fetch_artifact(request(pack("bad.tar.gz", r.entries)))) << r.what;
  EXPECT_FALSE(fs::exists("/tmp/drover-evil"));
  EXPECT_FALSE(fs::exists(at("alloc/evil")));
  ASSERT_TRUE(write_file(at("garbage.tar.gz"), "this is no archive", 0644));
  EXPECT_FALSE(fetch_artifact(request(at("garbage.tar.gz"))));
  ASSERT_TRUE(write_file(at("garbage.zip"), std::string("PK\3\4garbage"), 0644));
  EXPECT_FALSE(fetch_artifact(request(at("garbage.zip"))));
}

TEST_F(artifact, bombs_end_at_the_limits) {
  auto bomb = request(pack("bomb.tar.gz", {{"big", AE_IFREG, std::string(1 << 20, '0')}}));
  bomb.limits.unpacked_size_max = 1000;
  auto done = fetch_artifact(bomb);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), errc::too_large);
  std::vector<entry> many;
  for (int i = 0; i < 50; i++) many.push_back({"f" + std::to_string(i), AE_IFREG, "x"});
  auto files = request(pack("many.tar.gz", many));
  files.limits.unpacked_files_max = 10;
  EXPECT_FALSE(fetch_artifact(files));
  EXPECT_FALSE(fs::exists(at("alloc/t/local/f0"))) << "nothing of a refused archive is placed";
}

TEST_F(artifact, links_out_of_a_directory_are_refused) {
  fs::create_directories(at("dir"));
  fs::create_symlink("/etc/passwd", at("dir/l"));
  EXPECT_FALSE(fetch_artifact(request(at("dir"))));
  auto allowed = request(at("dir"));
  allowed.limits.disable_inspection = true;
  EXPECT_TRUE(fetch_artifact(allowed));
}

TEST_F(artifact, git_repositories_with_a_ref) {
  auto git = [&](const std::string& words) {
    return std::system(("git -C " + at("repo") + " -c user.name=a -c user.email=a@b " + words + " >/dev/null 2>&1").c_str());
  };
  fs::create_directories(at("repo"));
  ASSERT_EQ(git("init -b main"), 0);
  ASSERT_TRUE(write_file(at("repo/x"), "old", 0644));
  ASSERT_EQ(git("add x") + git("commit -m one") + git("tag v1"), 0);
  ASSERT_TRUE(write_file(at("repo/x"), "new", 0644));
  ASSERT_EQ(git("commit -am two"), 0);
  auto done = fetch_artifact(request("git::file://" + at("repo")));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(text("alloc/t/local/x"), "new");
  auto old = request("git::file://" + at("repo") + "?ref=v1&depth=1");
  old.destination = at("alloc/t/old");
  done = fetch_artifact(old);
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(text("alloc/t/old/x"), "old");
  for (auto wrong : {"?ref=nothing", "?ref=--upload-pack=x", "?depth=x", "?sshkey=!!"})
    EXPECT_FALSE(fetch_artifact(request("git::file://" + at("repo") + wrong))) << wrong;
  EXPECT_FALSE(fetch_artifact(request("git::ext::sh -c touch% /tmp/drover-evil")));
}

// The keys and the bucket are those of AWS's documentation of signatures; the signature was made from its rules in Python.
TEST(s3, a_get_is_signed) {
  auto headers = sign_s3_get("https://examplebucket.s3.amazonaws.com/test.txt",
                             {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", "us-east-1"}, 1369353600);
  EXPECT_EQ(headers["x-amz-date"], "20130524T000000Z");
  EXPECT_TRUE(headers["Authorization"].starts_with(
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
      "Signature=df548e2ce037944d03f3e68682813b093763996d597cf890ca3d9037fd231eb4"));
  EXPECT_TRUE(sign_s3_get("https://b.s3.amazonaws.com/k", {}, 0).empty());
}

}  // namespace
}  // namespace drover::client
