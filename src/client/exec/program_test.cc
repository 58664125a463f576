#include "client/exec/program.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "base/time.h"

namespace drover::exec {
namespace {

result<program_result> shell(const std::string& text, program_request request = {}) {
  request.command = {"/bin/sh", "-c", text};
  return run_program(request);
}

TEST(program, says_what_it_said) {
  auto done = shell("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->out, "out\n");
  EXPECT_EQ(done->err, "err\n");
  EXPECT_EQ(done->code, 3);
  EXPECT_EQ(done->how(), "exit code 3: err");
  auto killed = shell("kill -9 $$");
  ASSERT_TRUE(killed);
  EXPECT_EQ(killed->signal, 9);
  EXPECT_FALSE(killed->ok());
}

TEST(program, gets_its_input_environment_and_directory) {
  program_request request;
  request.env = {{"WHAT", "this"}};
  request.directory = "/";
  request.input = std::string(300'000, 'x');
  auto done = shell("printf '%s %s %s %s' \"$WHAT\" \"$(pwd)\" \"$(wc -c)\" \"$LC_ALL\"", request);
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->out, "this / 300000 ");
}

TEST(program, one_that_does_not_read_is_no_problem) {
  std::signal(SIGPIPE, SIG_IGN);
  program_request request;
  request.input = std::string(300'000, 'x');
  auto done = shell("exec 0<&-; echo done", request);
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->out, "done\n");
}

TEST(program, what_it_leaves_running_is_not_waited_for) {
  auto done = shell("(sleep 1000 & echo $! >&3) 3>&1; echo done");
  ASSERT_TRUE(done) << done.error().text();
  ASSERT_EQ(kill(std::atoi(done->out.c_str()), SIGKILL), 0) << done->out;
  EXPECT_NE(done->out.find("done\n"), std::string::npos);
}

// Also what it started: the pipe would stay open otherwise.
TEST(program, is_ended_when_it_takes_too_long) {
  program_request request;
  request.timeout = milliseconds(100);
  auto done = shell("sleep 1000 & sleep 1000", request);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), errc::timeout);
}

TEST(program, is_ended_when_it_says_too_much) {
  program_request request;
  request.output_bytes_max = 100'000;
  auto done = shell("yes", request);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), errc::too_large);
}

TEST(program, one_that_is_not_there) {
  program_request request;
  request.command = {"/nowhere/program"};
  auto done = run_program(request);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), errc::not_found);
  EXPECT_NE(done.error().text().find("/nowhere/program"), std::string::npos);
}

TEST(program, gives_its_output_where_it_must_end_well) {
  auto cat = with_own_env({"cat"});
  cat.input = "hello";
  EXPECT_EQ(*output_of(cat), "hello");
  EXPECT_EQ(*output_of(with_own_env({"sh", "-c", "echo wrong >&2"}), true), "wrong\n");
  EXPECT_EQ(output_of(with_own_env({"no-such-program-here"})).error().code(), errc::not_found);
  EXPECT_EQ(output_of(with_own_env({"sh", "-c", "echo no; exit 1"})).error().text(), "sh: no");
  EXPECT_EQ(output_of(with_own_env({"sh", "-c", "exit 1"})).error().text(), "sh: exit code 1");
  ::setenv("DROVER_PROGRAM_TEST", "mine", 1);
  EXPECT_EQ(*output_of(with_own_env({"sh", "-c", "printf %s $DROVER_PROGRAM_TEST"})), "mine");
  ::unsetenv("DROVER_PROGRAM_TEST");
}

}  // namespace
}  // namespace drover::exec
