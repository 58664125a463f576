// Plain TCP: a thread that listens, connects and exchanges one greeting, ["DRVRAFT1"][u64 id][u64 length of
// address][address], little endian. After the greeting the socket belongs to raft.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "base/text.h"
#include "raft/framing.h"
#include "raft/limits.h"
#include "raft/transport.h"

namespace drover::raft {

namespace {

constexpr std::string_view greeting_magic = "DRVRAFT1";
constexpr size_t greeting_header_bytes = 24;

struct endpoint {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// "127.0.0.1:4647" or "[::1]:4647".
result<endpoint> parse_endpoint(const std::string& address) {
  size_t colon = address.rfind(':');
  auto port = colon == std::string::npos ? std::nullopt : parse_uint(std::string_view(address).substr(colon + 1));
  if (!port || *port > 65535) return fail(errc::invalid, "'{}' is not an address: it must be a numeric host and a port, such as 127.0.0.1:4647", address);
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  endpoint e;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&e.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&e.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(*port));
    e.size = sizeof *v4;
  } else if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(*port));
    e.size = sizeof *v6;
  } else {
    return fail(errc::invalid, "'{}' is not a numeric IP address", host);
  }
  return e;
}

class tcp_transport final : public transport {
 public:
  ~tcp_transport() override { stop(); }

  result<> start(uint64_t id, const std::string& address, accept_handler accepted) override {
    TRY_ASSIGN(endpoint local, parse_endpoint(address));
    listener_ = socket(local.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener_ < 0) return fail(system_error(errno, "cannot make a socket"));
    int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&local.storage), local.size) != 0 || listen(listener_, SOMAXCONN) != 0) {
      error e = system_error(errno, fmt::format("cannot listen on {}", address));
      close(listener_);
      listener_ = -1;
      return fail(std::move(e));
    }
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    accepted_ = std::move(accepted);
    greeting_.assign(greeting_header_bytes, '\0');
    memcpy(greeting_.data(), greeting_magic.data(), greeting_magic.size());
    store_u64(greeting_.data() + 8, id);
    store_u64(greeting_.data() + 16, address.size());
    greeting_ += address;
    thread_ = std::thread([this] { run(); });
    return {};
  }

  void connect(uint64_t, const std::string& address, connect_handler done) override {
    {
      std::lock_guard lock(mutex_);
      if (!stop_) {
        wanted_.push_back({address, std::move(done)});
        notify();
        return;
      }
    }
    done(fail(errc::cancelled, "the transport has stopped"));
  }

  void stop() override {
    if (!thread_.joinable()) return;
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      notify();
    }
    thread_.join();
    for (const incoming& i : incoming_) close(i.fd);
    for (outgoing& o : outgoing_) {
      close(o.fd);
      o.done(fail(errc::cancelled, "the transport stops"));
    }
    for (wanted& w : wanted_) w.done(fail(errc::cancelled, "the transport stops"));
    close(listener_);
    close(wake_);
  }

 private:
  struct wanted {
    std::string address;
    connect_handler done;
  };
  struct outgoing {
    int fd;
    size_t sent;
    connect_handler done;
  };
  struct incoming {
    int fd;
    std::string received;
  };

  void notify() {
    uint64_t one = 1;
    [[maybe_unused]] ssize_t n = write(wake_, &one, sizeof one);
  }

  void run() {
    for (;;) {
      std::vector<wanted> starting;
      {
        std::lock_guard lock(mutex_);
        if (stop_) return;
        starting.swap(wanted_);
      }
      for (wanted& w : starting) begin_connect(std::move(w));
      std::vector<pollfd> polled{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const outgoing& o : outgoing_) polled.push_back({o.fd, POLLOUT, 0});
      for (const incoming& i : incoming_) polled.push_back({i.fd, POLLIN, 0});
      if (poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
      uint64_t count;
      if (polled[0].revents != 0) [[maybe_unused]]
        ssize_t n = read(wake_, &count, sizeof count);
      size_t at = 2;
      outgoing_.remove_if([&](outgoing& o) { return polled[at++].revents != 0 && !go_on(o); });
      incoming_.remove_if([&](incoming& i) { return polled[at++].revents != 0 && !go_on(i); });
      if (polled[1].revents != 0) accept_one();
    }
  }

  void begin_connect(wanted w) {
    auto remote = parse_endpoint(w.address);
    if (!remote) return w.done(fail(remote.error()));
    int fd = socket(remote->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return w.done(fail(system_error(errno, "cannot make a socket")));
    if (::connect(fd, reinterpret_cast<sockaddr*>(&remote->storage), remote->size) != 0 && errno != EINPROGRESS) {
      error e = system_error(errno, fmt::format("cannot connect to {}", w.address));
      close(fd);
      return w.done(fail(std::move(e)));
    }
    outgoing_.push_back({fd, 0, std::move(w.done)});
  }

  // False when done with it.
  bool go_on(outgoing& o) {
    ssize_t n = send(o.fd, greeting_.data() + o.sent, greeting_.size() - o.sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n < 0) {
      error e = system_error(errno, "cannot connect to a raft server");
      close(o.fd);
      o.done(fail(std::move(e)));
      return false;
    }
    o.sent += static_cast<size_t>(n);
    if (o.sent < greeting_.size()) return true;
    o.done(connection{o.fd});
    return false;
  }

  // Reads exactly the greeting: what follows is raft's.
  bool go_on(incoming& i) {
    size_t want = greeting_header_bytes;
    if (i.received.size() >= greeting_header_bytes) want += load_u64(i.received.data() + 16);
    char buffer[greeting_header_bytes + address_bytes_max];
    ssize_t n = recv(i.fd, buffer, want - i.received.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n > 0) i.received.append(buffer, static_cast<size_t>(n));
    if (n <= 0 || !plausible(i.received)) {
      close(i.fd);
      return false;
    }
    if (i.received.size() < greeting_header_bytes) return true;
    if (i.received.size() < greeting_header_bytes + load_u64(i.received.data() + 16)) return true;
    accepted_(load_u64(i.received.data() + 8), i.received.substr(greeting_header_bytes), connection{i.fd});
    return false;
  }

  static bool plausible(const std::string& received) {
    if (received.size() < greeting_header_bytes) return true;
    uint64_t address_size = load_u64(received.data() + 16);
    return received.starts_with(greeting_magic) && address_size > 0 && address_size <= address_bytes_max;
  }

  void accept_one() {
    int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    if (incoming_.size() >= handshakes_max) {
      close(incoming_.front().fd);
      incoming_.pop_front();
    }
    incoming_.push_back({fd, {}});
  }

  int listener_ = -1;
  int wake_ = -1;
  std::string greeting_;
  accept_handler accepted_;
  std::thread thread_;
  std::list<outgoing> outgoing_;
  std::list<incoming> incoming_;
  std::mutex mutex_;
  std::vector<wanted> wanted_;
  bool stop_ = false;
};

}  // namespace

std::unique_ptr<transport> make_tcp_transport() { return std::make_unique<tcp_transport>(); }

}  // namespace drover::raft
