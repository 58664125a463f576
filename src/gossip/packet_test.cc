#include "gossip/packet.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/source_dir.h"
#include "gossip/lzw.h"

namespace drover::gossip {
namespace {

constexpr std::string_view recorded_key = "qLKLPDNt5w9LX4uT3e/ACMkzgTlhkXNPjCzT4WDhdjA=";

struct recording {
  bool stream = false;
  std::string data;
};

std::vector<recording> recordings(const std::string& name) {
  std::ifstream file(std::string(source_dir) + "/src/gossip/testdata/" + name);
  EXPECT_TRUE(file) << name;
  std::vector<recording> out;
  for (std::string line; std::getline(file, line);)
    if (!line.starts_with('#')) out.push_back({line.starts_with("tcp"), hex_decode(line.substr(4)).value()});
  return out;
}

template <class T>
void expect_same_again(message_type type, std::string_view body) {
  auto decoded = codec::from_msgpack<T>(body);
  ASSERT_TRUE(decoded) << decoded.error().text();
  EXPECT_EQ(hex_encode(encode(type, *decoded).substr(1)), hex_encode(body));
}
template <class T>
void expect_same_again(serf_type type, std::string_view body) {
  auto decoded = codec::from_msgpack<T>(body);
  ASSERT_TRUE(decoded) << decoded.error().text();
  EXPECT_EQ(hex_encode(encode(type, *decoded).substr(2)), hex_encode(body));
}

void expect_user_same_again(std::string_view body) {
  ASSERT_FALSE(body.empty());
  switch (static_cast<serf_type>(body[0])) {
    case serf_type::join: return expect_same_again<join_message>(serf_type::join, body.substr(1));
    case serf_type::leave: return expect_same_again<leave_message>(serf_type::leave, body.substr(1));
    default: FAIL() << "unexpected Serf message " << int(body[0]);
  }
}

void expect_message_same_again(message_type type, std::string_view body, std::map<message_type, int>& seen) {
  ++seen[type];
  switch (type) {
    case message_type::ping: return expect_same_again<ping_message>(type, body);
    case message_type::ack: return expect_same_again<ack_message>(type, body);
    case message_type::alive: return expect_same_again<alive_message>(type, body);
    case message_type::suspect:
    case message_type::dead: return expect_same_again<accusation>(type, body);
    case message_type::user: return expect_user_same_again(body);
    default: FAIL() << "unexpected message " << int(type);
  }
}

void expect_stream_same_again(const std::string& message) {
  ASSERT_EQ(static_cast<message_type>(message[0]), message_type::push_pull);
  auto state = decode_push_pull(std::string_view(message).substr(1));
  ASSERT_TRUE(state) << state.error().text();
  EXPECT_TRUE(state->join);
  EXPECT_EQ(hex_encode(encode_push_pull(*state)), hex_encode(message));
  for (const auto& node : state->nodes) {
    EXPECT_EQ(node.versions.data, std::string(our_versions.begin(), our_versions.end()));
    auto tags = decode_tags(node.meta.data);
    EXPECT_EQ(tags["role"], "nomad");
    EXPECT_EQ(tags["region"], "global");
    EXPECT_EQ(encode_tags(tags).size(), node.meta.size());
  }
  ASSERT_EQ(static_cast<serf_type>(state->user_state[0]), serf_type::push_pull);
  auto serf = codec::from_msgpack<serf_state_message>(std::string_view(state->user_state).substr(1));
  ASSERT_TRUE(serf) << serf.error().text();
  EXPECT_FALSE(serf->status_times.empty());
}

void expect_recording_same_again(const std::string& name, const seal_options& how) {
  std::map<message_type, int> seen;
  int streams = 0;
  for (const auto& r : recordings(name)) {
    if (r.stream) {
      stream_reader reader(how);
      std::optional<std::string> message;
      for (size_t at = 0; at < r.data.size() && !message; ++at) {
        auto got = reader.feed(r.data.substr(at, 1));
        ASSERT_TRUE(got) << got.error().text();
        message = *std::move(got);
      }
      ASSERT_TRUE(message);
      expect_stream_same_again(*message);
      cipher_nonce nonce{};
      if (how.encrypts()) std::copy_n(r.data.begin() + 6, nonce.size(), nonce.begin());
      EXPECT_EQ(hex_encode(pack_stream(*message, how, nonce)), hex_encode(r.data));
      ++streams;
      continue;
    }
    auto message = open_datagram(r.data, how);
    ASSERT_TRUE(message) << message.error().text();
    auto visited = visit_messages(*message, [&](message_type type, std::string_view body) { expect_message_same_again(type, body, seen); });
    EXPECT_TRUE(visited) << visited.error().text();
  }
  EXPECT_EQ(streams, 2);
  EXPECT_GE(seen[message_type::alive], 2);
  EXPECT_EQ(seen[message_type::ping], 2);
  EXPECT_EQ(seen[message_type::ack], 2);
  EXPECT_GE(seen[message_type::user], 4);
}

TEST(gossip_packet, what_nomad_servers_said_decodes_and_encodes_the_same) { expect_recording_same_again("plain.txt", {}); }

TEST(gossip_packet, what_encrypted_nomad_servers_said_decodes_and_encodes_the_same) {
  auto keys = keyring::create({parse_key(recorded_key).value()}).value();
  expect_recording_same_again("encrypted.txt", {.keys = &keys});
}

TEST(gossip_packet, a_datagram_is_packed_as_memberlist_packs_it) {
  // Recorded datagrams again from their messages: compressed when that is smaller, the checksum in front.
  for (const auto& r : recordings("plain.txt")) {
    if (r.stream) continue;
    bool checksum = r.data[0] == static_cast<char>(message_type::checksum);
    std::string_view inner = std::string_view(r.data).substr(checksum ? 5 : 0);
    std::string message(inner);
    if (static_cast<message_type>(inner[0]) == message_type::compressed)
      message = lzw_expand(codec::from_msgpack<compressed_message>(inner.substr(1)).value().data.data, 65536).value();
    EXPECT_EQ(hex_encode(pack_datagram(message, checksum, {}, {})), hex_encode(r.data));
  }
}

TEST(gossip_packet, sealed_data_open_only_with_the_right_key_and_unchanged) {
  for (size_t size : {16, 24, 32}) {
    auto keys = keyring::create({std::string(size, 'k'), std::string(16, 'o')}).value();
    auto other = keyring::create({std::string(size, 'x')}).value();
    for (size_t length : {0, 1, 15, 16, 17, 4000}) {
      std::string plain(length, 'p');
      auto sealed = seal(keys.primary(), {1, 2, 3}, plain, "header");
      EXPECT_EQ(sealed.size(), plain.size() + seal_overhead);
      EXPECT_EQ(unseal(keys, sealed, "header").value(), plain);
      EXPECT_EQ(unseal(other, sealed, "header").error().code(), errc::permission_denied);
      EXPECT_EQ(unseal(keys, sealed, "other").error().code(), errc::permission_denied);
      sealed.back() ^= 1;
      EXPECT_FALSE(unseal(keys, sealed, "header"));
    }
  }
}

TEST(gossip_packet, an_encrypted_pool_refuses_what_is_plain_and_the_other_way_round) {
  auto keys = keyring::create({std::string(32, 'k')}).value();
  auto plain = pack_datagram(encode(message_type::nack, nack_message{.sequence = 7}), true, {}, {});
  EXPECT_EQ(open_datagram(plain, {.keys = &keys}).error().code(), errc::permission_denied);
  EXPECT_TRUE(open_datagram(plain, {.keys = &keys, .verify_incoming = false}));
  auto sealed = pack_stream(encode(message_type::nack, nack_message{.sequence = 7}), {.keys = &keys}, {});
  auto refused = stream_reader({}).feed(sealed);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "remote state is encrypted and encryption is not configured");
  // On the way to encryption: taken plain, sent plain.
  EXPECT_EQ(pack_datagram("\x0bx", false, {.keys = &keys, .verify_outgoing = false, .compress = false}, {}), "\x0bx");
}

TEST(gossip_packet, damaged_packets_are_refused_with_a_sentence) {
  auto refuses = [](std::string_view data, std::string_view sentence) {
    auto opened = open_datagram(data, {});
    auto done = opened ? visit_messages(*opened, [](message_type, std::string_view) {}) : result<>(fail(opened.error()));
    ASSERT_FALSE(done) << sentence;
    EXPECT_NE(done.error().text().find(sentence), std::string::npos) << done.error().text();
  };
  refuses("", "empty packet");
  refuses(
      "\xf4\x03"
      "abc",
      "label");
  refuses(std::string_view("\x0c\0\0\0\0xyz", 8), "checksum is wrong");
  refuses("\x07", "ends before its count");
  refuses("\x07\x02\x01", "ends inside its 2 sizes");
  refuses(std::string_view("\x07\x01\0\x05"
                           "ab",
                           6),
          "ends inside part 1 of 1");
  refuses("\x09\xff", "");
  refuses(encode(message_type::compressed, compressed_message{.algorithm = 3, .data = bytes("x")}), "algorithm 3 is unknown");
  refuses(encode(message_type::compressed, compressed_message{.algorithm = 0, .data = bytes("x")}), "without an end mark");
  refuses(encode(message_type::compressed, compressed_message{.algorithm = 0, .data = bytes(lzw_compress(std::string(100'000, 'x')))}),
          "more than 65536 bytes");
  std::string nested = "\x08x";
  for (int i = 0; i < 10; ++i) nested = make_compound({nested});
  refuses(nested, "packed deeper than");
}

TEST(gossip_packet, tags_are_msgpack_behind_a_magic_byte_and_old_ones_a_role) {
  tag_map tags{{"role", "nomad"}, {"dc", "dc1"}, {"empty", ""}};
  EXPECT_EQ(hex_encode(encode_tags({{"a", "b"}}).data), "ff81a161a162");
  EXPECT_EQ(decode_tags(encode_tags(tags).data), tags);
  EXPECT_EQ(decode_tags("consul"), (tag_map{{"role", "consul"}}));
  EXPECT_EQ(decode_tags(""), tag_map());
  EXPECT_EQ(decode_tags("\xff\xc1"), tag_map());
  EXPECT_EQ(decode_tags(encode_tags({}).data), tag_map());
}

TEST(gossip_lzw, data_of_any_kind_come_back) {
  uint32_t state = 1;
  auto random = [&] { return (state = state * 1664525u + 1013904223u) >> 24; };
  for (size_t size : {0, 1, 2, 255, 256, 257, 4000, 5000, 70'000, 300'000})
    for (unsigned alphabet : {1u, 2u, 7u, 256u}) {
      std::string data;
      for (size_t i = 0; i < size; ++i) data += static_cast<char>(random() % alphabet);
      auto again = lzw_expand(lzw_compress(data), size);
      ASSERT_TRUE(again) << size << " " << alphabet << ": " << again.error().text();
      EXPECT_TRUE(*again == data) << size << " " << alphabet;
      if (size > 5000) {
        EXPECT_FALSE(lzw_expand(lzw_compress(data), size / 2));
      }
    }
}

TEST(gossip_keyring, keys_are_checked_installed_used_and_removed) {
  EXPECT_FALSE(parse_key("short"));
  EXPECT_FALSE(parse_key(base64_encode(std::string(20, 'x'))));
  EXPECT_EQ(parse_key(recorded_key).value().size(), 32u);
  keyring ring = keyring::create({std::string(16, 'a')}).value();
  EXPECT_TRUE(ring.install(std::string(24, 'b')));
  EXPECT_TRUE(ring.install(std::string(24, 'b')));
  EXPECT_EQ(ring.keys().size(), 2u);
  EXPECT_EQ(ring.use(std::string(16, 'z')).error().message(), "requested key is not in the keyring");
  EXPECT_TRUE(ring.use(std::string(24, 'b')));
  EXPECT_EQ(ring.primary(), std::string(24, 'b'));
  EXPECT_FALSE(ring.remove(std::string(24, 'b')));
  EXPECT_TRUE(ring.remove(std::string(16, 'a')));
  EXPECT_EQ(ring.keys().size(), 1u);
}

TEST(gossip_keyring, the_file_wins_over_the_setting_and_damage_is_said) {
  auto path = testing::TempDir() + "gossip_keyring_test";
  std::remove(path.c_str());
  EXPECT_EQ(open_keyring(path, "").value().size(), 0u);
  EXPECT_EQ(open_keyring(path, recorded_key).value().at(0), parse_key(recorded_key).value());
  EXPECT_EQ(open_keyring(path, base64_encode(std::string(16, 'n'))).value().at(0), parse_key(recorded_key).value());
  ASSERT_TRUE(write_keyring_file(path, {std::string(16, 'n'), std::string(32, 'm')}));
  EXPECT_EQ(read_keyring_file(path).value(), (std::vector<std::string>{std::string(16, 'n'), std::string(32, 'm')}));
  std::ofstream(path) << "{";
  EXPECT_NE(open_keyring(path, recorded_key).error().text().find("is no JSON list"), std::string::npos);
  std::ofstream(path) << "[]";
  EXPECT_FALSE(open_keyring(path, recorded_key));
  std::remove(path.c_str());
}

}  // namespace
}  // namespace drover::gossip
