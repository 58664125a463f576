// What people do with a running allocation: logs, files, exec, signal, restart, stats.
#include <gmock/gmock.h>

#include "client/testing/agent_fixture.h"
#include "client/testing/streams.h"
#include "schema/exec_input.h"
#include "schema/operator_rpc.h"

namespace drover::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::next_payload;
using testing::read_exec;
using testing::read_until;

class endpoint_test : public testing::agent_fixture {
 public:
  net::awaitable<schema::allocation> run_shell(std::string script) {
    start_agent();
    auto alloc = make_alloc("service", {make_task("main", "raw_exec", command("/bin/sh", {"-c", std::move(script)}))});
    servers->place(alloc);
    co_await servers->reported_status(alloc.id, "running");
    co_return alloc;
  }
  static schema::fs_logs_request logs(const std::string& id) {
    schema::fs_logs_request r;
    r.alloc_id = id;
    r.task = "main";
    r.log_type = "stdout";
    r.plain_text = true;
    return r;
  }
  net::awaitable<result<testing::exec_result>> exec(std::string id, std::vector<std::string> command, std::string input = {}) {
    schema::alloc_exec_request request;
    request.alloc_id = id;
    request.task = "main";
    request.cmd = std::move(command);
    auto stream = co_await rpc::open(*channel, "Allocations.Exec", request);
    if (!stream) co_return fail(stream.error());
    schema::exec_node_input message;
    message.stdin = schema::exec_node_data{bytes(std::move(input)), true};
    (void)co_await (*stream)->write(codec::to_msgpack(message));
    co_return co_await read_exec(**stream);
  }
};

constexpr const char* talker = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done";

TEST_F(endpoint_test, logs_follow_until_the_task_is_dead) {
  run([](endpoint_test& t) -> net::awaitable<void> {
    auto alloc = co_await t.run_shell(talker);
    auto request = logs(alloc.id);
    request.follow = true;
    auto stream = co_await rpc::open(*t.channel, "FileSystem.Logs", request);
    EXPECT_TRUE(stream);
    auto head = co_await read_until(**stream, [](auto& s) { return s.find("line 3\n") != std::string::npos; });
    EXPECT_THAT(*head, ::testing::StartsWith("line 1\nline 2\nline 3\n"));
    t.servers->stop(alloc.id);
    auto rest = co_await read_until(**stream, [](auto&) { return false; });
    EXPECT_TRUE(rest);

    request.follow = false;
    request.origin = "end";
    request.offset = 7;
    auto tail = co_await rpc::open(*t.channel, "FileSystem.Logs", request);
    auto text = co_await read_until(**tail, [](auto&) { return false; });
    EXPECT_EQ(text->size(), 7u);
  }(*this));
}

TEST_F(endpoint_test, logs_as_frames_and_their_errors) {
  run([](endpoint_test& t) -> net::awaitable<void> {
    auto alloc = co_await t.run_shell("echo hello; exec sleep 1000");
    auto request = logs(alloc.id);
    request.plain_text = false;
    request.follow = true;
    auto stream = co_await rpc::open(*t.channel, "FileSystem.Logs", request);
    auto payload = co_await next_payload(**stream);
    auto frame = codec::from_json<schema::stream_frame>(payload->value_or(""));
    EXPECT_EQ(frame->data.data, "hello\n");
    EXPECT_EQ(frame->file, "alloc/logs/main.stdout.0");
    EXPECT_EQ(frame->offset, 6);
    stream->reset();

    request.log_type = "stdin";
    auto wrong = co_await rpc::open(*t.channel, "FileSystem.Logs", request);
    auto refused = co_await next_payload(**wrong);
    EXPECT_THAT(refused.error().text(), HasSubstr("\"stdout\" or \"stderr\""));
    EXPECT_THAT(refused.error().text(), HasSubstr("(400)"));
    request.alloc_id = "nobody";
    auto unknown = co_await rpc::open(*t.channel, "FileSystem.Logs", logs("nobody"));
    auto missing = co_await next_payload(**unknown);
    EXPECT_THAT(missing.error().text(), HasSubstr("(404)"));
  }(*this));
}

