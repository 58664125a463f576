#include "gossip/packet.h"

#include <zlib.h>

#include <algorithm>

#include "base/ensure.h"
#include "gossip/limits.h"
#include "gossip/lzw.h"

namespace drover::gossip {
namespace {

constexpr size_t checksum_header = 5;
constexpr size_t seal_header = 5;

void put_big_endian(std::string& out, uint32_t n, int size) {
  for (int shift = (size - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(n >> shift & 0xff);
}
uint32_t big_endian(std::string_view raw) {
  uint32_t n = 0;
  for (char c : raw) n = n << 8 | static_cast<uint8_t>(c);
  return n;
}
uint32_t checksum(std::string_view data) {
  return static_cast<uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(data.size())));
}
uint8_t first(std::string_view data) { return static_cast<uint8_t>(data[0]); }

std::string compressed(std::string_view message) {
  return encode(message_type::compressed, compressed_message{.algorithm = 0, .data = bytes(lzw_compress(message))});
}

result<std::string> expand(const compressed_message& m, size_t bytes_max) {
  if (m.algorithm != 0) return fail(errc::unsupported, "compression algorithm {} is unknown; 0 (LZW) would be right", m.algorithm);
  TRY_ASSIGN(auto plain, lzw_expand(m.data.data, bytes_max));
  if (plain.empty()) return fail(errc::invalid, "a compressed message holds nothing");
  return plain;
}

// What is left to deliver from one datagram.
struct budget {
  size_t messages = packet_messages_max;
};

result<> visit(std::string_view message, const std::function<void(message_type, std::string_view)>& each, int depth, budget& left);

result<> visit_compound(std::string_view body, const std::function<void(message_type, std::string_view)>& each, int depth, budget& left) {
  if (body.empty()) return fail(errc::invalid, "a compound message ends before its count");
  size_t count = first(body);
  body.remove_prefix(1);
  if (body.size() < count * 2) return fail(errc::invalid, "a compound message ends inside its {} sizes", count);
  auto sizes = body.substr(0, count * 2);
  body.remove_prefix(count * 2);
  for (size_t i = 0; i < count; ++i) {
    size_t size = big_endian(sizes.substr(i * 2, 2));
    if (size > body.size()) return fail(errc::invalid, "a compound message ends inside part {} of {}", i + 1, count);
    TRY(visit(body.substr(0, size), each, depth + 1, left));
    body.remove_prefix(size);
  }
  return {};
}

result<> visit(std::string_view message, const std::function<void(message_type, std::string_view)>& each, int depth, budget& left) {
  if (message.empty()) return fail(errc::invalid, "a message without a type byte");
  if (depth > packet_nesting_max) return fail(errc::invalid, "messages are packed deeper than {} times", packet_nesting_max);
  if (left.messages == 0) return fail(errc::too_large, "a packet holds more than {} messages", packet_messages_max);
  --left.messages;
  auto type = static_cast<message_type>(first(message));
  auto body = message.substr(1);
  if (type == message_type::compound) return visit_compound(body, each, depth, left);
  if (type == message_type::compressed) {
    TRY_ASSIGN(auto packed, codec::from_msgpack<compressed_message>(body));
    TRY_ASSIGN(auto plain, expand(packed, unpacked_packet_bytes_max));
    return visit(plain, each, depth + 1, left);
  }
  each(type, body);
  return {};
}

}  // namespace

std::string make_compound(const std::vector<std::string>& messages) {
  ENSURE(!messages.empty() && messages.size() <= 255, "a compound holds 1 to 255 messages");
  std::string out{static_cast<char>(message_type::compound), static_cast<char>(messages.size())};
  for (const auto& m : messages) put_big_endian(out, static_cast<uint32_t>(m.size()), 2);
  for (const auto& m : messages) out += m;
  return out;
}

std::string pack_datagram(std::string_view message, bool with_checksum, const seal_options& how, const cipher_nonce& nonce) {
  std::string smaller;
  if (how.compress) {
    smaller = compressed(message);
    if (smaller.size() < message.size()) message = smaller;
  }
  std::string out;
  if (with_checksum) {
    out += static_cast<char>(message_type::checksum);
    put_big_endian(out, checksum(message), 4);
  }
  out += message;
  return how.encrypts() ? seal(how.keys->primary(), nonce, out, {}) : out;
}

result<std::string> open_datagram(std::string_view data, const seal_options& how) {
  if (data.empty()) return fail(errc::invalid, "an empty packet");
  if (first(data) == label_type) return fail(errc::invalid, "a packet with a label; this pool has none");
  std::string plain;
  if (how.keys != nullptr && !how.keys->empty()) {
    if (auto opened = unseal(*how.keys, data, {})) {
      plain = *std::move(opened);
    } else {
      if (how.verify_incoming) {
        if (opened.error().code() == errc::permission_denied) return fail(std::move(opened).error());
        return fail(errc::permission_denied, "not encrypted, but this pool is");
      }
      plain = data;
    }
  } else {
    plain = data;
  }
  if (plain.empty()) return fail(errc::invalid, "an empty packet");
  if (plain.size() < checksum_header || static_cast<message_type>(first(plain)) != message_type::checksum) return plain;
  auto body = std::string_view(plain).substr(checksum_header);
  if (checksum(body) != big_endian(std::string_view(plain).substr(1, 4))) return fail(errc::invalid, "a packet whose checksum is wrong");
  plain.erase(0, checksum_header);
  return plain;
}

result<> visit_messages(std::string_view message, const std::function<void(message_type, std::string_view)>& each) {
  budget left;
  return visit(message, each, 0, left);
}

std::string pack_stream(std::string_view message, const seal_options& how, const cipher_nonce& nonce) {
  std::string smaller;
  if (how.compress) {
    smaller = compressed(message);
    message = smaller;
  }
  if (!how.encrypts()) return std::string(message);
  std::string header(1, static_cast<char>(message_type::encrypted));
  put_big_endian(header, static_cast<uint32_t>(message.size() + seal_overhead), 4);
  auto sealed = seal(how.keys->primary(), nonce, message, header);
  return header + sealed;
}

result<std::optional<std::string>> stream_reader::feed(std::string_view more) {
  buffer_ += more;
  if (buffer_.empty()) return std::nullopt;
  if (first(buffer_) == label_type) return fail(errc::invalid, "a stream with a label; this pool has none");
  bool keyed = how_.keys != nullptr && !how_.keys->empty();
  if (static_cast<message_type>(first(buffer_)) == message_type::encrypted) {
    if (!keyed) return fail(errc::permission_denied, "remote state is encrypted and encryption is not configured");
    return whole_sealed();
  }
  if (keyed && how_.verify_incoming) return fail(errc::permission_denied, "encryption is configured but remote state is not encrypted");
  return whole_plain(buffer_);
}

result<std::optional<std::string>> stream_reader::whole_sealed() {
  if (buffer_.size() < seal_header) return std::nullopt;
  auto header = std::string_view(buffer_).substr(0, seal_header);
  size_t size = big_endian(header.substr(1));
  if (size > stream_bytes_max) return fail(errc::too_large, "remote state has {} bytes; at most {} are taken", size, stream_bytes_max);
  if (buffer_.size() < seal_header + size) return std::nullopt;
  TRY_ASSIGN(auto plain, unseal(*how_.keys, std::string_view(buffer_).substr(seal_header, size), header));
  if (plain.empty()) return fail(errc::invalid, "an encrypted stream holds nothing");
  TRY_ASSIGN(auto message, whole_plain(plain));
  if (!message) return fail(errc::invalid, "an encrypted stream ends inside its message");
  return message;
}

namespace {

// Length of one object at the front, nothing if it goes on. For streams that come byte by byte: what is scanned again is bounded.
result<std::optional<size_t>> object_length(std::string_view data) {
  TRY_ASSIGN(auto size, codec::msgpack_length(data.substr(0, node_state_bytes_max)));
  if (!size && data.size() >= node_state_bytes_max) return fail(errc::too_large, "an object of more than {} bytes in a stream", node_state_bytes_max);
  return size;
}

result<std::optional<size_t>> user_length(std::string_view plain) {
  TRY_ASSIGN(auto head, object_length(plain.substr(1)));
  if (!head) return std::optional<size_t>();
  TRY_ASSIGN(auto header, codec::from_msgpack<user_header>(plain.substr(1, *head)));
  if (header.bytes < 0 || header.bytes > static_cast<int64_t>(unpacked_packet_bytes_max))
    return fail(errc::too_large, "a user message of {} bytes; at most {} are taken", header.bytes, unpacked_packet_bytes_max);
  size_t size = 1 + *head + static_cast<size_t>(header.bytes);
  return size <= plain.size() ? std::optional(size) : std::nullopt;
}

// Known from its first bytes, because all senders write the two keys in order and the content last.
result<std::optional<size_t>> compressed_length(std::string_view plain) {
  static constexpr std::string_view start = {
      "\x82\xa4"
      "Algo\x00\xa3"
      "Buf",
      11};
  if (plain.size() < 1 + start.size() + 5 || plain.substr(1, start.size()) != start) {
    TRY_ASSIGN(auto body, object_length(plain.substr(1)));
    return body ? std::optional(1 + *body) : std::nullopt;
  }
  auto raw = plain.substr(1 + start.size());
  size_t head = 1 + start.size();
  size_t size = 0;
  switch (uint8_t tag = first(raw)) {
    case 0xd9:
    case 0xc4: size = big_endian(raw.substr(1, 1)), head += 2; break;
    case 0xda:
    case 0xc5: size = big_endian(raw.substr(1, 2)), head += 3; break;
    case 0xdb:
    case 0xc6: size = big_endian(raw.substr(1, 4)), head += 5; break;
    default:
      if (tag < 0xa0 || tag >= 0xc0) return fail(errc::invalid, "the content of a compressed stream is no bytes");
      size = tag & 31u, head += 1;
  }
  if (size > stream_bytes_max) return fail(errc::too_large, "a compressed stream of {} bytes; at most {} are taken", size, stream_bytes_max);
  return head + size <= plain.size() ? std::optional(head + size) : std::nullopt;
}

}  // namespace

result<std::optional<size_t>> stream_reader::push_pull_length(std::string_view plain, scan& s) {
  if (s.at == 0) {
    TRY_ASSIGN(auto head, object_length(plain.substr(1)));
    if (!head) return std::optional<size_t>();
    TRY_ASSIGN(auto header, codec::from_msgpack<push_pull_header>(plain.substr(1, *head)));
    if (header.nodes < 0 || header.nodes > static_cast<int64_t>(members_max))
      return fail(errc::too_large, "a push/pull of {} members; at most {} are taken", header.nodes, members_max);
    if (header.user_state_bytes < 0 || header.user_state_bytes > static_cast<int64_t>(user_state_bytes_max))
      return fail(errc::too_large, "a push/pull with {} bytes of user state; at most {} are taken", header.user_state_bytes, user_state_bytes_max);
    s = {.at = 1 + *head, .nodes = header.nodes, .user_bytes = static_cast<size_t>(header.user_state_bytes)};
  }
  for (; s.nodes > 0; --s.nodes) {
    TRY_ASSIGN(auto node, object_length(plain.substr(s.at)));
    if (!node) return std::optional<size_t>();
    s.at += *node;
  }
  return s.at + s.user_bytes <= plain.size() ? std::optional(s.at + s.user_bytes) : std::nullopt;
}

result<std::optional<size_t>> stream_reader::message_length(std::string_view plain, scan& s) {
  switch (static_cast<message_type>(first(plain))) {
    case message_type::push_pull: return push_pull_length(plain, s);
    case message_type::user: return user_length(plain);
    case message_type::compressed: return compressed_length(plain);
    case message_type::ping:
    case message_type::ack:
    case message_type::error: {
      TRY_ASSIGN(auto body, object_length(plain.substr(1)));
      return body ? std::optional(1 + *body) : std::nullopt;
    }
    default: return fail(errc::invalid, "message type {} does not begin a stream", first(plain));
  }
}

result<std::optional<std::string>> stream_reader::whole_plain(std::string_view plain) {
  TRY_ASSIGN(auto size, message_length(plain, scan_));
  if (!size) {
    if (plain.size() > stream_bytes_max) return fail(errc::too_large, "a stream of more than {} bytes", stream_bytes_max);
    return std::nullopt;
  }
  if (static_cast<message_type>(first(plain)) != message_type::compressed) return std::string(plain.substr(0, *size));
  TRY_ASSIGN(auto packed, codec::from_msgpack<compressed_message>(plain.substr(1, *size - 1)));
  TRY_ASSIGN(auto inner, expand(packed, stream_bytes_max));
  if (static_cast<message_type>(first(inner)) == message_type::compressed) return fail(errc::invalid, "a stream is compressed twice");
  scan inner_scan;
  TRY_ASSIGN(auto inner_size, message_length(inner, inner_scan));
  if (!inner_size) return fail(errc::invalid, "a compressed stream ends inside its message");
  inner.resize(*inner_size);
  return inner;
}

std::string encode_push_pull(const push_pull_state& state) {
  std::string out = encode(message_type::push_pull, push_pull_header{.nodes = static_cast<int64_t>(state.nodes.size()),
                                                                     .user_state_bytes = static_cast<int64_t>(state.user_state.size()),
                                                                     .join = state.join});
  for (const auto& node : state.nodes) codec::append_msgpack(out, schema::view(node));
  out += state.user_state;
  return out;
}

result<push_pull_state> decode_push_pull(std::string_view body) {
  push_pull_state state;
  TRY_ASSIGN(auto header, take_object<push_pull_header>(body, node_state_bytes_max));
  if (header.nodes < 0 || header.nodes > static_cast<int64_t>(members_max))
    return fail(errc::too_large, "a push/pull of {} members; at most {} are taken", header.nodes, members_max);
  state.join = header.join;
  for (int64_t i = 0; i < header.nodes; ++i) {
    TRY_ASSIGN(auto node, take_object<node_state_message>(body, node_state_bytes_max));
    state.nodes.push_back(std::move(node));
  }
  if (header.user_state_bytes < 0 || static_cast<size_t>(header.user_state_bytes) > std::min(body.size(), user_state_bytes_max))
    return fail(errc::invalid, "a push/pull announces {} bytes of user state and has {}", header.user_state_bytes, body.size());
  state.user_state = body.substr(0, static_cast<size_t>(header.user_state_bytes));
  return state;
}

}  // namespace drover::gossip
