#include "shim/docker_logs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim/util.h"

namespace drover::shim {
namespace {

// "2026-11-21T15:13:04.123456789Z ": of one length, so that they compare as text.
constexpr uint32_t stamp_bytes = 30;
constexpr uint32_t stamp_and_blank = stamp_bytes + 1;
// What docker cuts a long line into. On a terminal there are no frames, so this says where the next timestamp is.
constexpr uint32_t terminal_message_max = 16 * 1024;
constexpr uint32_t head_bytes_max = 16 * 1024;
// Many times what dockerd cuts lines into; only the pages that are used cost memory.
constexpr uint32_t frame_bytes_max = 1024 * 1024;
// A dockerd that does not answer is asked again after this, doubling.
constexpr int retry_ms = 100, retry_ms_max = 2000;

struct stream_position {
  char stamp[stamp_bytes + 1] = {};  // empty: nothing yet
  uint64_t count = 0;                // messages with exactly that stamp
  uint64_t skip = 0;                 // of them, those to leave out after a new connection
};

struct collector {
  supervisor* shim = nullptr;
  const char* socket_path = nullptr;
  const char* target = nullptr;
  const char* position_path = nullptr;
  bool terminal = false;

  int fd = -1;
  char buffer[32 * 1024];
  size_t filled = 0, at = 0;
  uint64_t chunk_left = 0;
  bool first_chunk = true;
  // The chunk of length 0 was read: the container has ended and this is all.
  bool complete = false;
  // dockerd has begun to send the log.
  bool answered = false;
  stream_position streams[2];
};

// ---- where we are ----

void save_position(const collector* c) {
  char text[160];
  text_builder t(text, sizeof text);
  for (const stream_position& s : c->streams) t.add(*s.stamp ? s.stamp : "-").add(" ").add(static_cast<int64_t>(s.count)).add("\n");
  int fd = open(c->position_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  // One write over the old one. The text only grows.
  (void)!pwrite(fd, text, strlen(text), 0);
  close(fd);
}

void load_position(collector* c) {
  char text[160];
  if (read_file(c->position_path, text, sizeof text) <= 0) return;
  const char* at = text;
  for (stream_position& s : c->streams) {
    const char* blank = strchr(at, ' ');
    if (!blank) return;
    if (blank - at == stamp_bytes) memcpy(s.stamp, at, stamp_bytes);
    s.count = parse_number(blank + 1, &at);
    if (*at == '\n') at++;
  }
}

int64_t days_before(int64_t year, int64_t month, int64_t day) {
  // From a civil date of the Gregorian calendar to days since 1970, with years that begin in March.
  if (month <= 2) year--;
  int64_t era = year / 400, year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

int64_t digits(const char* at, int count) {
  int64_t n = 0;
  for (int i = 0; i < count; i++) n = n * 10 + (at[i] - '0');
  return n;
}

// As dockerd wants it: Unix seconds, a point, nine digits. 0 when a stream has said nothing yet: its first message may be older than what
// the other one has said.
void add_since(const collector* c, text_builder* out) {
  const char* oldest = c->streams[0].stamp;
  for (const stream_position& s : c->streams)
    if (strcmp(s.stamp, oldest) < 0) oldest = s.stamp;
  if (!*oldest) {
    out->add("0");
    return;
  }
  int64_t seconds = days_before(digits(oldest, 4), digits(oldest + 5, 2), digits(oldest + 8, 2)) * 86400 + digits(oldest + 11, 2) * 3600 +
                    digits(oldest + 14, 2) * 60 + digits(oldest + 17, 2);
  char fraction[10] = {};
  memcpy(fraction, oldest + 20, 9);
  out->add(seconds).add(".").add(fraction);
}

// ---- bytes of the connection, then of the body ----

bool fill(collector* c) {
  c->at = 0;
  c->filled = 0;
  for (;;) {
    while (!serve(c->shim, c->fd, -1)) {
    }
    ssize_t n = read(c->fd, c->buffer, sizeof c->buffer);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return false;
    c->filled = static_cast<size_t>(n);
    return true;
  }
}

bool next_byte(collector* c, char* out) {
  if (c->at == c->filled && !fill(c)) return false;
  *out = c->buffer[c->at++];
  return true;
}

bool next_line(collector* c, char* line, size_t size) {
  for (size_t n = 0; n + 1 < size; n++) {
    if (!next_byte(c, line + n)) return false;
    if (line[n] != '\n') continue;
    line[n > 0 && line[n - 1] == '\r' ? n - 1 : n] = 0;
    return true;
  }
  return false;
}

// Makes sure that the chunk at hand has bytes left. False: the end, c->complete says of which kind.
bool open_chunk(collector* c) {
  if (c->chunk_left > 0) return true;
  char line[64];
  if (!c->first_chunk && !next_line(c, line, sizeof line)) return false;
  c->first_chunk = false;
  if (!next_line(c, line, sizeof line)) return false;
  uint64_t size = 0;
  const char* at = line;
  for (; *at && *at != ';'; at++) {
    int digit = *at >= '0' && *at <= '9' ? *at - '0' : *at >= 'a' && *at <= 'f' ? *at - 'a' + 10 : *at >= 'A' && *at <= 'F' ? *at - 'A' + 10 : -1;
    if (digit < 0 || size >> 40) return false;
    size = size * 16 + static_cast<uint64_t>(digit);
  }
  if (at == line) return false;
  c->complete = size == 0;
  c->chunk_left = size;
  return size > 0;
}

// The next bytes of the body, at most `want`, where they lie. 0: the end.
size_t body_part(collector* c, size_t want, const char** data) {
  if (!open_chunk(c)) return 0;
  if (c->at == c->filled && !fill(c)) return 0;
  size_t there = c->filled - c->at;
  if (there > want) there = want;
  if (there > c->chunk_left) there = static_cast<size_t>(c->chunk_left);
  *data = c->buffer + c->at;
  c->at += there;
  c->chunk_left -= there;
  return there;
}

bool body_exactly(collector* c, char* into, size_t size) {
  const char* data;
  while (size > 0) {
    size_t n = body_part(c, size, &data);
    if (n == 0) return false;
    memcpy(into, data, n);
    into += n;
    size -= n;
  }
  return true;
}

// Nothing but the end of a chunk is left of what was read: the next message may be long in coming.
bool is_drained(const collector* c) { return c->filled - c->at <= 2; }

// ---- messages ----

// False: this message was written before.
bool is_new(stream_position* s, const char* stamp) {
  int order = strncmp(stamp, s->stamp, stamp_bytes);
  if (order < 0) return false;
  if (order == 0) {
    if (s->skip > 0) {
      s->skip--;
      return false;
    }
    s->count++;
    return true;
  }
  memcpy(s->stamp, stamp, stamp_bytes);
  s->count = 1;
  s->skip = 0;
  return true;
}

bool read_stamp(collector* c, char* stamp) {
  return body_exactly(c, stamp, stamp_and_blank) && stamp[4] == '-' && stamp[10] == 'T' && stamp[stamp_bytes - 1] == 'Z';
}

// Written only when all of it is there: a message that was cut off comes again.
bool move_frame(collector* c, int stream, uint32_t size) {
  static char message[frame_bytes_max];
  char stamp[stamp_and_blank];
  if (size < stamp_and_blank || size > sizeof message || !read_stamp(c, stamp)) return false;
  size -= stamp_and_blank;
  if (!body_exactly(c, message, size)) return false;
  if (is_new(&c->streams[stream], stamp)) store_output(c->shim, stream, message, size);
  return true;
}

bool move_frames(collector* c) {
  char header[8];
  while (body_exactly(c, header, sizeof header)) {
    auto byte = [&](int i) { return static_cast<uint32_t>(static_cast<unsigned char>(header[i])); };
    uint32_t size = byte(4) << 24 | byte(5) << 16 | byte(6) << 8 | byte(7);
    if (byte(0) > 2) return false;
    if (!move_frame(c, byte(0) == 2 ? 1 : 0, size)) return false;
    if (is_drained(c)) save_position(c);
  }
  return c->complete;
}

bool move_terminal(collector* c) {
  char stamp[stamp_and_blank];
  while (read_stamp(c, stamp)) {
    bool wanted = is_new(&c->streams[0], stamp);
    char one[terminal_message_max];
    uint32_t size = 0;
    const char* data;
    while (size < sizeof one && body_part(c, 1, &data) == 1 && (one[size++] = *data) != '\n') {
    }
    if (wanted) store_output(c->shim, 0, one, size);
    if (is_drained(c)) save_position(c);
  }
  return c->complete;
}

// ---- connections ----

enum class outcome { again, done };

bool connect_to(collector* c) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  text_builder path(address.sun_path, sizeof address.sun_path);
  path.add(c->socket_path);
  c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return c->fd >= 0 && connect(c->fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

bool ask(collector* c) {
  char request[2048];
  text_builder text(request, sizeof request);
  text.add("GET ").add(c->target).add("&since=");
  add_since(c, &text);
  text.add(" HTTP/1.1\r\nHost: docker\r\n\r\n");
  return !text.full() && write_fully(c->fd, request, strlen(request));
}

outcome follow_once(collector* c) {
  c->filled = c->at = 0;
  c->chunk_left = 0;
  c->first_chunk = true;
  c->complete = c->answered = false;
  for (stream_position& s : c->streams) s.skip = s.count;
  if (!connect_to(c) || !ask(c)) return outcome::again;
  char line[1024];
  if (!next_line(c, line, sizeof line) || strncmp(line, "HTTP/1.1 ", 9) != 0) return outcome::again;
  uint64_t status = parse_number(line + 9, nullptr);
  for (size_t total = 0; *line; total += strlen(line))
    if (!next_line(c, line, sizeof line) || total > head_bytes_max) return outcome::again;
  // No such container: there will never be more.
  if (status == 404) return outcome::done;
  if (status != 200) return outcome::again;
  c->answered = true;
  bool done = c->terminal ? move_terminal(c) : move_frames(c);
  save_position(c);
  return done ? outcome::done : outcome::again;
}

collector self;

}  // namespace

void follow_docker_log(supervisor* s) {
  self.shim = s;
  const char* const* words = s->task.arguments.items + 1;
  self.socket_path = words[0];
  self.target = words[1];
  self.position_path = words[2];
  self.terminal = s->task.docker_terminal;
  load_position(&self);
  for (int pause = retry_ms;;) {
    outcome what = follow_once(&self);
    if (self.fd >= 0) close(self.fd);
    self.fd = -1;
    if (what == outcome::done) return;
    // An agent that attaches meanwhile ends the pause; it may know that dockerd is back.
    serve(s, -1, pause);
    pause = self.answered ? retry_ms : pause * 2 < retry_ms_max ? pause * 2 : retry_ms_max;
  }
}

}  // namespace drover::shim