// Nothing is written any more, so only the end of what the caller writes tells that it has gone.
TEST_F(endpoint_test, followers_of_quiet_files_end_with_their_caller) {
  run([](endpoint_test& t) -> net::awaitable<void> {
    auto alloc = co_await t.run_shell("echo hello; exec sleep 1000");
    auto log = logs(alloc.id);
    log.follow = true;
    auto stream = co_await rpc::open(*t.channel, "FileSystem.Logs", log);
    EXPECT_EQ(co_await next_payload(**stream), "hello\n");
    (*stream)->close_write();
    EXPECT_EQ(co_await next_payload(**stream), std::nullopt);

    schema::fs_stream_request file;
    file.alloc_id = alloc.id;
    file.path = "alloc/logs/main.stdout.0";
    file.follow = file.plain_text = true;
    auto follower = co_await rpc::open(*t.channel, "FileSystem.Stream", file);
    EXPECT_EQ(co_await next_payload(**follower), "hello\n");
    (*follower)->close_write();
    EXPECT_EQ(co_await next_payload(**follower), std::nullopt);
  }(*this));
}

TEST_F(endpoint_test, lists_and_reads_files) {
  run([](endpoint_test& t) -> net::awaitable<void> {
    auto alloc = co_await t.run_shell("echo data > local/file; echo ready; exec sleep 1000");
    auto follow = logs(alloc.id);
    follow.follow = true;
    auto ready = co_await rpc::open(*t.channel, "FileSystem.Logs", follow);
    co_await next_payload(**ready);
    ready->reset();

    schema::fs_list_request list;
    list.alloc_id = alloc.id;
    list.path = "main";
    auto files = co_await rpc::call<schema::fs_list_response>(*t.channel, "FileSystem.List", list);
    std::vector<std::string> names;
    for (auto& f : files->files) names.push_back(f.name);
    EXPECT_THAT(names, ::testing::IsSupersetOf({"local", "private", "secrets", "tmp"}));
    schema::fs_stat_request stat;
    stat.alloc_id = alloc.id;
    stat.path = "main/local/file";
    auto info = co_await rpc::call<schema::fs_stat_response>(*t.channel, "FileSystem.Stat", stat);
    EXPECT_EQ(info->info->size, 5);
    schema::fs_stream_request read;
    read.alloc_id = alloc.id;
    read.path = "main/local/file";
    read.offset = 1;
    read.limit = 2;
    read.plain_text = true;
    auto stream = co_await rpc::open(*t.channel, "FileSystem.Stream", read);
    auto text = co_await read_until(**stream, [](auto&) { return false; });
    EXPECT_EQ(*text, "at");
    stat.path = "main/secrets/x";
    auto secret = co_await rpc::call<schema::fs_stat_response>(*t.channel, "FileSystem.Stat", stat);
    EXPECT_FALSE(secret);
  }(*this));
}

TEST_F(endpoint_test, exec_runs_beside_the_task) {
  run([](endpoint_test& t) -> net::awaitable<void> {
    auto alloc = co_await t.run_shell("exec sleep 1000");
    auto ok = co_await t.exec(alloc.id, {"/bin/sh", "-c", "cat; echo $NOMAD_TASK_NAME >&2; exit 4"}, "typed");
    EXPECT_TRUE(ok) << ok.error().text();
    EXPECT_EQ(ok->out, "typed");
    EXPECT_EQ(ok->err, "main\n");
    EXPECT_EQ(ok->code, 4);
    auto missing = co_await t.exec(alloc.id, {"/no/such/command"});
    EXPECT_EQ(missing->code, 127);
    auto refused = co_await t.exec(alloc.id, {"/etc/passwd"});
    EXPECT_EQ(refused->code, 126);
    auto empty = co_await t.exec(alloc.id, {});
    EXPECT_THAT(empty.error().text(), HasSubstr("command is missing"));
  }(*this));
}

