#include "shim/log_pump.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/util.h"

namespace drover::shim {
namespace {

constexpr size_t path_bytes_max = 4096;
// Shared by both streams: data never stays in it between calls.
char buffer[32 * 1024];

bool file_path(const log_stream* s, uint64_t index, char* path) {
  text_builder text(path, path_bytes_max);
  text.add(s->prefix).add(".").add(s->kind).add(".").add(static_cast<int64_t>(index));
  return !text.full();
}

bool open_file(log_stream* s, uint64_t index) {
  char path[path_bytes_max];
  if (!file_path(s, index, path)) {
    errno = ENAMETOOLONG;
    return false;
  }
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return false;
  struct stat info;
  if (s->file_fd >= 0) close(s->file_fd);
  s->file_fd = fd;
  s->index = index;
  s->file_bytes = fstat(fd, &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
  return true;
}

struct directory_entry {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[];
};

// Calls visit(index) for every file of this stream in the log directory.
template <class Visit>
bool each_file(const log_stream* s, Visit visit) {
  char path[path_bytes_max];
  text_builder(path, sizeof path).add(s->prefix);
  char* slash = strrchr(path, '/');
  if (!slash) return false;
  text_builder wanted(slash + 1, path_bytes_max - static_cast<size_t>(slash + 1 - path));
  wanted.add(strrchr(s->prefix, '/') + 1).add(".").add(s->kind).add(".");
  *slash = 0;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const char* name = slash + 1;
  size_t name_length = strlen(name);
  alignas(8) char entries[2048];
  for (long n; (n = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0;)
    for (long at = 0; at < n;) {
      auto e = reinterpret_cast<directory_entry*>(entries + at);
      at += e->length;
      if (strncmp(e->name, name, name_length) != 0 || !e->name[name_length]) continue;
      const char* end;
      uint64_t index = parse_number(e->name + name_length, &end);
      if (!*end) visit(index);
    }
  close(fd);
  return true;
}

bool rotate(log_stream* s) {
  if (!open_file(s, s->index + 1)) return false;
  char path[path_bytes_max];
  if (s->index >= s->files_max && file_path(s, s->index - s->files_max, path)) unlink(path);
  return true;
}

// Writes across file ends. Returns how much could be written; errno says why it is not all.
uint64_t write_all(log_stream* s, const char* data, uint64_t size) {
  uint64_t done = 0;
  while (done < size) {
    if (s->file_fd < 0 && !open_file(s, s->index)) break;
    if (s->file_bytes >= s->file_bytes_max && !rotate(s)) break;
    if (s->file_bytes >= s->file_bytes_max) continue;  // that one was there already and is full too
    uint64_t room = s->file_bytes_max - s->file_bytes;
    uint64_t want = size - done < room ? size - done : room;
    ssize_t n = write(s->file_fd, data + done, want);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    s->file_bytes += static_cast<uint64_t>(n);
    done += static_cast<uint64_t>(n);
  }
  return done;
}

// Says in the file that something is missing here. False while that cannot be written either.
bool note_loss(log_stream* s) {
  char note[128];
  text_builder text(note, sizeof note);
  text.add("\n[drover: ").add(static_cast<int64_t>(s->lost_unnoted)).add(" bytes of output could not be written here: ");
  if (s->lost_errno == ENOSPC || s->lost_errno == EDQUOT) text.add("no space left]\n");
  else text.add("error ").add(s->lost_errno).add("]\n");
  uint64_t size = strlen(note);
  if (write_all(s, note, size) < size) return false;
  s->lost_unnoted = 0;
  return true;
}

}  // namespace

bool log_open(log_stream* s) {
  uint64_t highest = 0;
  if (!each_file(s, [&](uint64_t index) { highest = index > highest ? index : highest; })) return false;
  char path[path_bytes_max];
  each_file(s, [&](uint64_t index) {
    if (index + s->files_max <= highest && file_path(s, index, path)) unlink(path);
  });
  s->index = highest;
  if (open_file(s, highest)) return true;
  return errno == ENOSPC || errno == EDQUOT || errno == EIO;
}

void log_store(log_stream* s, const char* data, uint64_t size) {
  uint64_t done = 0;
  if (s->lost_unnoted == 0 || note_loss(s)) done = write_all(s, data, size);
  if (done == size) return;
  s->lost_errno = errno;
  s->lost_unnoted += size - done;
  s->lost_total += size - done;
}

uint64_t log_pump(log_stream* s, uint64_t bytes_max) {
  uint64_t moved = 0;
  while (s->pipe_fd >= 0 && moved < bytes_max) {
    uint64_t want = bytes_max - moved < sizeof buffer ? bytes_max - moved : sizeof buffer;
    ssize_t n = read(s->pipe_fd, buffer, want);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) {
      close(s->pipe_fd);
      s->pipe_fd = -1;
      break;
    }
    log_store(s, buffer, static_cast<uint64_t>(n));
    moved += static_cast<uint64_t>(n);
  }
  return moved;
}

void log_drain(log_stream* s) {
  int waiting = 0;
  if (s->pipe_fd >= 0 && ioctl(s->pipe_fd, FIONREAD, &waiting) == 0 && waiting > 0) log_pump(s, static_cast<uint64_t>(waiting));
}

}  // namespace drover::shim
