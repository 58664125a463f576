#include "rpc/framing.h"

#include <array>
#include <utility>

namespace drover::rpc {

void object_reader::drop_last() {
  at_ += size_;
  size_ = 0;
  if (at_ == buffer_.size()) {
    buffer_ = std::string();
    at_ = 0;
  }
}

// The bytes read; 0: none are there yet.
result<size_t> object_reader::fill() {
  std::array<char, 16 * 1024> piece;
  TRY_ASSIGN(auto count, stream_.try_read(piece));
  if (count == 0) return 0;
  if (at_ > 0) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  buffer_.append(piece.data(), count);
  return count;
}

// True: the object is whole.
result<bool> object_reader::scan(size_t bytes_max) {
  if (!scanning_) {
    scanner_.reset(bytes_max);
    scanned_ = 0;
    scanning_ = true;
  }
  if (at_ + scanned_ == buffer_.size()) return false;
  TRY_ASSIGN(auto passed, scanner_.feed(std::string_view(buffer_).substr(at_ + scanned_)));
  scanned_ += passed;
  return scanner_.done();
}

std::string_view object_reader::take() {
  scanning_ = false;
  size_ = std::exchange(scanned_, 0);
  return std::string_view(buffer_).substr(at_, size_);
}

result<std::optional<std::string_view>> object_reader::next_ready(size_t bytes_max) {
  drop_last();
  for (;;) {
    TRY_ASSIGN(bool whole, scan(bytes_max));
    if (whole) return take();
    TRY_ASSIGN(auto count, fill());
    if (count == 0) return std::nullopt;
  }
}

net::awaitable<result<std::optional<std::string_view>>> object_reader::next(size_t bytes_max) {
  for (;;) {
    auto ready = next_ready(bytes_max);
    if (ready && *ready) co_return ready;
    if (!ready) {
      if (ready.error().code() != errc::closed || scanned_ > 0) co_return ready;
      // Only read_some tells an end in good order from a reset.
      char none;
      CO_TRY(co_await stream_.read_some({&none, 1}));
      co_return std::nullopt;
    }
    CO_TRY(co_await stream_.wait_readable());
  }
}

}  // namespace drover::rpc
