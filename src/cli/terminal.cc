#include "cli/terminal.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace drover::cli {
namespace {

constexpr size_t pending_bytes_max = 64 * 1024;

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    auto count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {  // a terminal shares its mode with stdin
      pollfd wait{.fd = descriptor, .events = POLLOUT, .revents = 0};
      ::poll(&wait, 1, -1);
      continue;
    }
    if (count <= 0) return;  // nobody listens any more
    text.remove_prefix(static_cast<size_t>(count));
  }
}

bool is_set(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0';
}

}  // namespace

bool terminal::wants_colours(bool no_colour, bool force_colour) {
  if (no_colour || is_set("NO_COLOR") || is_set("NOMAD_CLI_NO_COLOR")) return false;
  if (force_colour || is_set("NOMAD_CLI_FORCE_COLOR")) return true;
  const char* kind = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && (kind == nullptr || std::string_view(kind) != "dumb");
}

void terminal::write(std::string_view text) {
  pending_ += text;
  if (pending_.size() >= pending_bytes_max) flush();
}

void terminal::complain(std::string_view text) {
  flush();
  std::string line = format::coloured(text, colours_ && ::isatty(STDERR_FILENO) == 1);
  line += '\n';
  write_all(STDERR_FILENO, line);
}

void terminal::write_error(std::string_view text) {
  flush();
  write_all(STDERR_FILENO, text);
}

void terminal::flush() {
  write_all(STDOUT_FILENO, pending_);
  pending_.clear();
}

std::string terminal::ask(std::string_view question) {
  write(question);
  write(" ");
  flush();
  std::string line;
  char c = 0;
  while (::read(STDIN_FILENO, &c, 1) == 1 && c != '\n') line += c;
  return line;
}

}  // namespace drover::cli
