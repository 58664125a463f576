#include "cli/exec_session.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>

#include "base/bytes.h"
#include "cli/api_stream.h"
#include "net/blocking.h"
#include "net/descriptor.h"
#include "net/signals.h"
#include "net/task_scope.h"
#include "schema/stats.h"

namespace drover::cli {
namespace {

constexpr duration heartbeat_every = seconds(10);
constexpr size_t input_piece_bytes = 32 * 1024;

// The terminal passes every key on while this lives; it, and how stdin blocks, are put back after.
class raw_terminal {
 public:
  explicit raw_terminal(bool raw) : flags_(::fcntl(STDIN_FILENO, F_GETFL)) {
    if (!raw || ::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    auto now = before_;
    ::cfmakeraw(&now);
    active_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &now) == 0;
  }
  ~raw_terminal() {
    if (flags_ >= 0) ::fcntl(STDIN_FILENO, F_SETFL, flags_);
    if (active_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  raw_terminal(const raw_terminal&) = delete;
  raw_terminal& operator=(const raw_terminal&) = delete;

 private:
  int flags_;
  termios before_{};
  bool active_ = false;
};

// Finds "<escape>." at the start of a line; a doubled escape character is one.
class escape_filter {
 public:
  explicit escape_filter(char escape) : escape_(escape) {}
  // What to send of `piece`; sets ended().
  std::string pass(std::string_view piece) {
    if (escape_ == '\0') return std::string(piece);
    std::string out;
    for (char c : piece) {
      if (held_) {
        held_ = false;
        if (c == '.') {
          ended_ = true;
          return out;
        }
        out += escape_;
        if (c == escape_) {
          line_start_ = false;
          continue;
        }
      } else if (line_start_ && c == escape_) {
        held_ = true;
        continue;
      }
      out += c;
      line_start_ = c == '\r' || c == '\n';
    }
    return out;
  }
  bool ended() const { return ended_; }

 private:
  char escape_;
  bool line_start_ = true, held_ = false, ended_ = false;
};

struct session {
  context& c;
  net::websocket& socket;
  bool tty = false;
  escape_filter filter;
  bool left = false;  // ended by the escape
};

net::awaitable<result<>> send_input(session& s, std::string data) {
  co_return co_await s.socket.send_text(fmt::format("{{\"stdin\":{{\"data\":\"{}\"}}}}", base64_encode(data)));
}

net::awaitable<void> close_input(session& s) { (void)co_await s.socket.send_text("{\"stdin\":{\"close\":true}}"); }

// A regular file cannot be waited for, and need not be.
net::awaitable<void> pump_file(session& s) {
  std::string piece(input_piece_bytes, '\0');
  for (;;) {
    auto count = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (count <= 0) break;
    if (!co_await send_input(s, piece.substr(0, static_cast<size_t>(count)))) co_return;
  }
  co_await close_input(s);
}

net::awaitable<void> pump_input(session& s) {
  struct stat status{};
  if (::fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode)) {
    co_await pump_file(s);
    co_return;
  }
  auto input = net::adopt_descriptor(loop_of(s.c.api), ::dup(STDIN_FILENO));
  if (!input) {  // /dev/null and the like
    co_await close_input(s);
    co_return;
  }
  std::string buffer(input_piece_bytes, '\0');
  for (;;) {
    auto count = co_await (*input)->read_some(buffer);
    if (!count || *count == 0) break;
    auto data = s.filter.pass(std::string_view(buffer).substr(0, *count));
    if (!data.empty() && !co_await send_input(s, std::move(data))) co_return;
    if (s.filter.ended()) {
      s.left = true;
      (void)co_await s.socket.close();
      co_return;
    }
  }
  co_await close_input(s);
}

net::awaitable<void> send_size(session& s) {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) co_return;
  (void)co_await s.socket.send_text(fmt::format("{{\"tty_size\":{{\"height\":{},\"width\":{}}}}}", size.ws_row, size.ws_col));
}

net::awaitable<void> pump_sizes(session& s) {
  net::signal_set signals(loop_of(s.c.api), {SIGWINCH});
  for (;;) {
    co_await send_size(s);
    if (!co_await signals.next()) co_return;
  }
}

net::awaitable<void> pump_heartbeats(session& s) {
  for (;;) {
    co_await net::sleep_for(heartbeat_every);
    if (!co_await s.socket.send_text("{}")) co_return;
  }
}

// Until the command has ended: its exit code.
net::awaitable<result<int>> pump_output(session& s) {
  for (;;) {
    auto message = co_await s.socket.read();
    if (!message) {
      if (s.left) co_return 0;
      auto why = s.socket.closed_reason();
      if (!why.empty()) co_return fail(errc::closed, "failed to exec into task: {}", why);
      co_return fail(errc::closed, "failed to exec into task: the connection ended: {}", message.error().text());
    }
    auto output = codec::from_json<schema::exec_streaming_output>(message->data);
    if (!output) co_return wrap(output.error(), "failed to exec into task: the agent's message is not what it should be");
    if (output->stdout && !output->stdout->data.empty()) {
      s.c.out.write(output->stdout->data.data);
      s.c.out.flush();
    }
    if (output->stderr && !output->stderr->data.empty()) s.c.out.write_error(output->stderr->data.data);
    if (output->exited) co_return static_cast<int>(output->result ? output->result->exit_code : 0);
  }
}

net::awaitable<result<int>> talk(context& c, api_request ask, exec_terminal terminal) {
  auto [tty, with_input, escape] = terminal;
  CO_TRY_ASSIGN(auto socket, co_await open_websocket(c.api, std::move(ask)));
  raw_terminal raw(tty && with_input && ::isatty(STDIN_FILENO) == 1);
  session s{.c = c, .socket = *socket, .tty = tty, .filter = escape_filter(tty ? escape : '\0')};
  net::task_scope scope(loop_of(c.api), log::logger("cli"));
  scope.spawn(with_input ? pump_input(s) : close_input(s));
  if (tty) scope.spawn(pump_sizes(s));
  scope.spawn(pump_heartbeats(s));
  auto code = co_await pump_output(s);
  co_await scope.stop();
  co_return code;
}

}  // namespace

result<exec_terminal> exec_terminal_of(const context& c) {
  exec_terminal out;
  if (c.flags.has("e")) {
    auto text = c.flags.text("e");
    if (text.size() > 1 && text != "none") return fail(errc::invalid, "-e requires 'none' or a single character");
    out.escape = text.empty() || text == "none" ? '\0' : text[0];
  }
  out.with_input = c.flags.on("i", true);
  out.tty = c.flags.on("t", out.with_input && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1);
  if (out.tty && !out.with_input) return fail(errc::invalid, "-i must be enabled if running with tty");
  return out;
}

result<int> run_exec_session(context& c, api_request ask, exec_terminal terminal) {
  ask.query.emplace_back("tty", terminal.tty ? "true" : "false");
  return net::run_to_completion(loop_of(c.api), talk(c, std::move(ask), terminal));
}

}  // namespace drover::cli
