// The agent dies and comes back; the shim dies; several agents; strangers.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "client/exec/blob.h"
#include "client/exec/connection.h"
#include "client/exec/exec_fixture.h"
#include "client/exec/files.h"

namespace drover::exec {
namespace {

class survival : public exec_fixture {
 protected:
  // Starts the task in another process, as an agent would, and kills that agent with SIGKILL.
  reattach_info start_and_kill_agent(const launch_spec& s) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pid_t agent = ::fork();
    if (agent == 0) {
      auto handle = shim_handle::start(s);
      std::string text = handle ? (*handle)->info().serialise() : handle.error().text();
      (void)!::write(ends[1], text.data(), text.size());
      ::close(ends[1]);
      for (;;) ::pause();
    }
    unique_fd reader(ends[0]);
    ::close(ends[1]);
    std::string text = read_all(reader.get());
    ::kill(agent, SIGKILL);
    ::waitpid(agent, nullptr, 0);
    auto info = reattach_info::parse(text);
    EXPECT_TRUE(info) << text;
    if (!info) return {};
    started_.push_back(*info);
    return *info;
  }
  void make_fifo(const std::string& name) { ASSERT_EQ(::mkfifo(path(name).c_str(), 0600), 0); }
};

TEST_F(survival, a_task_outlives_its_agent_and_the_next_one_attaches) {
  auto s = shell("task", "echo before; read line < fifo; echo after; read line < fifo; exit 5");
  make_fifo("task/fifo");
  auto info = start_and_kill_agent(s);
  ASSERT_EQ(::kill(info.task_pid, 0), 0);
  wait_log("task", "stdout", "before");
  std::ofstream(path("task/fifo")) << "go\n";
  EXPECT_EQ(wait_log("task", "stdout", "after"), "before\nafter\n");  // nobody was attached

  auto handle = shim_handle::attach(info);
  ASSERT_OK(handle);
  EXPECT_EQ((*handle)->task_pid(), info.task_pid);
  EXPECT_EQ((*handle)->info().serialise(), info.serialise());
  std::ofstream(path("task/fifo")) << "go\n";
  EXPECT_EQ(wait_exit(**handle).code, 5);
  ASSERT_OK((*handle)->shutdown());
  EXPECT_TRUE(wait_gone(info.shim_pid));
}

TEST_F(survival, an_exit_that_nobody_saw_is_told_at_every_attach) {
  auto s = shell("task", "echo $$ > pid; read line < fifo; exit 9");
  make_fifo("task/fifo");
  auto info = start_and_kill_agent(s);
  std::ofstream(path("task/fifo")) << "go\n";
  ASSERT_TRUE(wait_gone(info.task_pid));
  for (int i = 0; i < 2; i++) {
    auto handle = shim_handle::attach(info);
    ASSERT_OK(handle);
    EXPECT_EQ(wait_exit(**handle).code, 9);
  }
  auto handle = shim_handle::attach(info);
  ASSERT_OK(handle);
  ASSERT_OK((*handle)->shutdown());
  EXPECT_FALSE(shim_handle::attach(info));
  auto exit = shim_handle::find_exit(info);
  ASSERT_OK(exit);
  ASSERT_TRUE(*exit);
  EXPECT_EQ((*exit)->code, 9);
}

TEST_F(survival, the_task_ends_with_its_shim_and_is_lost) {
  auto handle = start(spec("task", "/bin/sleep", {"1000"}));
  ASSERT_TRUE(handle);
  auto info = handle->info();
  ASSERT_EQ(::kill(info.shim_pid, SIGKILL), 0);
  EXPECT_EQ(handle->wait_event(patience)->kind, event::kind::disconnected);
  EXPECT_FALSE(handle->next_event());
  EXPECT_TRUE(wait_gone(info.task_pid));
  auto attached = shim_handle::attach(info);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code(), errc::not_found);
  auto exit = shim_handle::find_exit(info);
  ASSERT_OK(exit);
  EXPECT_FALSE(*exit);
  auto signalled = handle->signal(SIGTERM);
  ASSERT_FALSE(signalled);
  EXPECT_EQ(signalled.error().code(), errc::closed);
}

TEST_F(survival, a_shim_that_lives_is_not_taken_for_lost) {
  auto handle = start(spec("task", "/bin/sleep", {"1000"}));
  ASSERT_TRUE(handle);
  auto found = shim_handle::find_exit(handle->info());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), errc::exists);
  ASSERT_OK(handle->signal(0));
  ASSERT_OK(handle->shutdown());
}

