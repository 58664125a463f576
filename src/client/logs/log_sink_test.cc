#include "client/logs/log_sink.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "codec/json.h"
#include "net/datagram.h"
#include "net/stream.h"
#include "net/task_scope.h"

namespace drover::client {
namespace {

const log_labels web{.namespace_ = "default", .job = "web", .group = "g", .task = "t", .alloc_id = "6d2a1f8e-0000", .node = "node one"};
constexpr timestamp t0(1'700'000'000'123'456'789);

TEST(log_line, splits_at_line_ends_and_cuts_what_is_too_long) {
  line_splitter s;
  EXPECT_EQ(s.add("one\ntw"), std::vector<std::string>{"one"});
  EXPECT_EQ(s.rest(), "tw");
  EXPECT_EQ(s.add("o\n\n"), (std::vector<std::string>{"two", ""}));
  auto pieces = s.add(std::string(line_splitter::line_bytes_max + 5, 'x') + "\n");
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(pieces[0].size(), line_splitter::line_bytes_max);
  EXPECT_EQ(pieces[1], "xxxxx");
  // A line end right after a full piece belongs to it.
  EXPECT_EQ(s.add(std::string(line_splitter::line_bytes_max, 'y') + "\nz\n").size(), 2u);
}

TEST(log_line, as_json_and_as_syslog) {
  EXPECT_EQ(json_line(web, "stdout", t0, "a \"b\""),
            R"({"time":"2023-11-14T22:13:20.123456789Z","stream":"stdout","message":"a \"b\"","namespace":"default","job":"web","group":"g","task":"t",)"
            R"("alloc":"6d2a1f8e-0000","node":"node one"})"
            "\n");
  EXPECT_EQ(syslog_message(web, "stdout", t0, 16, "hello"),
            "<134>1 2023-11-14T22:13:20.123456Z node_one t 6d2a1f8e stdout [drover@32473 namespace=\"default\" job=\"web\" group=\"g\" task=\"t\" "
            "alloc=\"6d2a1f8e-0000\"] hello");
  auto odd = web;
  odd.job = "a\"]\\b";
  EXPECT_NE(syslog_message(odd, "stderr", t0, 3, "").find("<27>1 "), std::string::npos);
  EXPECT_NE(syslog_message(odd, "stderr", t0, 3, "").find(R"(job="a\"\]\\b")"), std::string::npos);
  EXPECT_EQ(octet_counted("four"), "4 four");
  EXPECT_EQ(*syslog_facility(""), 16);
  EXPECT_EQ(*syslog_facility("local7"), 23);
  EXPECT_FALSE(syslog_facility("local8"));
}

// Takes lines while `open`.
class memory_target : public log_target {
 public:
  explicit memory_target(bool& open, std::string& got) : open_(open), got_(got) {}
  net::awaitable<result<>> take(std::vector<entry> lines) override {
    if (!open_) co_return fail(errc::unavailable, "closed");
    for (const auto& each : lines) got_ += fmt::format("{}:{}\n", each.stream, each.line);
    co_return result<>();
  }

