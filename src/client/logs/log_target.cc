// What takes the lines of a log sink: files of JSON lines, syslog over UDP, syslog over TCP.
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"
#include "client/logs/log_sink.h"
#include "client/system.h"
#include "net/datagram.h"
#include "net/stream.h"

namespace drover::client {

namespace {

constexpr size_t datagram_bytes_max = 60 * 1024;
constexpr duration connect_patience = seconds(5);

class file_target : public log_target {
 public:
  file_target(const log_sink_options& o, net::blocking_pool& pool) : o_(o), pool_(pool) {}

  net::awaitable<result<>> take(std::vector<entry> lines) override {
    std::string text;
    auto now = wall_now();
    for (const auto& each : lines) text += json_line(o_.labels, each.stream, now, each.line);
    co_return co_await pool_.run([&] { return append(text); });
  }

 private:
  std::string path_of(int64_t index) const { return fmt::format("{}/{}.{}.json.{}", o_.log_dir, o_.labels.task, o_.sink.name, index); }

  result<> append(const std::string& text) {
    auto files = list_log_files(o_.log_dir, o_.labels.task, o_.sink.name + ".json");
    auto index = files.empty() ? 0 : files.back().index + (files.back().size >= o_.file_bytes_max ? 1 : 0);
    for (const auto& f : files)
      if (f.index + o_.max_files <= index) ::unlink(path_of(f.index).c_str());
    // The directory is the task's, too: a link that it put there is not followed.
    int descriptor = ::open(path_of(index).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor < 0) return fail(system_error(errno, "opening " + path_of(index)));
    auto end = ::lseek(descriptor, 0, SEEK_END);
    auto written = ::write(descriptor, text.data(), text.size());
    int number = written < 0 ? errno : ENOSPC;
    bool whole = written == static_cast<ssize_t>(text.size());
    // Half a batch would come twice.
    if (!whole && end >= 0) (void)!::ftruncate(descriptor, end);
    ::close(descriptor);
    if (!whole) return fail(system_error(number, "writing " + path_of(index)));
    return {};
  }

  log_sink_options o_;
  net::blocking_pool& pool_;
};

// On the pool: the first address of a host, as text.
result<net::endpoint> resolve(net::endpoint where) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  int code = ::getaddrinfo(where.host.c_str(), nullptr, &hints, &found);
  if (code != 0) return fail(errc::unavailable, "{}: {}", where.host, ::gai_strerror(code));
  char text[NI_MAXHOST] = {};
  code = ::getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  ::freeaddrinfo(found);
  if (code != 0) return fail(errc::unavailable, "{}: {}", where.host, ::gai_strerror(code));
  where.host = text;
  return where;
}

class syslog_target : public log_target {
 public:
  syslog_target(const log_sink_options& o, net::endpoint where, int facility) : labels_(o.labels), where_(std::move(where)), facility_(facility) {}

 protected:
  std::string message(const entry& each, timestamp now) const { return syslog_message(labels_, each.stream, now, facility_, each.line); }
  const net::endpoint& where() const { return where_; }

 private:
  log_labels labels_;
  net::endpoint where_;
  int facility_;
};

class udp_target : public syslog_target {
 public:
  udp_target(const log_sink_options& o, net::endpoint where, int facility, net::loop& loop, net::blocking_pool& pool)
      : syslog_target(o, std::move(where), facility), loop_(loop), pool_(pool) {}

  net::awaitable<result<>> take(std::vector<entry> lines) override {
    if (!socket_) {
      CO_TRY_ASSIGN(to_, co_await pool_.run([&] { return resolve(where()); }));
      CO_TRY_ASSIGN(socket_, net::datagram_socket::bind(loop_, {.host = to_.host.find(':') == std::string::npos ? "0.0.0.0" : "::", .port = 0, .path = {}}));
    }
    auto now = wall_now();
    for (const auto& each : lines) {
      auto text = message(each, now);
      text.resize(std::min(text.size(), datagram_bytes_max));
      // A datagram that the network does not take is lost, as others are on their way.
      (void)socket_->send(to_, text);
    }
    co_return result<>();
  }

 private:
  net::loop& loop_;
  net::blocking_pool& pool_;
  net::endpoint to_;
  std::unique_ptr<net::datagram_socket> socket_;
};

class tcp_target : public syslog_target {
 public:
  using syslog_target::syslog_target;

  net::awaitable<result<>> take(std::vector<entry> lines) override {
    std::string text;
    auto now = wall_now();
    for (const auto& each : lines) text += octet_counted(message(each, now));
    if (stream_ && has_ended()) stream_.reset();
    if (!stream_) {
      CO_TRY_ASSIGN(stream_, co_await net::dial(where(), {.deadline = net::after(connect_patience)}));
    }
    // Whatever does not end well leaves half a message behind: the next one begins on a new connection.
    auto connection = std::exchange(stream_, nullptr);
    CO_TRY(co_await connection->write_all(text));
    stream_ = std::move(connection);
    co_return result<>();
  }

 private:
  // A server of syslog says nothing: what can be read is its end.
  bool has_ended() {
    char any[64];
    return !stream_->try_read(any).has_value();
  }

  std::unique_ptr<net::byte_stream> stream_;
};

}  // namespace

result<std::unique_ptr<log_target>> make_log_target(const log_sink_options& o, net::loop& loop, net::blocking_pool& pool) {
  if (o.sink.type == "file") return std::make_unique<file_target>(o, pool);
  if (o.sink.type != "syslog") return fail(errc::invalid, "log sink \"{}\" has the type \"{}\": \"file\" and \"syslog\" are", o.sink.name, o.sink.type);
  TRY_ASSIGN(auto facility, syslog_facility(o.sink.facility));
  bool udp = o.sink.address.starts_with("udp://");
  if (!udp && !o.sink.address.starts_with("tcp://"))
    return fail(errc::invalid, "log sink \"{}\": \"{}\" is not udp://HOST:PORT or tcp://HOST:PORT", o.sink.name, o.sink.address);
  auto where = net::parse_endpoint(std::string_view(o.sink.address).substr(6));
  if (!where) return wrap(where.error(), fmt::format("log sink \"{}\"", o.sink.name));
  if (where->is_unix() || where->port == 0) return fail(errc::invalid, "log sink \"{}\": \"{}\" needs a host and a port", o.sink.name, o.sink.address);
  if (udp) return std::make_unique<udp_target>(o, *where, facility, loop, pool);
  return std::make_unique<tcp_target>(o, *where, facility);
}

}  // namespace drover::client