TEST_F(survival, the_shim_ignores_signals_of_sessions_and_groups) {
  auto handle = start(spec("task", "/bin/sleep", {"1000"}));
  ASSERT_TRUE(handle);
  for (int number : {SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGPIPE, SIGUSR1}) ASSERT_EQ(::kill(handle->info().shim_pid, number), 0);
  ASSERT_OK(handle->signal(0));
  EXPECT_NE(::getsid(handle->info().shim_pid), ::getsid(0));
  ASSERT_OK(handle->shutdown());
}

TEST_F(survival, the_newest_agent_wins) {
  auto first = start(spec("task", "/bin/sleep", {"1000"}));
  ASSERT_TRUE(first);
  auto second = shim_handle::attach(first->info());
  ASSERT_OK(second);
  auto lost = first->wait_event(patience);
  ASSERT_OK(lost);
  EXPECT_EQ(lost->kind, event::kind::disconnected);
  EXPECT_NE(lost->text.find("another agent"), std::string::npos);
  ASSERT_OK((*second)->signal(SIGTERM));
  EXPECT_EQ(wait_exit(**second).signal, SIGTERM);
  ASSERT_OK((*second)->shutdown());
}

TEST_F(survival, strangers_and_garbage_are_refused_and_disturb_nobody) {
  auto handle = start(spec("task", "/bin/sleep", {"1000"}));
  ASSERT_TRUE(handle);
  auto refused = [&](std::string_view bytes) {
    auto link = connection::open(handle->info().control_dir);
    ASSERT_OK(link);
    ASSERT_EQ(::send(link->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    auto answer = link->wait(steady_ns() + patience.ns);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code(), errc::closed);
  };
  shim::packet wrong{};
  wrong.magic = shim::magic;
  wrong.type = shim::packet_kill_tree;  // anything but attach
  refused({reinterpret_cast<const char*>(&wrong), sizeof wrong});
  wrong.magic = 0;
  wrong.type = shim::packet_attach;
  refused({reinterpret_cast<const char*>(&wrong), sizeof wrong});
  refused("x");
  refused(std::string(4096, 'y'));

  pid_t stranger = ::fork();
  if (stranger == 0) {
    ::chmod(path("task/control/shim.sock").c_str(), 0777);
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(1);
    auto link = connection::open(handle->info().control_dir);
    if (!link) ::_exit(2);
    wrong.magic = shim::magic;
    (void)link->send(wrong);
    ::_exit(link->wait(steady_ns() + patience.ns) ? 3 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(stranger, &status, 0), stranger);
  EXPECT_EQ(status, 0);
  ASSERT_OK(handle->signal(0));
  ASSERT_OK(handle->shutdown());
}

TEST_F(survival, unknown_requests_are_answered_and_harm_nothing) {
  auto handle = start(spec("task", "/bin/sleep", {"1000"}));
  ASSERT_TRUE(handle);
  auto link = connection::open(handle->info().control_dir);
  ASSERT_OK(link);
  shim::packet p{};
  p.type = shim::packet_attach;
  ASSERT_OK(link->send(p));
  EXPECT_EQ(link->wait(steady_ns() + patience.ns)->body.type, shim::packet_started);
  p.type = 31;
  p.id = 77;
  ASSERT_OK(link->send(p));
  auto answer = link->wait(steady_ns() + patience.ns);
  ASSERT_OK(answer);
  EXPECT_EQ(answer->body.id, 77u);
  EXPECT_EQ(answer->body.a, ENOSYS);
  p.type = shim::packet_exec;  // without descriptors
  ASSERT_OK(link->send(p));
  answer = link->wait(steady_ns() + patience.ns);
  ASSERT_OK(answer);
  EXPECT_EQ(answer->body.a, EBADMSG);
  EXPECT_EQ(::kill(handle->task_pid(), 0), 0);
}

TEST_F(survival, broken_instructions_are_refused) {
  auto handle = start(spec("task", "/bin/sleep", {"1000"}));
  ASSERT_TRUE(handle);
  auto link = connection::open(handle->info().control_dir);
  ASSERT_OK(link);
  shim::packet p{};
  p.type = shim::packet_attach;
  ASSERT_OK(link->send(p));
  ASSERT_OK(link->wait(steady_ns() + patience.ns));
  exec_request request;
  request.argv = {"/no/such/program", "argument"};
  request.env = {{"KEY", "value"}};
  auto valid = encode_exec(request);
  ASSERT_OK(valid);
  unique_fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  std::mt19937 random(4711);
  for (int i = 0; i < 300; i++) {
    // Cut off, or with a few bytes changed: lengths beyond the end, unknown tags, texts without an end.
    std::string blob = valid->substr(0, i % 3 == 0 ? random() % valid->size() : valid->size());
    for (int changes = 0; changes < i % 4 && !blob.empty(); changes++) blob[random() % blob.size()] = static_cast<char>(random());
    auto memory = make_memfd(blob);
    ASSERT_OK(memory);
    p.type = shim::packet_exec;
    p.id = static_cast<uint32_t>(i + 1);
    ASSERT_OK(link->send(p, {memory->get(), null.get(), null.get(), null.get()}));
    for (;;) {
      auto answer = link->wait(steady_ns() + patience.ns);
      ASSERT_OK(answer);
      if (answer->body.type == shim::packet_hello) continue;
      EXPECT_EQ(answer->body.type, shim::packet_reply);
      EXPECT_EQ(answer->body.id, p.id);
      EXPECT_NE(answer->body.a, 0);
      break;
    }
  }
  EXPECT_EQ(::kill(handle->task_pid(), 0), 0);
}

TEST_F(survival, a_start_replaces_a_shim_that_nobody_knows) {
  auto s = spec("task", "/bin/sleep", {"1000"});
  auto forgotten = start_and_kill_agent(s);
  auto handle = start(s);
  ASSERT_TRUE(handle);
  EXPECT_TRUE(wait_gone(forgotten.task_pid));
  EXPECT_NE(handle->task_pid(), forgotten.task_pid);
  EXPECT_FALSE(shim_handle::attach(forgotten));
  ASSERT_OK(handle->shutdown());
}

TEST_F(survival, works_below_very_long_paths) {
  auto s = spec("task", "/bin/sleep", {"1000"});
  s.control_dir = path(std::string(100, 'a') + "/" + std::string(100, 'b') + "/" + std::string(100, 'c'));
  std::filesystem::create_directories(s.control_dir);
  auto info = start_and_kill_agent(s);
  auto handle = shim_handle::attach(info);
  ASSERT_OK(handle);
  ASSERT_OK((*handle)->shutdown());
}

// A client of redis over its unix socket.
class redis_client {
 public:
  explicit redis_client(const std::string& socket_path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << socket_path;
  }
  std::string ask(const std::string& command) {
    std::string line = command + "\r\n";
    EXPECT_EQ(::send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL), static_cast<ssize_t>(line.size()));
    return read_all(fd_.get(), "\r\n");
  }

 private:
  unique_fd fd_;
};

TEST_F(survival, redis_keeps_its_connections_under_both_drivers) {
  for (bool isolated : {false, true}) {
    std::string task = isolated ? "exec" : "raw";
    auto s = spec(task, "redis-server",
                  {"--port", "0", "--unixsocket", isolated ? "/tmp/redis.sock" : path(task + "/tmp/redis.sock"), "--save", "", "--dir",
                   isolated ? "/tmp" : path(task + "/tmp")});
    std::filesystem::create_directories(path(task + "/tmp"));
    ::chmod(path(task + "/tmp").c_str(), 01777);
    if (isolated) {
      s.isolation = isolation_spec{.root = path(task), .chroot_env = default_chroot_env(), .mounts = {}, .devices = {}};
      s.user = "nobody";
      s.work_dir = "/";
      s.no_new_privs = true;
    }
    auto info = start_and_kill_agent(s);
    wait_log(task, "stdout", "eady to accept connections");
    redis_client client(path(task + "/tmp/redis.sock"));
    EXPECT_EQ(client.ask("SET key value"), "+OK\r\n");
    auto handle = shim_handle::attach(info);
    ASSERT_OK(handle);
    handle->reset();  // and that agent goes too
    EXPECT_EQ(client.ask("PING"), "+PONG\r\n");
    handle = shim_handle::attach(info);
    ASSERT_OK(handle);
    EXPECT_EQ((*handle)->task_pid(), info.task_pid);
    EXPECT_EQ(read(fmt::format("/proc/{}/comm", info.task_pid)), "redis-server\n");
    ASSERT_OK((*handle)->signal(SIGTERM));
    EXPECT_EQ(wait_exit(**handle).code, 0);
    EXPECT_NE(log(task, "stdout").find("bye bye"), std::string::npos);
    ASSERT_OK((*handle)->shutdown());
  }
}

}  // namespace
}  // namespace drover::exec
