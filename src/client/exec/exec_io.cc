#include "client/exec/exec_io.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "client/exec/executor.h"

namespace drover::exec {
namespace {

result<unique_fd> duplicate(const unique_fd& fd) {
  unique_fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return fail(system_error(errno, "dup"));
  return copy;
}

result<> set_size(int fd, uint16_t rows, uint16_t columns) {
  winsize size{rows, columns, 0, 0};
  if (::ioctl(fd, TIOCSWINSZ, &size) < 0) return fail(system_error(errno, "resize terminal"));
  return {};
}

void set_nonblocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

result<exec_streams> open_terminal(uint16_t rows, uint16_t columns) {
  exec_streams s;
  s.ours[0] = unique_fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!s.ours[0] || ::unlockpt(s.ours[0].get()) < 0) return fail(system_error(errno, "open a terminal"));
  // By ioctl, not by path: the path may not exist where the agent runs.
  s.theirs[0] = unique_fd(::ioctl(s.ours[0].get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!s.theirs[0]) return fail(system_error(errno, "open the other side of a terminal"));
  TRY(set_size(s.ours[0].get(), rows, columns));
  set_nonblocking(s.ours[0].get());
  TRY_ASSIGN(s.ours[1], duplicate(s.ours[0]));
  for (int i : {1, 2}) {
    TRY_ASSIGN(s.theirs[i], duplicate(s.theirs[0]));
  }
  return s;
}

}  // namespace

result<exec_streams> open_streams(bool tty, uint16_t rows, uint16_t columns) {
  if (tty) return open_terminal(rows, columns);
  exec_streams s;
  for (int i = 0; i < 3; i++) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) return fail(system_error(errno, "pipe"));
    bool input = i == 0;
    s.theirs[i] = unique_fd(ends[input ? 0 : 1]);
    s.ours[i] = unique_fd(ends[input ? 1 : 0]);
    set_nonblocking(s.ours[i].get());
  }
  return s;
}

exec_session::exec_session(exec_session&& other) noexcept { *this = std::move(other); }

exec_session& exec_session::operator=(exec_session&& other) noexcept {
  id_ = other.id_;
  pid_ = other.pid_;
  tty_ = other.tty_;
  for (int i = 0; i < 3; i++) std::swap(fds_[i], other.fds_[i]);
  return *this;
}

exec_session::~exec_session() {
  for (int fd : fds_)
    if (fd >= 0) ::close(fd);
}

void exec_session::close_stdin() {
  if (fds_[0] < 0) return;
  constexpr char end_of_input = 4;
  if (tty_) {
    (void)!::write(fds_[0], &end_of_input, 1);
    return;
  }
  ::close(std::exchange(fds_[0], -1));
}

result<> exec_session::resize(uint16_t rows, uint16_t columns) {
  if (!tty_) return fail(errc::invalid, "this exec session has no terminal that could be resized");
  return set_size(fds_[0], rows, columns);
}

}  // namespace drover::exec
