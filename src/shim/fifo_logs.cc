#include "shim/fifo_logs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "shim/util.h"

namespace drover::shim {
namespace {

struct side {
  const char* path = nullptr;
  int fifo = -1;
  int out = -1;
};

volatile sig_atomic_t asked_to_end = 0;
char buffer[64 * 1024];

// A fresh descriptor does not say "hung up" before a writer has come and gone, so that poll() waits for the next one.
bool reopen(side* s) {
  int fresh = open(s->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fresh < 0) return false;
  if (s->fifo >= 0) close(s->fifo);
  s->fifo = fresh;
  return true;
}

enum class moved { some, nothing, end };

moved move_once(side* s) {
  ssize_t n = read(s->fifo, buffer, sizeof buffer);
  if (n < 0) return errno == EINTR ? moved::some : moved::nothing;
  if (n == 0) return moved::end;
  return write_fully(s->out, buffer, static_cast<size_t>(n)) ? moved::some : moved::nothing;
}

// False: there will never be more.
bool serve(side* s) {
  if (move_once(s) != moved::end) return true;
  return reopen(s);
}

void drain(side* s) {
  if (s->fifo < 0) return;
  while (move_once(s) == moved::some) {
  }
}

}  // namespace

int collect_fifo_logs(int argc, char** argv) {
  if (argc < 4) return 2;
  signal(SIGPIPE, SIG_IGN);
  sigset_t held, usual;
  sigemptyset(&held);
  sigaddset(&held, SIGTERM);
  sigprocmask(SIG_BLOCK, &held, &usual);
  struct sigaction action = {};
  action.sa_handler = [](int) { asked_to_end = 1; };
  sigaction(SIGTERM, &action, nullptr);
  side sides[2] = {{argv[2], -1, 1}, {argv[3], -1, 2}};
  for (side& s : sides)
    if (!reopen(&s)) return 1;
  while (!asked_to_end) {
    pollfd each[2] = {{sides[0].fifo, POLLIN, 0}, {sides[1].fifo, POLLIN, 0}};
    // Held back but for this call, so that a signal is never missed.
    int ready = ppoll(each, 2, nullptr, &usual);
    if (ready < 0 && errno != EINTR) return 1;
    for (int i = 0; ready > 0 && i < 2; ++i)
      if (each[i].revents && !serve(&sides[i])) {
        close(sides[i].fifo);
        sides[i].fifo = -1;
      }
  }
  for (side& s : sides) drain(&s);
  return 0;
}

}  // namespace drover::shim
