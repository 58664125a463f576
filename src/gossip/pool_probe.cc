// Failure detection: one member at a time is asked directly, then through others and by a stream, then suspected.
#include <algorithm>

#include "gossip/limits.h"
#include "gossip/pool.h"

namespace drover::gossip {

void pool::change_health(int delta) { health_ = std::clamp(health_ + delta, 0, std::max(options_.timing.awareness_max - 1, 0)); }

void pool::start_probe(duration now) {
  if (probe_order_.empty()) {
    forget_dead_nodes(now);
    for (const auto& [name, n] : nodes_) probe_order_.push_back(name);
    for (size_t i = probe_order_.size(); i > 1; --i) std::swap(probe_order_[i - 1], probe_order_[random_.below(i)]);
  }
  const node* target = nullptr;
  while (target == nullptr && !probe_order_.empty()) {
    target = find_node(probe_order_.front());
    probe_order_.pop_front();
    if (target != nullptr && (target->name == options_.name || target->gone())) target = nullptr;
  }
  if (target == nullptr) return;
  const auto& t = options_.timing;
  auto interval = t.probe_interval * (health_ + 1);
  probe_ = probe{.sequence = ++sequence_, .node = target->name, .indirect_at = now + std::min(t.probe_timeout, interval), .ends = now + interval};
  auto message = encode(message_type::ping, ping_message{.sequence = probe_->sequence,
                                                         .node = target->name,
                                                         .source_address = address_bytes(options_.address),
                                                         .source_port = options_.port,
                                                         .source_node = options_.name});
  if (target->state == node_state::alive) return send_with_news(target->where(), std::move(message), target);
  // It is to hear that it is suspected, so that it can refute at once.
  send(target->where(),
       make_compound({message, encode(message_type::suspect, accusation{.incarnation = target->incarnation, .node = target->name, .from = options_.name})}),
       target);
}

// The later steps of the probe that is under way.
void pool::probe_others(duration now) {
  if (!probe_->indirect && now >= probe_->indirect_at) {
    probe_->indirect = true;
    const auto* target = find_node(probe_->node);
    if (target == nullptr || target->gone()) {
      probe_.reset();
      return;
    }
    auto helpers = random_nodes(static_cast<size_t>(options_.timing.indirect_checks),
                                [&](const node& n) { return n.name != options_.name && n.name != target->name && n.state == node_state::alive; });
    indirect_ping_message ask{.sequence = probe_->sequence,
                              .target = target->address,
                              .port = target->port,
                              .node = target->name,
                              .source_address = address_bytes(options_.address),
                              .source_port = options_.port,
                              .source_node = options_.name};
    for (const auto* helper : helpers) {
      ask.nack = helper->versions[1] >= nack_protocol;
      if (ask.nack) ++probe_->nacks_expected;
      send_with_news(helper->where(), encode(message_type::indirect_ping, ask), helper);
    }
    if (target->versions[1] >= stream_ping_protocol) {
      ping_message ping{.sequence = probe_->sequence,
                        .node = target->name,
                        .source_address = address_bytes(options_.address),
                        .source_port = options_.port,
                        .source_node = options_.name};
      actions_.push_back(ping_by_stream{target->where(), probe_->sequence, pack_stream(encode(message_type::ping, ping), sealing(), nonce()), probe_->ends});
    }
  }
  if (probe_ && now >= probe_->ends) end_probe(now);
}

void pool::end_probe(duration now) {
  auto p = *std::move(probe_);
  probe_.reset();
  if (p.stream_answered) {
    change_health(-1);
    add_notice(now, log::level::warn, "udp", p.node, "member answers over TCP but not over UDP; is UDP blocked?", {{"member", p.node}});
    return;
  }
  // Helpers that do not even say "no answer" mean that we are the one who is cut off.
  change_health(p.nacks_expected > 0 ? std::max(p.nacks_expected - p.nacks, 0) : 1);
  const auto* target = find_node(p.node);
  if (target == nullptr || target->gone()) return;
  if (target->state == node_state::alive) add_log(log::level::info, "member suspected to have failed: it does not answer", {{"member", p.node}});
  on_suspect(now, {.incarnation = target->incarnation, .node = p.node, .from = options_.name});
}

void pool::on_ping(duration now, const peer& from, const ping_message& p) {
  if (!p.node.empty() && p.node != options_.name) {
    add_notice(now, log::level::warn, "misdirected", from.host, "ping for another member",
               {{"from", to_string(from)}, {"member", p.node.substr(0, name_bytes_max)}});
    return;
  }
  auto back = address_text(p.source_address);
  const auto* n = find_node(p.source_node);
  send_with_news(back.empty() || p.source_port == 0 ? from : peer{back, p.source_port}, encode(message_type::ack, ack_message{.sequence = p.sequence}), n);
}

void pool::on_indirect_ping(duration now, const peer& from, const indirect_ping_message& p) {
  auto target = address_text(p.target);
  if (target.empty() || p.port == 0 || relays_.size() >= relays_max) return;
  auto back = address_text(p.source_address);
  uint32_t sequence = ++sequence_;
  relays_[sequence] = {.origin = back.empty() || p.source_port == 0 ? from : peer{back, p.source_port},
                       .sequence = p.sequence,
                       .wants_nack = p.nack,
                       .ends = now + options_.timing.probe_timeout};
  send_with_news({target, p.port},
                 encode(message_type::ping, ping_message{.sequence = sequence,
                                                         .node = p.node,
                                                         .source_address = address_bytes(options_.address),
                                                         .source_port = options_.port,
                                                         .source_node = options_.name}),
                 find_node(p.node));
}

void pool::on_ack(uint32_t sequence) {
  if (probe_ && probe_->sequence == sequence) {
    change_health(-1);
    probe_.reset();
    return;
  }
  auto found = relays_.find(sequence);
  if (found == relays_.end()) return;
  send_with_news(found->second.origin, encode(message_type::ack, ack_message{.sequence = found->second.sequence}), nullptr);
  relays_.erase(found);
}

void pool::on_nack(uint32_t sequence) {
  if (probe_ && probe_->sequence == sequence) ++probe_->nacks;
}

void pool::end_relays(duration now) {
  for (auto it = relays_.begin(); it != relays_.end();) {
    if (now < it->second.ends) {
      ++it;
      continue;
    }
    if (it->second.wants_nack) send_with_news(it->second.origin, encode(message_type::nack, nack_message{.sequence = it->second.sequence}), nullptr);
    it = relays_.erase(it);
  }
}

void pool::on_stream_ping_answer(duration, uint32_t sequence, std::string_view message) {
  if (!probe_ || probe_->sequence != sequence || message.empty() || static_cast<message_type>(message[0]) != message_type::ack) return;
  auto ack = codec::from_msgpack<ack_message>(message.substr(1));
  if (ack && ack->sequence == sequence) probe_->stream_answered = true;
}

}  // namespace drover::gossip
