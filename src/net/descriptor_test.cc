#include "net/descriptor.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "net/http_test_server.h"

namespace drover::net {
namespace {

struct net_descriptor : testing::Test {
  net_descriptor() { ::signal(SIGPIPE, SIG_IGN); }
  loop l;
};

TEST_F(net_descriptor, pipes) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  run_test(l, [](loop& l, int from, int to) -> awaitable<void> {
    auto reader = must(adopt_descriptor(l, from));
    auto writer = must(adopt_descriptor(l, to));
    task_scope scope(l, log::logger("test"));
    scope.spawn(
        [](std::unique_ptr<byte_stream> writer) -> awaitable<void> { must(co_await writer->write_all(std::string(1'000'000, 'x'))); }(std::move(writer)));
    EXPECT_EQ((co_await read_to_end(*reader)).size(), 1'000'000u);
    co_await scope.join();
  }(l, ends[0], ends[1]));
}

TEST_F(net_descriptor, a_pipe_nobody_reads_is_closed) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ::close(ends[0]);
  run_test(l, [](loop& l, int to) -> awaitable<void> {
    auto writer = must(adopt_descriptor(l, to));
    EXPECT_EQ((co_await writer->write_all("x")).error().code(), errc::closed);
  }(l, ends[1]));
}

TEST_F(net_descriptor, terminals_end_with_their_last_user) {
  int master = -1, slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  run_test(l, [](loop& l, int master, int slave) -> awaitable<void> {
    auto terminal = must(adopt_descriptor(l, master));
    EXPECT_EQ(::write(slave, "hello\n", 6), 6);
    EXPECT_EQ(co_await read_until(*terminal, "\n"), "hello\r\n");
    ::close(slave);
    EXPECT_EQ(co_await read_to_end(*terminal), "");
  }(l, master, slave));
}

TEST_F(net_descriptor, a_pidfd_tells_when_the_process_has_ended) {
  int gate[2];
  ASSERT_EQ(::pipe2(gate, O_CLOEXEC), 0);
  pid_t child = ::fork();
  if (child == 0) {
    char c;
    ::close(gate[1]);
    ::_exit(::read(gate[0], &c, 1) == 0 ? 7 : 1);
  }
  int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  ASSERT_GE(pidfd, 0);
  run_test(l, [](loop& l, int pidfd, int gate) -> awaitable<void> {
    auto process = must(adopt_descriptor(l, pidfd));
    auto running = co_await with_deadline(process->wait_readable(), after(milliseconds(1)));
    EXPECT_EQ(running.error().code(), errc::timeout);
    ::close(gate);
    must(co_await process->wait_readable());
  }(l, pidfd, gate[1]));
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  ::close(gate[0]);
}

TEST_F(net_descriptor, sockets_can_be_adopted_and_files_cannot) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  run_test(l, [](loop& l, int first, int second) -> awaitable<void> {
    auto a = must(adopt_socket(l, first));
    auto b = must(adopt_socket(l, second));
    must(co_await a->write_all("x"));
    must(co_await a->shutdown());
    EXPECT_EQ(co_await read_to_end(*b), "x");
    auto file = adopt_descriptor(l, ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(file.error().code(), errc::unsupported);
    EXPECT_FALSE(adopt_descriptor(l, -1));
    EXPECT_FALSE(adopt_socket(l, -1));
  }(l, ends[0], ends[1]));
}

// The stream has used the loop before; its socket then lives on without it.
TEST_F(net_descriptor, a_socket_can_be_released_to_another_owner) {
  run_test(l, [](loop& l) -> awaitable<void> {
    auto [a, b] = must(stream_pair(l));
    must(co_await b->write_all("x"));
    char byte;
    EXPECT_EQ(must(co_await a->read_some({&byte, 1})), 1u);
    int socket = must(release_socket(*a));
    EXPECT_EQ(a->native_handle(), -1);
    a.reset();
    EXPECT_EQ(::write(socket, "y", 1), 1);
    EXPECT_EQ(must(co_await b->read_some({&byte, 1})), 1u);
    EXPECT_EQ(byte, 'y');
    ::close(socket);
    EXPECT_EQ(must(co_await b->read_some({&byte, 1})), 0u);
    auto terminal = must(adopt_descriptor(l, ::open("/dev/ptmx", O_RDWR | O_CLOEXEC)));
    EXPECT_EQ(release_socket(*terminal).error().code(), errc::unsupported);
  }(l));
}

}  // namespace
}  // namespace drover::net
