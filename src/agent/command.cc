#include "agent/command.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "agent/agent.h"
#include "agent/banner.h"
#include "agent/flags.h"
#include "agent/limits.h"
#include "agent/options.h"
#include "agent/process.h"
#include "agent/start_memory.h"
#include "agent/syslog.h"
#include "client/artifact/child.h"
#include "net/blocking.h"
#include "net/signals.h"
#include "net/task_scope.h"

namespace drover::agent {
namespace {

void say(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

int complain(const error& e) {
  std::fputs(("==> " + e.text() + "\n").c_str(), stderr);
  return 1;
}

result<agent_config> prepare(const arguments& given) {
  TRY_ASSIGN(auto config, load_config(given));
  if (config.dev_mode && config.data_dir.empty()) {
    TRY_ASSIGN(config.data_dir, make_temporary_directory());
    config.data_dir_is_temporary = true;
  }
  if (auto done = finish(config); !done) {
    if (config.data_dir_is_temporary) remove_temporary_directory(config.data_dir);
    return std::unexpected(done.error());
  }
  return config;
}

result<> reload(agent& running, const arguments& given) {
  TRY_ASSIGN(auto fresh, load_config(given));
  return running.reload(fresh);
}

net::awaitable<void> exit_at_second_signal(net::signal_set& signals) {
  for (;;) {
    auto number = co_await signals.next();
    if (!number) co_return;  // the shutdown is over
    if (*number == SIGHUP) continue;
    say("==> Caught a second signal, exiting at once\n");
    _exit(1);
  }
}

// Until SIGINT or SIGTERM, or until the agent cannot go on (it then sends itself one): which it was.
net::awaitable<int> serve_signals(net::signal_set& signals, agent& running, const arguments& given, const log::logger& logger) {
  for (;;) {
    auto number = co_await signals.next();
    if (!number || *number != SIGHUP) {
      say(fmt::format("==> Caught signal: {}\n==> Gracefully shutting down agent...\n", number && *number == SIGINT ? "interrupt" : "terminated"));
      co_return number.value_or(SIGTERM);
    }
    say("==> Caught signal: hangup\n==> Reloading agent configuration...\n");
    notify_supervisor("RELOADING=1");
    if (auto done = reload(running, given); !done) logger.error("the configuration was not reloaded", {{"error", done.error().text()}});
    notify_supervisor("READY=1");
  }
}

bool leaves(const agent_config& config, int signal) { return signal == SIGINT ? config.leave_on_interrupt : config.leave_on_terminate; }

// Once the first rush after the start is over.
net::awaitable<void> release_memory(agent& running) {
  co_await running.wait_ready();
  co_await net::sleep_for(start_settles);
  release_start_memory();
}

// The exit code.
net::awaitable<int> run(net::loop& loop, agent& running, const arguments& given) {
  net::signal_set signals(loop, {SIGINT, SIGTERM, SIGHUP});
  log::logger logger("agent");
  bool failed = false;
  running.on_fatal([&](error e) {
    logger.error("the agent cannot go on", {{"error", e.text()}});
    failed = true;
    kill(getpid(), SIGTERM);
  });
  notify_supervisor("READY=1");
  net::task_scope after_start(loop, logger);
  after_start.spawn(release_memory(running));
  int signal = co_await serve_signals(signals, running, given, logger);
  notify_supervisor("STOPPING=1");
  co_await after_start.stop();
  net::task_scope impatience(loop, logger);
  impatience.spawn(exit_at_second_signal(signals));
  if (!failed && leaves(running.config(), signal)) co_await running.leave();
  co_await running.stop();
  co_await impatience.stop();
  co_return failed ? 1 : 0;
}

int run_agent(const arguments& given) {
  auto config = prepare(given);
  if (!config) return complain(config.error());
  for (const auto& file : config->files) say(fmt::format("==> Loaded configuration from {}\n", file));
  if (config->files.empty() && !given.dev) say("==> No configuration files loaded\n");
  say("==> Starting Drover agent...\n");
  if (auto done = log::configure(*log_options_of(*config)); !done) return complain(done.error());
  std::unique_ptr<log::subscription> syslog;
  if (config->enable_syslog) {
    auto made = log_to_syslog(log_options_of(*config)->level, config->syslog_facility);
    if (!made) return complain(made.error());
    syslog = *std::move(made);
  }
  prepare_process();
  net::loop loop(1);
  auto made = agent::create(loop, *config);
  if (!made) return complain(made.error());
  auto& running = **made;
  running.on_reload([&running, &given] { return reload(running, given); });
  say(banner(running.config(), running.http_addresses()));
  int code = net::run_to_completion(loop, run(loop, running, given));
  made->reset();
  log::flush();
  return code;
}

}  // namespace

int run_agent_command(int argc, char** argv) {
  auto given = parse_arguments({argv, argv + argc});
  if (!given) {
    std::fputs((given.error().text() + "\n\n" + usage()).c_str(), stderr);
    return 1;
  }
  if (given->help) {
    say(usage());
    return 0;
  }
  share_one_heap();
  return run_agent(*given);
}

std::optional<int> run_helper(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == client::artifact_child_word) return client::run_artifact_child();
  return std::nullopt;
}

}  // namespace drover::agent
