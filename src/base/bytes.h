// Bytes that are not text, and their base64 form (RFC 4648 section 4, with padding).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace drover {

// A distinct type so that encoders know: JSON writes it as base64, msgpack as raw.
struct bytes {
  std::string data;
  bytes() = default;
  explicit bytes(std::string d) : data(std::move(d)) {}
  bool empty() const { return data.empty(); }
  size_t size() const { return data.size(); }
  friend bool operator==(const bytes&, const bytes&) = default;
  friend auto operator<=>(const bytes&, const bytes&) = default;
};

std::string base64_encode(std::string_view data);
// Refuses any character outside the alphabet and wrong padding.
result<std::string> base64_decode(std::string_view text);
std::string hex_encode(std::string_view data);
result<std::string> hex_decode(std::string_view text);

}  // namespace drover
