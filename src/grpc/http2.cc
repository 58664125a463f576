#include "grpc/http2.h"

#include "base/bytes.h"
#include "grpc/limits.h"

namespace drover::grpc {

std::string frame(std::string_view message) {
  std::string out;
  out.reserve(message.size() + 5);
  out.push_back(0);
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(message.size() >> shift));
  out.append(message);
  return out;
}

result<std::optional<std::string>> frame_reader::next() {
  if (pending_.size() < 5) return std::optional<std::string>();
  if (pending_[0] != 0) return fail(errc::unsupported, "a message came compressed, which was not offered");
  size_t size = 0;
  for (size_t i = 1; i < 5; ++i) size = size << 8 | static_cast<unsigned char>(pending_[i]);
  if (size > limits::message_bytes_max) return fail(errc::too_large, "a message of {} bytes came; at most {} are taken", size, limits::message_bytes_max);
  if (pending_.size() - 5 < size) return std::optional<std::string>();
  std::optional<std::string> out(pending_.substr(5, size));
  pending_.erase(0, 5 + size);
  return out;
}

std::string decode_message(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size() && out.size() < limits::status_text_bytes_max; ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      if (auto byte = hex_decode(text.substr(i + 1, 2))) {
        out.append(*byte);
        i += 2;
        continue;
      }
    }
    out.push_back(text[i]);
  }
  return out;
}

std::string decode_binary(std::string_view text) {
  std::string padded(text);
  while (padded.size() % 4 != 0) padded.push_back('=');
  return base64_decode(padded).value_or(std::string());
}

status from_http(int http_status) {
  auto text = fmt::format("the server answers with HTTP status {} and without a status of the call", http_status);
  switch (http_status) {
    case 400: return {code::internal, text};
    case 401: return {code::unauthenticated, text};
    case 403: return {code::permission_denied, text};
    case 404: return {code::unimplemented, text};
    case 429:
    case 502:
    case 503:
    case 504: return {code::unavailable, text};
    default: return {code::unknown, text};
  }
}

}  // namespace drover::grpc
