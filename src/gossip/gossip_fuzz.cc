// Everything that a stranger on the network, or on this machine's disk, can put before the gossip decoders. The first byte chooses the door;
// a quarter of the inputs are sealed with the right key first, so that what lies behind the encryption is reached too.
#include <algorithm>
#include <optional>

#include "gossip/limits.h"
#include "gossip/lzw.h"
#include "gossip/pool.h"
#include "gossip/simulation.h"
#include "gossip/snapshot.h"

using namespace drover;
using namespace drover::gossip;

namespace {

const keyring& keys() {
  static const keyring ring = keyring::create({std::string(16, 'k'), std::string(32, 'o')}).value();
  return ring;
}

// Whatever came in, the pool must be able to go on: time passes, state is exchanged.
void go_on(pool& p) {
  for (int i = 1; i < 40; ++i) {
    p.take_actions();
    p.on_timer(seconds(i));
  }
  if (p.local_state(true).empty() || p.find("me") == nullptr) __builtin_trap();
}

pool make_pool(env::random& random, bool sealed) {
  pool_options o{.name = "me", .address = "10.0.0.1", .port = 4648, .tags = {{"role", "nomad"}, {"id", "1"}}};
  if (sealed) o.keys = keys();
  return pool(std::move(o), random, {});
}

void datagram(std::string_view data, bool sealed) {
  seeded_random random(1);
  auto p = make_pool(random, sealed);
  auto bytes = sealed ? seal(keys().primary(), {}, data, {}) : std::string(data);
  p.on_datagram(seconds(1), {"10.0.0.9", 1}, bytes);
  go_on(p);
}

// In pieces of the size that the data choose; each way must give the same.
void stream(std::string_view data, bool sealed) {
  seeded_random random(1);
  auto p = make_pool(random, sealed);
  auto bytes = sealed ? pack_stream(data, p.sealing(), {}) : std::string(data);
  size_t piece = bytes.empty() ? 1 : 1 + static_cast<uint8_t>(bytes.back()) % 64;
  stream_reader in_pieces(p.sealing());
  std::optional<std::string> message;
  for (size_t at = 0; at < bytes.size() && !message; at += piece) {
    auto got = in_pieces.feed(std::string_view(bytes).substr(at, piece));
    if (!got) break;
    message = *std::move(got);
  }
  if (!message) return;
  auto whole = stream_reader(p.sealing()).feed(bytes);
  if (!whole || !*whole || **whole != *message) __builtin_trap();
  (void)p.on_stream(seconds(1), {"10.0.0.9", 1}, *message);
  (void)p.on_push_pull_answer(seconds(2), {"10.0.0.9", 1}, *message, true);
  p.on_stream_ping_answer(seconds(2), 1, *message);
  go_on(p);
}

// One message of the inner layers, so that the fuzzer need not invent compression first.
void message(std::string_view data, bool user) {
  seeded_random random(1);
  auto p = make_pool(random, true);
  std::string whole(user ? "\x08" : "");
  whole += data;
  p.on_datagram(seconds(1), {"10.0.0.9", 1}, pack_datagram(whole, true, p.sealing(), {}));
  go_on(p);
}

void compression(std::string_view data) {
  if (auto plain = lzw_expand(data, unpacked_packet_bytes_max); plain && plain->size() > unpacked_packet_bytes_max) __builtin_trap();
  if (lzw_expand(lzw_compress(data), data.size()).value() != data) __builtin_trap();
}

void snapshot(std::string_view data) {
  auto s = parse_snapshot(data, false);
  if (parse_snapshot(format_snapshot(s), false) != s) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0: datagram(input, false); break;
    case 1: datagram(input, true); break;
    case 2: stream(input, false); break;
    case 3: stream(input, true); break;
    case 4: message(input, false); break;
    case 5: message(input, true); break;
    case 6: compression(input); break;
    default: snapshot(input);
  }
  return 0;
}
