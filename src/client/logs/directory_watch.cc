#include "client/logs/directory_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace drover::client {

namespace asio = boost::asio;

directory_watch::directory_watch(net::loop& l, const std::string& directory) : notifications_(l) {
  int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return;
  if (::inotify_add_watch(fd, directory.c_str(), IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_ONLYDIR) < 0) {
    ::close(fd);
    return;
  }
  boost::system::error_code failed;
  notifications_.assign(fd, failed);
  if (failed) ::close(fd);
}

bool directory_watch::drain() {
  char buffer[4096];
  bool any = false;
  while (::read(notifications_.native_handle(), buffer, sizeof buffer) > 0) any = true;
  return any;
}

net::awaitable<void> directory_watch::wait(net::time_point deadline) {
  if (!notifications_.is_open()) {
    co_await net::sleep_until(deadline);
    co_return;
  }
  if (drain()) co_return;
  using namespace asio::experimental::awaitable_operators;
  boost::system::error_code failed;
  co_await (notifications_.async_wait(asio::posix::stream_descriptor::wait_read, asio::redirect_error(asio::use_awaitable, failed)) ||
            net::sleep_until(deadline));
  drain();
}

}  // namespace drover::client
