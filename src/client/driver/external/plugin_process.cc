#include "client/driver/external/plugin_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/text.h"
#include "client/driver/external/limits.h"
#include "client/exec/files.h"
#include "client/exec/program.h"
#include "client/logs/directory_watch.h"
#include "client/system.h"
#include "net/descriptor.h"

extern char** environ;

namespace drover::client::external {

namespace {
// The agent's own, with what tells a plugin that it was not started by a person.
std::map<std::string, std::string> environment_of(const start_request& r) {
  std::map<std::string, std::string> out;
  for (char** e = environ; e != nullptr && *e != nullptr; ++e) {
    std::string_view entry = *e;
    if (auto equals = entry.find('='); equals != std::string_view::npos) out[std::string(entry.substr(0, equals))] = entry.substr(equals + 1);
  }
  out["NOMAD_PLUGIN_MAGIC_COOKIE"] = "e4327c2e01eabfd75a8a67adb114fb34a757d57eee7728d857a8cec6e91a7255";
  out["PLUGIN_PROTOCOL_VERSIONS"] = "2";
  out["PLUGIN_MIN_PORT"] = std::to_string(r.min_port);
  out["PLUGIN_MAX_PORT"] = std::to_string(r.max_port);
  // Not where others clean up after a few days.
  if (r.directory.size() <= limits::socket_directory_bytes_max) out["PLUGIN_UNIX_SOCKET_DIR"] = r.directory;
  return out;
}

result<exec::unique_fd> open_output(const std::string& path, int flags) {
  exec::unique_fd fd(::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0600));
  if (!fd) return fail(system_error(errno, "open " + path));
  return fd;
}

result<int> start_process(const start_request& r, const exec::task_cgroup& group) {
  TRY(make_directories(r.directory, 0700));
  TRY_ASSIGN(auto out, open_output(r.directory + "/stdout", O_TRUNC));
  TRY_ASSIGN(auto err, open_output(r.directory + "/stderr", 0));
  exec::unique_fd in(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  exec::program_request program;
  program.command = r.args;
  program.command.insert(program.command.begin(), r.path);
  program.env = environment_of(r);
  TRY_ASSIGN(int pid, exec::start_program(program, in.get(), out.get(), err.get()));
  // A service manager may end everything in the agent's own group. Where it cannot be moved it stays there.
  for (const auto& dir : group.dirs) {
    exec::unique_fd procs(::open((dir + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    auto text = std::to_string(pid);
    if (procs) (void)!::write(procs.get(), text.data(), text.size());
  }
  return pid;
}

result<std::unique_ptr<net::byte_stream>> watch_end(net::loop& l, int pid) {
  int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return fail(system_error(errno, fmt::format("watching process {}", pid)));
  return net::adopt_descriptor(l, fd);
}

std::string last_line(const std::string& path) {
  auto text = read_file(path, static_cast<size_t>(2 * limits::error_log_bytes_max)).value_or(std::string());
  auto lines = trim(text);
  auto begin = lines.rfind('\n');
  return std::string(lines.substr(begin == std::string_view::npos ? 0 : begin + 1).substr(0, 512));
}
}  // namespace

std::string program_text(const start_request& r) {
  struct stat info{};
  if (::stat(r.path.c_str(), &info) != 0) return {};
  return fmt::format("{} {}:{} {}.{} {} {}", r.path, info.st_dev, info.st_ino, info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size, fmt::join(r.args, " "));
}

result<net::endpoint> parse_handshake(std::string_view line) {
  auto parts = split(trim(line), '|');
  auto shown = trim(line).substr(0, 200);
  if (parts.size() < 4) return fail(errc::invalid, "it says \"{}\", which is no greeting of a plugin (\"1|2|unix|SOCKET|grpc\")", shown);
  if (parts[0] != "1") return fail(errc::unsupported, "it speaks version {} of the plugin protocol; 1 is known", parts[0]);
  if (parts[1] != "2") return fail(errc::unsupported, "it is a plugin for version {} of Nomad's protocol; 2 is known", parts[1]);
  if (parts.size() < 5 || parts[4] != "grpc") return fail(errc::unsupported, "it does not speak gRPC (\"{}\")", shown);
  if (parts.size() > 5 && !trim(parts[5]).empty()) return fail(errc::unsupported, "it wants TLS, which nobody asked it for");
  if (parts[2] == "unix") return net::parse_endpoint(fmt::format("unix://{}", parts[3]));
  if (parts[2] == "tcp") return net::parse_endpoint(parts[3]);
  return fail(errc::unsupported, "it listens on a network \"{}\"; unix and tcp are known", parts[2]);
}

plugin_process::plugin_process(process_identity identity, std::unique_ptr<net::byte_stream> end) : identity_(std::move(identity)), end_(std::move(end)) {}
plugin_process::~plugin_process() { ended(); }

awaitable<result<std::unique_ptr<plugin_process>>> plugin_process::start(shim_services& services, start_request request) {
  auto group = services.cgroups.shim_cgroup();
  auto pid = co_await services.pool.run([&] { return start_process(request, group); });
  if (!pid) co_return fail(pid.error());
  process_identity identity{.pid = *pid, .start_ticks = exec::process_start_ticks(*pid), .address = {}, .program = program_text(request)};
  CO_TRY_ASSIGN(auto end, watch_end(services.loop, *pid));
  co_return std::unique_ptr<plugin_process>(new plugin_process(std::move(identity), std::move(end)));
}

result<std::unique_ptr<plugin_process>> plugin_process::attach(net::loop& l, process_identity identity) {
  if (identity.pid <= 0) return fail(errc::not_found, "it never ran");
  auto end = watch_end(l, identity.pid);
  // Looked at once the descriptor holds it: the number may belong to another process by now.
  if (!end || exec::process_start_ticks(identity.pid) != identity.start_ticks) return fail(errc::not_found, "process {} has ended", identity.pid);
  return std::unique_ptr<plugin_process>(new plugin_process(std::move(identity), std::move(*end)));
}

awaitable<result<>> plugin_process::handshake(net::loop& l, start_request request) {
  directory_watch watch(l, request.directory);
  auto deadline = net::after(limits::start_timeout);
  using namespace boost::asio::experimental::awaitable_operators;
  for (;;) {
    auto said = read_file(request.directory + "/stdout", limits::handshake_bytes_max);
    if (!said && said.error().code() == errc::too_large)
      co_return fail(errc::invalid, "it says more than {} bytes without a greeting", limits::handshake_bytes_max);
    if (!said) co_return wrap(said.error(), "reading what the plugin says");
    if (auto line = said->find('\n'); line != std::string::npos) {
      CO_TRY_ASSIGN(auto where, parse_handshake(std::string_view(*said).substr(0, line)));
      identity_.address = net::to_string(where);
      co_return result<>{};
    }
    if (ended()) {
      auto words = last_line(request.directory + "/stderr");
      co_return fail(errc::io, "it ended before it said where it listens{}{}", words.empty() ? "; is it a plugin?" : ": ", words);
    }
    if (net::now() >= deadline) co_return fail(errc::timeout, "it did not say within {} where it listens", to_string(limits::start_timeout));
    co_await (watch.wait(std::min(deadline, net::after(seconds(1)))) || wait_end());
  }
}

awaitable<result<>> plugin_process::wait_end() {
  co_await end_->wait_readable();
  ended();
  co_return result<>{};
}

bool plugin_process::ended() {
  // Ours, if this agent started it: otherwise there is nothing to wait for.
  (void)::waitpid(identity_.pid, nullptr, WNOHANG);
  // Also when whoever should wait for it does not: a zombie is nobody to talk to.
  pollfd end{end_->native_handle(), POLLIN, 0};
  return ::poll(&end, 1, 0) > 0;
}

void plugin_process::kill() {
  if (!ended()) (void)::syscall(SYS_pidfd_send_signal, end_->native_handle(), SIGKILL, nullptr, 0);
}

void plugin_process::kill_group() {
  // Its leader is not waited for yet, so the number is still its own.
  if (exec::process_start_ticks(identity_.pid) == identity_.start_ticks) (void)::kill(-identity_.pid, SIGKILL);
  kill();
}

}  // namespace drover::client::external
