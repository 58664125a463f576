// The messages of memberlist (membership, failure detection) and of Serf above it, and the facts of their encoding. Pure values.
//
// Facts (from captures of Nomad servers and from the modules' documentation; `B` is one byte, integers big-endian):
//   packet   := [label] sealed | [label] plain            label := 0xf4 B(size) text; Nomad's servers use none
//   sealed   := version(0|1) nonce(12) AES-GCM(plain) tag(16); version 0 pads plain as PKCS#7 to 16 bytes; authenticated data: the label
//   plain    := [0x0c crc32-IEEE(4) of the rest] message; the checksum only for receivers with protocol_max >= 5
//   message  := type(B) body
//   compound := 0x07 count(B) size(2)*count message*count; truncated tails are dropped
//   compressed := 0x09 msgpack{Algo: 0, Buf}; LZW, least significant bit first, 8-bit literals, contains a message
//   stream   := 0x0a size(4) sealed | plain stream; authenticated data: type and size bytes, then the label. In plain: compressed | message
//   push/pull stream := 0x06 msgpack{Nodes, UserStateLen, Join} msgpack(node state)*Nodes user-state; both sides send one
//   other streams: ping (answered by an ack), user message (0x08 msgpack{UserMsgLen} body), error (0x0d msgpack{Error})
// Bodies are msgpack maps in the old specification (text and bytes alike raw), keys sorted; Serf's messages ride in user messages with a type
// byte of their own. A node's metadata are Serf's tags: 0xff msgpack map; without the 0xff it is the text of the `role` tag.
// Versions are six bytes: protocol min max current, delegate min max current. Nomad's servers send 1 5 2 2 5 4.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/msgpack.h"
#include "gossip/member.h"
#include "schema/describe.h"

