// What a gRPC call writes and reads below its messages: the frame of a message, headers' values, times. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "grpc/status.h"

namespace drover::grpc {

// One byte (not compressed), the length in four, the message.
std::string frame(std::string_view message);

// Cuts messages out of what arrives.
class frame_reader {
 public:
  void add(std::string_view data) { pending_.append(data); }
  // Nothing: more is needed. An error: compressed, or too large.
  result<std::optional<std::string>> next();
  // Part of a message has come.
  bool inside() const { return !pending_.empty(); }

 private:
  std::string pending_;
};

// "%20" and its kind, in grpc-message.
std::string decode_message(std::string_view text);
// Base64 with or without padding, in values of headers that end in -bin. What is none gives nothing.
std::string decode_binary(std::string_view text);
// What to make of an answer that is no gRPC: by its HTTP status.
status from_http(int http_status);

}  // namespace drover::grpc
