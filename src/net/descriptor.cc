#include "net/descriptor.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "net/readiness_stream.h"
#include "net/socket.h"

namespace drover::net {
namespace asio = boost::asio;

namespace {
class descriptor_stream final : public readiness_stream<asio::posix::stream_descriptor> {
 public:
  using readiness_stream::readiness_stream;
  // A descriptor has no half that could be closed alone.
  awaitable<result<>> shutdown() override { co_return fail(errc::unsupported, "only sockets can be shut down one way"); }
  endpoint remote() const override { return {}; }
  endpoint local() const override { return {}; }

 private:
  ssize_t read_now(std::span<char> into) override {
    auto count = ::read(native_handle(), into.data(), into.size());
    // Linux says EIO on a terminal's master when the last slave has closed.
    return count < 0 && errno == EIO ? 0 : count;
  }
  ssize_t write_now(std::string_view data) override { return ::write(native_handle(), data.data(), data.size()); }
};
}  // namespace

result<std::unique_ptr<byte_stream>> adopt_descriptor(loop& l, int descriptor) {
  struct stat found{};
  if (::fstat(descriptor, &found) < 0) return fail(system_error(errno, fmt::format("descriptor {}", descriptor)));
  if (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode)) {
    ::close(descriptor);
    return fail(errc::unsupported, "descriptor {} is a file, which cannot be waited for", descriptor);
  }
  asio::posix::stream_descriptor handle(l);
  boost::system::error_code code;
  handle.assign(descriptor, code);
  if (code) {
    ::close(descriptor);
    return fail(errc::io, "descriptor {}: {}", descriptor, code.message());
  }
  return std::make_unique<descriptor_stream>(std::move(handle));
}

result<std::unique_ptr<byte_stream>> adopt_socket(loop& l, int descriptor) {
  int family = 0;
  socklen_t size = sizeof family;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0) {
    int number = errno;
    ::close(descriptor);
    return fail(system_error(number, fmt::format("descriptor {}", descriptor)));
  }
  generic_socket socket(l);
  boost::system::error_code code;
  socket.assign(asio::generic::stream_protocol(family, 0), descriptor, code);
  if (code) {
    ::close(descriptor);
    return fail(errc::io, "descriptor {}: {}", descriptor, code.message());
  }
  return make_stream(std::move(socket));
}

}  // namespace drover::net
