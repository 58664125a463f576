// gzip (RFC 1952) by zlib. Pure; any thread, one object a thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace drover::net {

// The whole of it at zlib's fastest level: server CPU counts more than the last percents.
std::string gzip(std::string_view data);
// errc::too_large beyond `bytes_max`, errc::corrupt on anything that is not gzip.
result<std::string> gunzip(std::string_view data, size_t bytes_max);

// A stream of pieces, each of which can be decoded as soon as it has arrived.
class gzip_encoder {
 public:
  gzip_encoder();
  ~gzip_encoder();
  gzip_encoder(gzip_encoder&&) noexcept;
  std::string write(std::string_view data);
  std::string finish();

 private:
  std::string run(std::string_view data, int flush);
  struct state;
  std::unique_ptr<state> state_;
};

class gzip_decoder {
 public:
  gzip_decoder();
  ~gzip_decoder();
  gzip_decoder(gzip_decoder&&) noexcept;
  // At most `bytes_max` bytes come out of one call, else errc::too_large.
  result<std::string> write(std::string_view data, size_t bytes_max);
  bool finished() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace drover::net
