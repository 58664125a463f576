// Further processes inside a running task.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "client/exec/exec_fixture.h"
#include "shim/protocol.h"

namespace drover::exec {
namespace {

class sessions : public exec_fixture {
 protected:
  void SetUp() override {
    exec_fixture::SetUp();
    task_ = start(spec("task", "/bin/sleep", {"1000"}));
    ASSERT_TRUE(task_);
  }
  exec_request request(std::vector<std::string> argv, bool tty = false) {
    return {.argv = std::move(argv), .env = {{"PATH", "/usr/bin:/bin"}, {"X", "value"}}, .work_dir = {}, .tty = tty};
  }
  exit_status wait_session(const exec_session& session) {
    auto e = wait_for(*task_, event::kind::exec_exited);
    EXPECT_EQ(e.session, session.id());
    return e.exit;
  }
  std::unique_ptr<shim_handle> task_;
};

TEST_F(sessions, runs_with_pipes) {
  auto session = task_->exec(request({"sh", "-c", "echo \"$X $1\"; pwd; echo error >&2; exit 4", "sh", "arg"}));
  ASSERT_OK(session);
  EXPECT_EQ(read_all(session->stdout_fd()), "value arg\n" + path("task") + "\n");
  EXPECT_EQ(read_all(session->stderr_fd()), "error\n");
  EXPECT_EQ(wait_session(*session).code, 4);
}

TEST_F(sessions, passes_input_and_its_end) {
  auto session = task_->exec(request({"cat"}));
  ASSERT_OK(session);
  ASSERT_EQ(::write(session->stdin_fd(), "hello\n", 6), 6);
  EXPECT_EQ(read_all(session->stdout_fd(), "\n"), "hello\n");
  session->close_stdin();
  EXPECT_EQ(session->stdin_fd(), -1);
  EXPECT_EQ(read_all(session->stdout_fd()), "");
  EXPECT_EQ(wait_session(*session).code, 0);
}

TEST_F(sessions, gives_a_terminal_that_can_be_resized) {
  auto asked = request({"sh", "-c", "trap 'stty size' WINCH; tty -s && stty size; while read line; do echo \"<$line>\"; done; echo end"}, true);
  asked.rows = 33;
  asked.columns = 99;
  auto session = task_->exec(asked);
  ASSERT_OK(session);
  EXPECT_EQ(session->stderr_fd(), -1);
  EXPECT_EQ(read_all(session->stdout_fd(), "\n"), "33 99\r\n");
  ASSERT_EQ(::write(session->stdin_fd(), "hi\n", 3), 3);
  EXPECT_NE(read_all(session->stdout_fd(), "<hi>\r\n").find("<hi>"), std::string::npos);
  // Last, because a shell may end its loop when a signal interrupts what it reads.
  ASSERT_OK(session->resize(40, 120));
  auto text = read_all(session->stdout_fd(), "40 120\r\n");
  EXPECT_NE(text.find("40 120\r\n"), std::string::npos) << text;
  session->close_stdin();
  EXPECT_NE((text + read_all(session->stdout_fd())).find("end\r\n"), std::string::npos);
  EXPECT_EQ(wait_session(*session).code, 0);
}

TEST_F(sessions, a_terminal_interrupts_its_foreground_process) {
  auto session = task_->exec(request({"cat"}, true));
  ASSERT_OK(session);
  ASSERT_EQ(::write(session->stdin_fd(), "x\n", 2), 2);
  read_all(session->stdout_fd(), "x\r\nx\r\n");  // the echo, then cat itself
  ASSERT_EQ(::write(session->stdin_fd(), "\x03", 1), 1);
  auto status = wait_session(*session);
  EXPECT_EQ(status.signal, SIGINT);
}

TEST_F(sessions, says_why_a_command_cannot_run) {
  struct row {
    std::string command;
    errc code;
  };
  for (const auto& [command, code] :
       {row{"/no/such", errc::not_found}, row{"nosuch", errc::not_found}, row{"/etc/passwd", errc::permission_denied}, row{"", errc::invalid}}) {
    auto session = task_->exec(request({command}));
    ASSERT_FALSE(session) << command;
    EXPECT_EQ(session.error().code(), code) << session.error().text();
  }
  ASSERT_OK(task_->signal(0));
}

TEST_F(sessions, signals_and_kills) {
  auto session = task_->exec(request({"sh", "-c", "echo ready; sleep 1000"}));
  ASSERT_OK(session);
  EXPECT_GT(session->pid(), 0);
  read_all(session->stdout_fd(), "ready\n");
  ASSERT_OK(task_->signal_session(session->id(), SIGTERM));
  EXPECT_EQ(wait_session(*session).signal, SIGTERM);
  auto late = task_->signal_session(session->id(), SIGTERM);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), errc::not_found);
}

TEST_F(sessions, end_with_the_agent_that_asked_for_them) {
  auto session = task_->exec(request({"sleep", "1000"}));
  ASSERT_OK(session);
  int pid = session->pid();
  auto info = task_->info();
  task_.reset();
  EXPECT_TRUE(wait_gone(pid));
  EXPECT_EQ(::kill(info.task_pid, 0), 0);
}

TEST_F(sessions, are_limited_in_number) {
  std::vector<exec_session> open;
  for (int i = 0; i < shim::sessions_max; i++) {
    auto session = task_->exec(request({"sleep", "1000"}));
    ASSERT_OK(session);
    open.push_back(std::move(*session));
  }
  auto refused = task_->exec(request({"true"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), errc::too_large);
  ASSERT_OK(task_->signal_session(open[0].id(), SIGKILL));
  EXPECT_EQ(wait_session(open[0]).signal, SIGKILL);
  ASSERT_OK(task_->exec(request({"true"})));
}

TEST_F(sessions, end_with_the_task) {
  auto session = task_->exec(request({"sleep", "1000"}));
  ASSERT_OK(session);
  ASSERT_OK(task_->shutdown());
  EXPECT_TRUE(wait_gone(session->pid()));
  auto after = task_->exec(request({"true"}));
  ASSERT_FALSE(after);
}

TEST_F(sessions, are_refused_after_the_task_has_ended) {
  ASSERT_OK(task_->signal(SIGKILL));
  EXPECT_EQ(wait_exit(*task_).signal, SIGKILL);
  auto late = task_->exec(request({"true"}));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), errc::not_found);
}

}  // namespace
}  // namespace drover::exec
