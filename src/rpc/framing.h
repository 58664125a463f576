// Calls as bytes: Go's net/rpc with msgpack. A request is the map {Seq, ServiceMethod} and then the body; an answer is {Error, Seq,
// ServiceMethod} and then the body, an empty map when Error is not empty. Nothing says how long any of them is.
// Loop thread only. Source: shared wire facts, "Codec".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "codec/msgpack_scan.h"
#include "net/stream.h"
#include "schema/rpc_header.h"

namespace drover::rpc {

// The empty map, which stands for Go's empty struct.
inline constexpr std::string_view empty_body = "\x80";

// Cuts a stream of bytes into msgpack objects. Holds no buffer between objects when nothing is left over.
// The stream must outlive it.
class object_reader {
 public:
  explicit object_reader(net::byte_stream& stream) : stream_(stream), scanner_(0) {}
  // The bytes of the next object, valid until the next call. Nothing: the stream ended before its first byte. errc::closed: it ended
  // inside; errc::too_large, errc::invalid: it can only be closed.
  net::awaitable<result<std::optional<std::string_view>>> next(size_t bytes_max);
  // As next(), but only what has already come: nothing when that is no whole object.
  result<std::optional<std::string_view>> next_ready(size_t bytes_max);
  // Is anything here that no caller has had yet?
  bool has_more() const { return at_ + size_ < buffer_.size(); }

 private:
  result<size_t> fill();
  result<bool> scan(size_t bytes_max);
  void drop_last();
  std::string_view take();

  net::byte_stream& stream_;
  codec::msgpack_scanner scanner_;
  std::string buffer_;
  size_t at_ = 0;       // where the current object begins
  size_t size_ = 0;     // the current object, once it is whole
  size_t scanned_ = 0;  // of the current object so far
  bool scanning_ = false;
};

}  // namespace drover::rpc
