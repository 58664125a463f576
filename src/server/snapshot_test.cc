// Saving and restoring a cluster, and the file between.
#include <gtest/gtest.h>

#include "codec/json.h"
#include "codec/msgpack.h"
#include "fsm/machine.h"
#include "net/gzip.h"
#include "schema/snapshot_rpc.h"
#include "server/snapshot_archive.h"
#include "server/test_cluster.h"

namespace drover::server {
namespace {

using testing::test_cluster;

std::string a_file() {
  state::store store;
  fsm::machine machine(store);
  schema::namespace_upsert_request request;
  auto ns = std::make_shared<schema::namespace_definition>();
  ns->name = "kept";
  request.namespaces = {ns};
  EXPECT_TRUE(machine.apply(7, fsm::encode<fsm::command_type::namespace_upsert>(request)));
  snapshot_archive archive;
  archive.state = *machine.freeze()();
  archive.meta.index = 7;
  archive.meta.term = 2;
  archive.meta.id = "2-7-1700000000000";
  archive.meta.size = static_cast<int64_t>(archive.state.size());
  return write_archive(archive);
}

TEST(snapshot_archive, tells_what_is_in_it) {
  auto file = a_file();
  auto summary = inspect_archive(file);
  ASSERT_TRUE(summary) << summary.error().text();
  EXPECT_EQ(summary->meta.id, "2-7-1700000000000");
  EXPECT_EQ(summary->meta.index, 7u);
  uint64_t namespaces = 0;
  for (const auto& type : summary->types)
    if (type.name == "namespaces") namespaces = type.count;
  EXPECT_EQ(namespaces, 2u);
  EXPECT_TRUE(archive_checksum(file).starts_with("sha-256="));
}

// Every bit of the file; and of what is inside it, which a new compression would hide.
TEST(snapshot_archive, a_flipped_bit_is_found) {
  auto file = a_file();
  ASSERT_TRUE(read_archive(file));
  auto whole = *read_archive(file);
  size_t harmless = 0;
  for (size_t i = 0; i < file.size(); ++i) {
    auto bad = file;
    bad[i] ^= 0x10;
    auto read = read_archive(bad);
    if (!read) continue;
    // The time in gzip's header, or a run of zeros that is repeated from another place: what is inside is the same to the last bit.
    ++harmless;
    EXPECT_TRUE(read->state == whole.state && codec::to_json(read->meta) == codec::to_json(whole.meta)) << "byte " << i << " of the file";
  }
  EXPECT_LT(harmless, 30u);
  auto tar = *net::gunzip(file, 1 << 20);
  std::string inside("state.bin");
  auto state_at = tar.find(inside) + 512;
  for (size_t i : {size_t{0}, size_t{3}, size_t{530}, state_at + 5, state_at + 100, tar.find("SHA256SUMS") + 515}) {
    auto bad = tar;
    bad[i] ^= 1;
    EXPECT_FALSE(read_archive(net::gzip(bad))) << "byte " << i << " of the archive";
  }
  EXPECT_FALSE(read_archive(file.substr(0, file.size() / 2)));
  EXPECT_FALSE(read_archive("hello"));
  EXPECT_FALSE(read_archive(""));
  EXPECT_FALSE(read_archive(net::gzip("hello")));
}

// ---- on a running cluster

result<std::string> save(test_cluster& c, size_t i) {
  return c.run([](test_cluster& cluster, size_t server) -> net::awaitable<result<std::string>> {
    CO_TRY_ASSIGN(auto stream, co_await rpc::open(cluster.at(server).channel(), "Operator.SnapshotSave", schema::snapshot_save_request()));
    CO_TRY_ASSIGN(auto first, co_await stream->read());
    if (!first) co_return fail(errc::closed, "no answer");
    CO_TRY_ASSIGN(auto response, codec::from_msgpack<schema::snapshot_save_response>(*first));
    if (!response.error_msg.empty()) co_return fail(errc::unknown, "{}", response.error_msg);
    std::string file;
    for (;;) {
      CO_TRY_ASSIGN(auto message, co_await stream->read());
      if (!message) break;
      CO_TRY_ASSIGN(auto piece, codec::from_msgpack<schema::stream_err_wrapper>(*message));
      file += piece.payload.data;
    }
    if (archive_checksum(file) != response.snapshot_checksum) co_return fail(errc::corrupt, "another checksum");
    co_return file;
  }(c, i));
}

result<uint64_t> restore(test_cluster& c, size_t i, std::string file) {
  return c.run([](test_cluster& cluster, size_t server, std::string content) -> net::awaitable<result<uint64_t>> {
    CO_TRY_ASSIGN(auto stream, co_await rpc::open(cluster.at(server).channel(), "Operator.SnapshotRestore", schema::snapshot_restore_request()));
    for (size_t at = 0; at < content.size(); at += 1000) {
      schema::stream_err_wrapper piece;
      piece.payload = bytes(content.substr(at, 1000));
      CO_TRY(co_await stream->write(codec::to_msgpack(piece)));
    }
    stream->close_write();
    CO_TRY_ASSIGN(auto answer, co_await stream->read());
    if (!answer) co_return fail(errc::closed, "no answer");
    CO_TRY_ASSIGN(auto response, codec::from_msgpack<schema::snapshot_restore_response>(*answer));
    if (!response.error_msg.empty()) co_return fail(errc::unknown, "{}", response.error_msg);
    co_return response.index;
  }(c, i, std::move(file)));
}

TEST(snapshot, every_server_has_the_restored_state_and_indexes_go_on) {
  test_cluster c(3);
  c.start_all();
  size_t leader = c.leader(), follower = (leader + 1) % 3;
  ASSERT_TRUE(write(c, leader, "old"));
  // Through a server that does not lead.
  auto file = save(c, follower);
  ASSERT_TRUE(file) << file.error().text();
  ASSERT_TRUE(write(c, leader, "new"));
  auto before = c.at(leader).state().index();
  auto bad = *file;
  bad[bad.size() / 2] ^= 8;
  auto refused = restore(c, follower, bad);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(has(c, leader, "new"));
  EXPECT_EQ(c.at(leader).state().index(), before) << "nothing was written";
  auto restored = restore(c, follower, *file);
  ASSERT_TRUE(restored) << restored.error().text();
  EXPECT_GT(*restored, before);
  EXPECT_TRUE(c.wait_until([&] {
    for (size_t i = 0; i < 3; ++i)
      if (!has(c, i, "old") || has(c, i, "new") || c.at(i).state().index() < *restored) return false;
    return true;
  }));
  ASSERT_TRUE(write(c, leader, "after"));
  EXPECT_TRUE(c.wait_until([&] { return has(c, 0, "after") && has(c, 1, "after") && has(c, 2, "after"); }));
  // What was restored is in the log as everything else: it is there again after a start.
  c.stop(follower);
  c.start(follower);
  EXPECT_TRUE(c.wait_until([&] { return has(c, follower, "after") && !has(c, follower, "new"); }));
}

// The disaster that snapshots are for: another cluster, with a short log, gets the state of one that is gone.
TEST(snapshot, a_new_cluster_takes_over_the_state_of_one_that_is_gone) {
  std::string file;
  uint64_t old_index = 0;
  {
    test_cluster gone(1);
    gone.start(0);
    size_t leader = gone.leader();
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(write(gone, leader, "n" + std::to_string(i)));
    auto saved = save(gone, leader);
    ASSERT_TRUE(saved) << saved.error().text();
    file = *saved;
    old_index = gone.at(leader).state().index();
  }
  test_cluster c(3);
  c.start_all();
  size_t leader = c.leader();
  ASSERT_TRUE(write(c, leader, "mine"));
  std::string cluster_id(c.at(leader).state().cluster_id());
  auto restored = restore(c, leader, file);
  ASSERT_TRUE(restored) << restored.error().text();
  EXPECT_GT(*restored, old_index) << "above every index that the state has";
  EXPECT_EQ(c.at(leader).state().cluster_id(), cluster_id);
  EXPECT_TRUE(has(c, leader, "n99"));
  ASSERT_TRUE(write(c, leader, "after"));
  EXPECT_GT(c.at(leader).state().namespace_named("after")->modify_index, *restored);
  // The offset is known to every server, also after a start.
  for (size_t i = 0; i < 3; ++i) c.stop(i);
  for (size_t i = 0; i < 3; ++i) c.start(i);
  leader = c.leader();
  ASSERT_TRUE(write(c, leader, "later"));
  EXPECT_TRUE(c.wait_until([&] {
    for (size_t i = 0; i < 3; ++i)
      if (!has(c, i, "later") || c.at(i).state().index() <= old_index) return false;
    return true;
  }));
}

}  // namespace
}  // namespace drover::server
