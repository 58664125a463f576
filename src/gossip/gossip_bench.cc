// Prints one line of JSON: what messages cost.
#include <fmt/format.h>
#include <time.h>

#include <functional>

#include "gossip/lzw.h"
#include "gossip/pool.h"
#include "gossip/simulation.h"

namespace drover::gossip {
namespace {

int64_t cpu_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

double microseconds_each(int times, const std::function<void()>& what) {
  what();
  auto began = cpu_ns();
  for (int i = 0; i < times; ++i) what();
  return static_cast<double>(cpu_ns() - began) / times / 1000;
}

int run() {
  auto keys = keyring::create({std::string(32, 'k')}).value();
  seeded_random random(1);
  tag_map tags{{"role", "nomad"}, {"region", "global"},    {"dc", "dc1"}, {"build", "1.11.3"}, {"id", "0f8a4c5e-6a0e-4a55-9b1c-3f0d5c1b2a11"},
               {"port", "4647"},  {"rpc_addr", "10.0.0.1"}};
  pool p({.name = "me", .address = "10.0.0.1", .port = 4648, .tags = tags, .keys = keys}, random, {});
  alive_message alive{.incarnation = 1,
                      .node = "x.global",
                      .address = bytes("\x0a\x01\x01\x02"),
                      .port = 4648,
                      .meta = encode_tags(tags),
                      .versions = bytes(std::string(our_versions.begin(), our_versions.end()))};
  auto message = encode(message_type::alive, alive);
  auto plain = pack_datagram(message, true, {}, {});
  auto sealed = pack_datagram(message, true, p.sealing(), {});
  auto ping = pack_datagram(
      encode(message_type::ping,
             ping_message{.sequence = 1, .node = "me", .source_address = bytes("\x0a\x01\x01\x02"), .source_port = 4648, .source_node = "x.global"}),
      true, p.sealing(), {});
  double ping_us = microseconds_each(20'000, [&] {
    p.on_datagram(seconds(1), {"10.0.0.9", 4648}, ping);
    p.take_actions();
  });
  for (int i = 0; i < 50; ++i) {
    alive.node = "server-" + std::to_string(i) + ".global";
    p.on_datagram(seconds(1), {"10.0.0.9", 4648}, pack_datagram(encode(message_type::alive, alive), true, p.sealing(), {}));
  }
  auto state = p.local_state(true);
  double encode_us = microseconds_each(20'000, [&] { (void)pack_datagram(message, true, p.sealing(), {}); });
  double decode_us =
      microseconds_each(20'000, [&] { (void)visit_messages(open_datagram(sealed, p.sealing()).value(), [](message_type, std::string_view) {}); });
  double push_us = microseconds_each(500, [&] { (void)p.local_state(true); });
  double merge_us = microseconds_each(500, [&] { (void)p.on_push_pull_answer(seconds(2), {"10.0.0.9", 1}, **stream_reader(p.sealing()).feed(state), true); });
  fmt::print(
      "{{\"bench\": \"gossip\", \"alive_bytes\": {}, \"alive_packed_bytes\": {}, \"encode_us\": {:.2f}, \"decode_us\": {:.2f}, \"ping_answered_us\": {:.2f}, "
      "\"state_of_51_bytes\": {}, \"state_sent_us\": {:.0f}, \"state_merged_us\": {:.0f}}}\n",
      message.size(), plain.size(), encode_us, decode_us, ping_us, state.size(), push_us, merge_us);
  return 0;
}

}  // namespace
}  // namespace drover::gossip

int main() { return drover::gossip::run(); }
