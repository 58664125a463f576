#include "rpc/yamux_frame.h"

#include "base/ensure.h"

namespace drover::rpc {
namespace {

template <class T>
void put(std::string& out, T n) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) out += static_cast<char>(n >> shift & 0xff);
}

uint32_t get(std::string_view bytes) {
  uint32_t n = 0;
  for (char c : bytes) n = n << 8 | static_cast<uint8_t>(c);
  return n;
}

}  // namespace

void append(std::string& out, const yamux_header& header) {
  out += '\0';
  out += static_cast<char>(header.type);
  put(out, header.flags);
  put(out, header.stream);
  put(out, header.length);
}

result<yamux_header> parse_yamux_header(std::string_view bytes) {
  ENSURE(bytes.size() == yamux_header_bytes, "a yamux header has 12 bytes");
  constexpr uint16_t known_flags = yamux_header::syn | yamux_header::ack | yamux_header::fin | yamux_header::rst;
  auto version = static_cast<uint8_t>(bytes[0]), type = static_cast<uint8_t>(bytes[1]);
  if (version != 0) return fail(errc::invalid, "yamux: version {} of a frame is not 0", version);
  if (type > yamux_header::go_away) return fail(errc::invalid, "yamux: a frame has the unknown type {}", type);
  yamux_header header{static_cast<yamux_header::type_of>(type), static_cast<uint16_t>(get(bytes.substr(2, 2))), get(bytes.substr(4, 4)),
                      get(bytes.substr(8, 4))};
  if ((header.flags & ~known_flags) != 0) return fail(errc::invalid, "yamux: a frame has unknown flags {:#x}", header.flags);
  bool for_session = type == yamux_header::ping || type == yamux_header::go_away;
  if (for_session != (header.stream == 0)) return fail(errc::invalid, "yamux: a frame of type {} names stream {}", type, header.stream);
  return header;
}

}  // namespace drover::rpc
