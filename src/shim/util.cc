#include "shim/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

namespace drover::shim {

text_builder& text_builder::add(const char* text) {
  while (*text && at < end) *at++ = *text++;
  *at = 0;
  return *this;
}

text_builder& text_builder::add(int64_t number) {
  char digits[24];
  char* first = digits + sizeof(digits) - 1;
  *first = 0;
  uint64_t rest = number < 0 ? -static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  do {
    *--first = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest);
  if (number < 0) *--first = '-';
  return add(first);
}

bool equal(const char* a, const char* b) { return strcmp(a, b) == 0; }

ssize_t read_file(const char* path, char* buffer, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  size_t filled = 0;
  while (filled + 1 < size) {
    ssize_t n = read(fd, buffer + filled, size - 1 - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    filled += static_cast<size_t>(n);
  }
  close(fd);
  buffer[filled] = 0;
  return static_cast<ssize_t>(filled);
}

bool write_file(const char* path, const char* text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = write(fd, text, strlen(text));
  int error = errno;
  close(fd);
  errno = error;
  return n >= 0;
}

uint64_t parse_number(const char* text, const char** end) {
  uint64_t value = 0;
  while (*text >= '0' && *text <= '9') value = value * 10 + static_cast<uint64_t>(*text++ - '0');
  if (end) *end = text;
  return value;
}

uint64_t number_after(const char* text, const char* key) {
  size_t length = strlen(key);
  for (const char* line = text; line && *line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    if (strncmp(line, key, length) == 0 && line[length] == ' ') return parse_number(line + length + 1, nullptr);
  }
  return 0;
}

int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

bool write_fully(int fd, const char* data, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

}  // namespace drover::shim
