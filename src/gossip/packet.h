// From messages to the bytes of datagrams and streams and back: compound, compression, checksum, encryption. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/cipher.h"
#include "gossip/protocol.h"

namespace drover::gossip {

struct seal_options {
  const keyring* keys = nullptr;  // null or empty: plain
  bool verify_incoming = true;    // refuse what is not encrypted
  bool verify_outgoing = true;    // encrypt
  bool compress = true;
  bool encrypts() const { return keys != nullptr && !keys->empty() && verify_outgoing; }
};

// Several messages as one. Requires: 1 to 255, each below 64 KiB.
std::string make_compound(const std::vector<std::string>& messages);

// A datagram's bytes. `checksum`: the receiver understands it.
std::string pack_datagram(std::string_view message, bool checksum, const seal_options& how, const cipher_nonce& nonce);
// The message inside, unsealed and its checksum proven. errc::permission_denied: wrong or no key. Others: garbage.
result<std::string> open_datagram(std::string_view bytes, const seal_options& how);
// Calls each(type, body) for the plain messages inside compounds and compressions, in order. An error says what is wrong with the first
// part that is; what came before it was delivered.
result<> visit_messages(std::string_view message, const std::function<void(message_type, std::string_view)>& each);

// A stream's bytes.
std::string pack_stream(std::string_view message, const seal_options& how, const cipher_nonce& nonce);

// Gathers one message from a stream's bytes.
class stream_reader {
 public:
  explicit stream_reader(seal_options how) : how_(how) {}
  // The message (type byte and body), or nothing: more bytes are needed. An error is final: the stream is to be closed.
  result<std::optional<std::string>> feed(std::string_view bytes);

 private:
  // How far a push/pull has been looked through, so that bytes that come one by one are not looked at again.
  struct scan {
    size_t at = 0;
    int64_t nodes = 0;
    size_t user_bytes = 0;
  };
  static result<std::optional<size_t>> push_pull_length(std::string_view plain, scan& s);
  static result<std::optional<size_t>> message_length(std::string_view plain, scan& s);
  result<std::optional<std::string>> whole_sealed();
  result<std::optional<std::string>> whole_plain(std::string_view plain);
  seal_options how_;
  std::string buffer_;
  scan scan_;
};

// The body of a push/pull, after its type byte.
struct push_pull_state {
  bool join = false;
  std::vector<node_state_message> nodes{};
  std::string user_state{};
};
std::string encode_push_pull(const push_pull_state& state);
result<push_pull_state> decode_push_pull(std::string_view body);

}  // namespace drover::gossip