namespace drover::gossip {

enum class message_type : uint8_t {
  ping = 0,
  indirect_ping = 1,
  ack = 2,
  suspect = 3,
  alive = 4,
  dead = 5,
  push_pull = 6,
  compound = 7,
  user = 8,
  compressed = 9,
  encrypted = 10,
  nack = 11,
  checksum = 12,
  error = 13,
};
inline constexpr uint8_t label_type = 0xf4;

// The first byte of a user message's body.
enum class serf_type : uint8_t {
  leave = 0,
  join = 1,
  push_pull = 2,
  user_event = 3,
  query = 4,
  query_response = 5,
  conflict_response = 6,
  key_request = 7,
  key_response = 8,
  relay = 9,
};

using version_tuple = std::array<uint8_t, 6>;
inline constexpr version_tuple our_versions = {1, 5, 2, 2, 5, 4};
inline constexpr uint8_t checksum_protocol = 5;
inline constexpr uint8_t nack_protocol = 4;
inline constexpr uint8_t stream_ping_protocol = 3;

struct ping_message {
  uint32_t sequence = 0;
  std::string node{};
  bytes source_address{};
  uint16_t source_port = 0;
  std::string source_node{};
  DROVER_RECORD(ping_message);
};
struct indirect_ping_message {
  uint32_t sequence = 0;
  bytes target{};
  uint16_t port = 0;
  std::string node{};
  bool nack = false;
  bytes source_address{};
  uint16_t source_port = 0;
  std::string source_node{};
  DROVER_RECORD(indirect_ping_message);
};
struct ack_message {
  uint32_t sequence = 0;
  bytes payload{};
  DROVER_RECORD(ack_message);
};
struct nack_message {
  uint32_t sequence = 0;
  DROVER_RECORD(nack_message);
};
struct error_message {
  std::string text{};
  DROVER_RECORD(error_message);
};
// suspect and dead: who says so of whom. A dead message from the node itself means that it left.
struct accusation {
  uint32_t incarnation = 0;
  std::string node{};
  std::string from{};
  DROVER_RECORD(accusation);
};
struct alive_message {
  uint32_t incarnation = 0;
  std::string node{};
  bytes address{};
  uint16_t port = 0;
  bytes meta{};
  bytes versions{};
  DROVER_RECORD(alive_message);
};
struct push_pull_header {
  int64_t nodes = 0;
  int64_t user_state_bytes = 0;
  bool join = false;
  DROVER_RECORD(push_pull_header);
};
enum class node_state : int64_t { alive = 0, suspect = 1, dead = 2, left = 3 };
struct node_state_message {
  std::string name{};
  bytes address{};
  uint16_t port = 0;
  bytes meta{};
  uint32_t incarnation = 0;
  int64_t state = 0;
  bytes versions{};
  DROVER_RECORD(node_state_message);
};
struct user_header {
  int64_t bytes = 0;
  DROVER_RECORD(user_header);
};
struct compressed_message {
  uint8_t algorithm = 0;
  bytes data{};
  DROVER_RECORD(compressed_message);
};

// Serf's.
struct join_message {
  uint64_t time = 0;
  std::string node{};
  DROVER_RECORD(join_message);
};
struct leave_message {
  uint64_t time = 0;
  std::string node{};
  bool prune = false;
  DROVER_RECORD(leave_message);
};
struct serf_state_message {
  uint64_t time = 0;
  std::map<std::string, uint64_t> status_times{};
  std::vector<std::string> left_members{};
  uint64_t event_time = 0;
  uint64_t query_time = 0;
  DROVER_RECORD(serf_state_message);
};
struct user_event_message {
  uint64_t time = 0;
  std::string name{};
  bytes payload{};
  bool coalesce = false;
  DROVER_RECORD(user_event_message);
};
inline constexpr uint32_t query_flag_ack = 1;
inline constexpr uint32_t query_flag_no_broadcast = 2;
struct query_message {
  uint64_t time = 0;
  uint32_t id = 0;
  bytes address{};
  uint16_t port = 0;
  std::string source_node{};
  std::vector<bytes> filters{};
  uint32_t flags = 0;
  uint8_t relay_factor = 0;
  duration timeout{};
  std::string name{};
  bytes payload{};
  DROVER_RECORD(query_message);
};
struct query_response_message {
  uint64_t time = 0;
  uint32_t id = 0;
  std::string from{};
  uint32_t flags = 0;
  bytes payload{};
  DROVER_RECORD(query_response_message);
};
struct relay_address {
  bytes ip{};
  int64_t port = 0;
  std::string zone{};
  DROVER_RECORD(relay_address);
};
struct relay_header {
  relay_address address{};
  std::string name{};
  DROVER_RECORD(relay_header);
};
struct tag_filter {
  std::string tag{};
  std::string expression{};
  DROVER_RECORD(tag_filter);
};
struct key_request {
  bytes key{};
  DROVER_RECORD(key_request);
};
struct node_key_response {
  bool ok = false;
  std::string message{};
  std::vector<std::string> keys{};
  std::string primary_key{};
  DROVER_RECORD(node_key_response);
};

// The type byte and the body.
template <class T>
std::string encode(message_type type, const T& body) {
  std::string out(1, static_cast<char>(type));
  codec::append_msgpack(out, schema::view(body));
  return out;
}
// A whole user message with Serf's type byte.
template <class T>
std::string encode(serf_type type, const T& body) {
  std::string out{static_cast<char>(message_type::user), static_cast<char>(type)};
  codec::append_msgpack(out, schema::view(body));
  return out;
}
// Serf's type byte and the body, without the user byte: what a query carries.
template <class T>
std::string encode_payload(serf_type type, const T& body) {
  std::string out(1, static_cast<char>(type));
  codec::append_msgpack(out, schema::view(body));
  return out;
}
// Takes one msgpack object off the front of `data`.
template <class T>
result<T> take_object(std::string_view& data, size_t bytes_max) {
  TRY_ASSIGN(auto size, codec::msgpack_length(data.substr(0, bytes_max)));
  if (!size) return fail(errc::invalid, "the data ends inside {}, or it is longer than {} bytes", schema::type_of<T>().name, bytes_max);
  auto object = codec::from_msgpack<T>(data.substr(0, *size));
  data.remove_prefix(*size);
  return object;
}

bytes encode_tags(const tag_map& tags);
// Never fails: what is no tag map is the role, or nothing.
tag_map decode_tags(std::string_view meta);

}  // namespace drover::gossip