TEST_F(endpoint_test, signal_restart_stats) {
  run([](endpoint_test& t) -> net::awaitable<void> {
    auto alloc = co_await t.run_shell("trap 'echo got usr1' USR1; echo up; while :; do sleep 0.05; done");
    auto follow = logs(alloc.id);
    follow.follow = true;
    auto log = co_await rpc::open(*t.channel, "FileSystem.Logs", follow);
    co_await read_until(**log, [](auto& s) { return s.find("up\n") != std::string::npos; });

    schema::alloc_signal_request signal;
    signal.alloc_id = alloc.id;
    signal.signal = "SIGNOPE";
    auto refused = co_await rpc::call<schema::generic_response>(*t.channel, "Allocations.Signal", signal);
    EXPECT_FALSE(refused);
    signal.signal = "SIGUSR1";
    EXPECT_TRUE(co_await rpc::call<schema::generic_response>(*t.channel, "Allocations.Signal", signal));
    co_await read_until(**log, [](auto& s) { return s.find("got usr1\n") != std::string::npos; });
    log->reset();

    schema::alloc_stats_request stats;
    stats.alloc_id = alloc.id;
    auto usage = co_await rpc::call<schema::alloc_stats_response>(*t.channel, "Allocations.Stats", stats);
    EXPECT_TRUE(usage) << usage.error().text();
    EXPECT_GT(usage->stats->tasks.at("main").resource_usage->memory_stats->rss, 0u);

    schema::alloc_restart_request restart;
    restart.alloc_id = alloc.id;
    EXPECT_TRUE(co_await rpc::call<schema::generic_response>(*t.channel, "Allocations.Restart", restart));
    auto report = co_await t.servers->reported(alloc.id, [](auto& a) { return a.task_states.at("main").restarts == 1 && a.client_status == "running"; });
    EXPECT_THAT(event_types(*report, "main"),
                ElementsAre("Received", "Task Setup", "Started", "Signaling", "Restart Signaled", "Terminated", "Restarting", "Started"));
    auto host = co_await rpc::call<schema::client_stats_response>(*t.channel, "ClientStats.Stats", schema::node_specific_request{});
    EXPECT_GT(host->host_stats->memory->total, 0u);
    EXPECT_FALSE(host->host_stats->cpu.empty());
  }(*this));
}

TEST_F(endpoint_test, node_metadata) {
  run([](endpoint_test& t) -> net::awaitable<void> {
    auto o = t.options();
    o.meta = {{"rack", "one"}};
    t.start_agent(o);
    co_await t.agent->wait_ready();
    schema::node_meta_apply_request apply;
    apply.meta = {{"state", "ready"}, {"rack", std::nullopt}};
    auto answer = co_await rpc::call<schema::node_meta_response>(*t.channel, "NodeMeta.Apply", apply);
    EXPECT_EQ(answer->meta, (std::map<std::string, std::string>{{"state", "ready"}}));
    while (t.servers->registrations < 2) co_await net::yield();
    EXPECT_EQ(t.servers->node->meta.at("state"), "ready");
    co_await t.stop_agent();
    t.start_agent(o);
    EXPECT_EQ(t.agent->node()->meta, answer->meta);
  }(*this));
}

TEST_F(endpoint_test, garbage_collection_on_request) {
  run([](endpoint_test& t) -> net::awaitable<void> {
    t.start_agent();
    auto alloc = make_alloc("batch", {make_task("main", "raw_exec", command("/bin/true"))});
    t.servers->place(alloc);
    co_await t.servers->reported_status(alloc.id, "complete");
    schema::alloc_specific_request request;
    request.alloc_id = alloc.id;
    auto collected = co_await rpc::call<schema::generic_response>(*t.channel, "Allocations.GarbageCollect", request);
    EXPECT_TRUE(collected) << collected.error().text();
    EXPECT_FALSE(t.agent->find(alloc.id));
    EXPECT_FALSE(std::filesystem::exists(t.data_dir + "/alloc/" + alloc.id));
    EXPECT_FALSE(co_await rpc::call<schema::generic_response>(*t.channel, "Allocations.GarbageCollect", request));
  }(*this));
}

}  // namespace
}  // namespace drover::client