 private:
  bool& open_;
  std::string& got_;
};

class log_shipping : public ::testing::Test {
 protected:
  log_shipping() : directory_(::testing::TempDir() + "/sink-XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    options_.labels = web;
    options_.sink.name = "s";
    options_.log_dir = directory_;
    options_.position_file = directory_ + "/position";
    options_.file_bytes_max = 10;
  }
  ~log_shipping() override { std::filesystem::remove_all(directory_); }
  void write(const std::string& name, const std::string& text) { std::ofstream(directory_ + "/" + name, std::ios::app) << text; }
  // What one agent ships before it ends.
  void ship() {
    log_shipper shipper(options_, std::make_unique<memory_target>(open_, got_), loop_, pool_, counters_);
    net::run_to_completion(loop_, shipper.drain());
  }
  std::string directory_, got_;
  bool open_ = true;
  log_sink_options options_;
  log_sink_counters counters_;
  net::loop loop_;
  net::blocking_pool pool_{loop_};
};

TEST_F(log_shipping, goes_on_where_it_was) {
  write("t.stdout.0", "one\ntwo\nth");
  write("t.stdout.1", "ree\n");
  write("t.stderr.0", "oops\n");
  ship();
  EXPECT_EQ(got_, "stdout:one\nstdout:two\nstderr:oops\nstdout:three\n");
  ship();
  write("t.stdout.1", "four\n");
  ship();
  EXPECT_EQ(got_, "stdout:one\nstdout:two\nstderr:oops\nstdout:three\nstdout:four\n");
  EXPECT_EQ(counters_.lines, 5u);
}

TEST_F(log_shipping, a_sink_that_is_closed_gets_all_of_it_later) {
  write("t.stdout.0", "one\ntwo\nx");
  open_ = false;
  ship();
  EXPECT_EQ(got_, "");
  EXPECT_EQ(counters_.failures, 1u);
  open_ = true;
  ship();
  EXPECT_EQ(got_, "stdout:one\nstdout:two\nstdout:x\n");
  EXPECT_EQ(counters_.bytes_dropped, 0u);
}

TEST_F(log_shipping, counts_what_was_rotated_away) {
  write("t.stdout.0", "one\n");
  ship();
  std::filesystem::remove(directory_ + "/t.stdout.0");
  write("t.stdout.2", "four\n");
  ship();
  EXPECT_EQ(got_, "stdout:one\nstdout:four\n");
  EXPECT_EQ(counters_.bytes_dropped, 16u) << "the last 6 bytes of file 0, and all of file 1";
}

TEST_F(log_shipping, into_files_of_json_that_rotate) {
  options_.sink.type = "file";
  options_.max_files = 2;
  options_.file_bytes_max = 400;
  auto target = make_log_target(options_, loop_, pool_);
  ASSERT_TRUE(target) << target.error().text();
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(net::run_to_completion(loop_, (*target)->take({{"stdout", "line " + std::to_string(i)}})));
  auto files = list_log_files(directory_, "t", "s.json");
  ASSERT_EQ(files.size(), 2u);
  std::ifstream last(directory_ + "/" + files.back().name);
  std::string line, newest;
  while (std::getline(last, line)) newest = line;
  auto parsed = codec::value_from_json(newest);
  ASSERT_TRUE(parsed) << newest;
  EXPECT_EQ(*parsed->find("message")->as_string(), "line 7");
  EXPECT_EQ(*parsed->find("task")->as_string(), "t");
}

TEST_F(log_shipping, to_syslog_over_udp_and_tcp) {
  auto datagrams = net::datagram_socket::bind(loop_, {.host = "127.0.0.1", .port = 0, .path = {}});
  ASSERT_TRUE(datagrams);
  options_.sink.type = "syslog";
  options_.sink.address = "udp://" + net::to_string((*datagrams)->local());
  auto udp = make_log_target(options_, loop_, pool_);
  ASSERT_TRUE(udp);
  std::string buffer(2048, '\0');
  net::endpoint from;
  ASSERT_TRUE(net::run_to_completion(loop_, (*udp)->take({{"stderr", "over udp"}})));
  auto size = net::run_to_completion(loop_, (*datagrams)->receive(buffer, from));
  ASSERT_TRUE(size);
  EXPECT_TRUE(buffer.substr(0, *size).starts_with("<131>1 ")) << buffer;
  EXPECT_TRUE(buffer.substr(0, *size).ends_with("] over udp")) << buffer;

  auto door = net::listener::listen(loop_, {.host = "127.0.0.1", .port = 0, .path = {}});
  ASSERT_TRUE(door);
  options_.sink.address = "tcp://" + net::to_string((*door)->local());
  auto tcp = make_log_target(options_, loop_, pool_);
  ASSERT_TRUE(tcp);
  ASSERT_TRUE(net::run_to_completion(loop_, (*tcp)->take({{"stdout", "first"}})));
  auto peer = net::run_to_completion(loop_, (*door)->accept());
  ASSERT_TRUE(peer);
  auto got = net::run_to_completion(loop_, (*peer)->read_some(buffer));
  ASSERT_TRUE(got);
  auto message = buffer.substr(0, *got);
  auto blank = message.find(' ');
  EXPECT_EQ(message.substr(0, blank), std::to_string(message.size() - blank - 1));
  EXPECT_TRUE(message.ends_with("] first")) << message;
  // A server that was restarted is connected to again.
  (*peer)->close();
  peer->reset();
  ASSERT_TRUE(net::run_to_completion(loop_, [](log_target& target, net::listener& at) -> net::awaitable<result<>> {
    for (int i = 0; i < 2; ++i) CO_TRY(co_await target.take({{"stdout", "second"}}));
    CO_TRY(co_await at.accept());
    co_return result<>();
  }(**tcp, **door)));
}

TEST_F(log_shipping, sinks_that_are_none) {
  for (auto [type, address, facility] :
       {std::tuple{"disk", "", ""}, {"syslog", "127.0.0.1:514", ""}, {"syslog", "tcp://nowhere", ""}, {"syslog", "udp://127.0.0.1:514", "local9"}}) {
    options_.sink.type = type;
    options_.sink.address = address;
    options_.sink.facility = facility;
    EXPECT_FALSE(make_log_target(options_, loop_, pool_)) << type << " " << address << " " << facility;
  }
}

}  // namespace
}  // namespace drover::client
