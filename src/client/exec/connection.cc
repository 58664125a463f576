#include "client/exec/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "client/exec/limits.h"

namespace drover::exec {
namespace {

result<> want_credentials(int fd) {
  int on = 1;
  if (::setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) return fail(system_error(errno, "setsockopt SO_PASSCRED"));
  return {};
}

}  // namespace

int64_t steady_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

std::string received_packet::text() const { return std::string(body.text, ::strnlen(body.text, sizeof body.text)); }

result<std::pair<connection, unique_fd>> connection::pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return fail(system_error(errno, "socketpair"));
  unique_fd ours(ends[0]), theirs(ends[1]);
  TRY(want_credentials(ours.get()));
  return std::pair(connection(std::move(ours)), std::move(theirs));
}

result<connection> connection::open(const std::string& control_dir) {
  // Through the directory's descriptor: an address has room for 107 bytes, a path inside an allocation is often longer.
  unique_fd dir(::open(control_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return fail(errno == ENOENT ? errc::not_found : errc::io, "open {}: {}", control_dir, std::strerror(errno));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto path = fmt::format("/proc/self/fd/{}/{}", dir.get(), shim::socket_name);
  std::ranges::copy(path, address.sun_path);
  unique_fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) return fail(system_error(errno, "socket"));
  TRY(want_credentials(fd.get()));
  timeval limit{limits::request_timeout.ns / 1'000'000'000, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return fail(errc::not_found, "no shim listens in {}", control_dir);
    return fail(system_error(errno, fmt::format("connect to the shim in {}", control_dir)));
  }
  return connection(std::move(fd));
}

int connection::peer_pid() const {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

result<> connection::send(shim::packet p, const std::vector<int>& fds) {
  p.magic = shim::magic;
  iovec part{&p, sizeof p};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 8)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
  }
  while (::sendmsg(fd_.get(), &message, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET || errno == EBADF) return fail(errc::closed, "the shim has ended");
    return fail(system_error(errno, "send to shim"));
  }
  return {};
}

result<std::optional<received_packet>> connection::receive() {
  received_packet got;
  iovec part{&got.body, sizeof got.body};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int) * 4)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n;
  while ((n = ::recvmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  if (n < 0 && errno == EAGAIN) return std::nullopt;
  if (n <= 0) return fail(errc::closed, "the shim has ended");
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS) {
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
      got.sender_pid = sender.pid;
    }
  if (n != sizeof got.body || got.body.magic != shim::magic) return fail(errc::closed, "the shim sent a packet of {} bytes that is none", n);
  return got;
}

result<received_packet> connection::wait(int64_t deadline_ns) {
  for (;;) {
    TRY_ASSIGN(auto got, receive());
    if (got) return *got;
    int64_t left_ms = (deadline_ns - steady_ns()) / 1'000'000;
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (left_ms <= 0) return fail(errc::timeout, "the shim does not answer");
    ::poll(&waiting, 1, static_cast<int>(left_ms) + 1);
  }
}

}  // namespace drover::exec
