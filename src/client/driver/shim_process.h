// One `alloc exec` session of a shim task. Loop thread.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>

#include "client/driver/driver.h"
#include "client/exec/executor.h"
#include "net/event.h"

namespace drover::client {

// Set by whoever reads the shim's events.
struct session_end {
  net::event done;
  int code = 0;
};

class shim_process : public exec_process {
 public:
  shim_process(net::loop& l, net::blocking_pool& pool, exec::exec_session session, std::shared_ptr<session_end> end);
  ~shim_process() override;
  awaitable<result<std::optional<chunk>>> read() override;
  awaitable<result<>> write(std::string data) override;
  void close_stdin() override;
  result<> resize(uint16_t rows, uint16_t columns) override;
  awaitable<result<int>> wait() override;

 private:
  using descriptor = boost::asio::posix::stream_descriptor;
  std::optional<chunk> try_read(descriptor& from, bool is_stderr);
  awaitable<result<>> wait_readable();

  exec::exec_session session_;
  std::shared_ptr<session_end> end_;
  descriptor in_, out_, err_;
};

}  // namespace drover::client
