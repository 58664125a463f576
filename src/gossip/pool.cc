// What comes in and goes out, and when.
#include "gossip/pool.h"

#include <algorithm>

#include "base/ensure.h"
#include "gossip/limits.h"

namespace drover::gossip {
namespace {

constexpr size_t compound_overhead = 2;  // per message, and for the compound itself
// Fresh news waits so long for company before it goes out.
constexpr duration spread_delay = milliseconds(5);
// Rounds while leaving follow each other so quickly.
constexpr duration leave_round_interval = milliseconds(50);

template <class T>
std::optional<T> decode(std::string_view body, result<>& failure) {
  auto m = codec::from_msgpack<T>(body);
  if (m) return *std::move(m);
  if (failure) failure = fail(std::move(m).error());
  return std::nullopt;
}

}  // namespace

void pool::lamport_clock::witness(uint64_t seen) {
  // A peer that sends an absurd time must not wrap the clock around.
  if (seen >= value && seen < UINT64_MAX / 4) value = seen + 1;
}

pool::pool(pool_options options, env::random& random, duration now) : options_(std::move(options)), random_(random) {
  clock_.witness(options_.member_time);
  event_clock_.witness(options_.event_time);
  query_clock_.witness(options_.query_time);
  event_time_min_ = options_.event_time == 0 ? 0 : options_.event_time + 1;
  query_time_min_ = options_.query_time == 0 ? 0 : options_.query_time + 1;
  const auto& t = options_.timing;
  // Servers that started together must not probe and synchronise in step.
  auto stagger = [&](duration interval) {
    return now + duration(static_cast<int64_t>(random_.below(static_cast<uint64_t>(std::max<int64_t>(interval.ns, 1)))));
  };
  next_probe_ = stagger(t.probe_interval);
  next_push_pull_ = now + t.push_pull_interval + (stagger(t.push_pull_interval) - now);
  next_reap_ = now + t.reap_interval;
  next_gossip_ = last_gossip_ = next_move_refute_ = now;
  alive_message self{.incarnation = ++incarnation_,
                     .node = options_.name,
                     .address = address_bytes(options_.address),
                     .port = options_.port,
                     .meta = encode_tags(options_.tags),
                     .versions = bytes(std::string(our_versions.begin(), our_versions.end()))};
  ENSURE(self.meta.size() <= tag_bytes_max && !self.address.empty() && !self.node.empty(), "the local member fits the limits");
  on_alive(now, self, true);
}

void pool::add_log(log::level level, std::string message, std::vector<std::pair<std::string, std::string>> fields) {
  actions_.push_back(log_line{level, std::move(message), std::move(fields)});
}

void pool::add_notice(duration now, log::level level, const std::string& kind, const std::string& source, std::string message,
                      std::vector<std::pair<std::string, std::string>> fields) {
  auto key = kind + " " + source;
  auto found = notices_.find(key);
  if (found == notices_.end()) {
    if (notices_.size() >= notice_sources_max) std::erase_if(notices_, [&](const auto& each) { return each.second.next <= now; });
    // Senders beyond the limit share one line.
    if (notices_.size() >= notice_sources_max) key = kind;
    found = notices_.try_emplace(key, notice{.next = now}).first;
  }
  auto& n = found->second;
  if (now < n.next) {
    ++n.suppressed;
    return;
  }
  if (n.suppressed > 0) fields.emplace_back("suppressed", std::to_string(n.suppressed));
  n = {.next = now + notice_interval};
  add_log(level, std::move(message), std::move(fields));
}

void pool::note_bad_input(duration now, const peer& from, const error& e) {
  bool wrong_key = e.code() == errc::permission_denied;
  add_notice(now, wrong_key ? log::level::error : log::level::warn, wrong_key ? "key" : "garbage", from.host,
             wrong_key ? "gossip refused: the sender's encryption key does not fit this server's keyring" : "bad gossip refused",
             {{"from", to_string(from)}, {"error", e.text()}});
}

cipher_nonce pool::nonce() {
  cipher_nonce n;
  random_.fill(n.data(), n.size());
  return n;
}

seal_options pool::sealing() const {
  return {.keys = &options_.keys, .verify_incoming = options_.verify_incoming, .verify_outgoing = options_.verify_outgoing, .compress = options_.compress};
}

// --- in

void pool::on_datagram(duration now, const peer& from, std::string_view data) {
  auto message = open_datagram(data, sealing());
  if (!message) return note_bad_input(now, from, message.error());
  auto done = visit_messages(*message, [&](message_type type, std::string_view body) { on_message(now, from, type, body); });
  if (!done) note_bad_input(now, from, done.error());
  spread(now);
}

void pool::on_message(duration now, const peer& from, message_type type, std::string_view body) {
  result<> failure;
  switch (type) {
    case message_type::ping:
      if (auto m = decode<ping_message>(body, failure)) on_ping(now, from, *m);
      break;
    case message_type::indirect_ping:
      if (auto m = decode<indirect_ping_message>(body, failure)) on_indirect_ping(now, from, *m);
      break;
    case message_type::ack:
      if (auto m = decode<ack_message>(body, failure)) on_ack(m->sequence);
      break;
    case message_type::nack:
      if (auto m = decode<nack_message>(body, failure)) on_nack(m->sequence);
      break;
    case message_type::alive:
      if (auto m = decode<alive_message>(body, failure)) on_alive(now, *m, false);
      break;
    case message_type::suspect:
      if (auto m = decode<accusation>(body, failure)) on_suspect(now, *m);
      break;
    case message_type::dead:
      if (auto m = decode<accusation>(body, failure)) on_dead(now, *m);
      break;
    case message_type::user: on_user(now, from, body); break;
    default: failure = fail(errc::invalid, "message type {} is not understood in a packet", static_cast<int>(type));
  }
  if (!failure) note_bad_input(now, from, failure.error());
}

result<std::string> pool::on_stream(duration now, const peer& from, std::string_view message) {
  auto type = static_cast<message_type>(message.at(0));
  auto body = message.substr(1);
  if (type == message_type::push_pull) {
    TRY_ASSIGN(auto state, decode_push_pull(body));
    // As memberlist answers: with what was known before the merge.
    auto ours = local_state(state.join);
    auto merged = merge(now, from, state, state.join);
    if (!merged) add_notice(now, log::level::warn, "merge", from.host, "merge refused", {{"from", to_string(from)}, {"error", merged.error().text()}});
    spread(now);
    return ours;
  }
  if (type == message_type::ping) {
    TRY_ASSIGN(auto ping, codec::from_msgpack<ping_message>(body));
    if (!ping.node.empty() && ping.node != options_.name) return fail(errc::invalid, "a ping for {:?}; this is {:?}", ping.node, options_.name);
    return pack_stream(encode(message_type::ack, ack_message{.sequence = ping.sequence}), sealing(), nonce());
  }
  if (type == message_type::user) {
    TRY_ASSIGN([[maybe_unused]] auto header, take_object<user_header>(body, node_state_bytes_max));
    on_user(now, from, body);
    spread(now);
    return std::string();
  }
  return fail(errc::invalid, "message type {} is not understood in a stream", static_cast<int>(type));
}

std::string pool::stream_error(const error& e) { return pack_stream(encode(message_type::error, error_message{.text = e.text()}), sealing(), nonce()); }

std::string pool::local_state(bool join) {
  push_pull_state state{.join = join};
  for (const auto& [name, n] : nodes_)
    state.nodes.push_back({.name = name,
                           .address = n.address,
                           .port = n.port,
                           .meta = n.meta,
                           .incarnation = n.incarnation,
                           .state = static_cast<int64_t>(n.state),
                           .versions = bytes(std::string(n.versions.begin(), n.versions.end()))});
  state.user_state = serf_state();
  return pack_stream(encode_push_pull(state), sealing(), nonce());
}

result<> pool::on_push_pull_answer(duration now, const peer& from, std::string_view message, bool join) {
  auto type = static_cast<message_type>(message.at(0));
  auto body = message.substr(1);
  if (type == message_type::error) {
    TRY_ASSIGN(auto refused, codec::from_msgpack<error_message>(body));
    return fail(errc::unavailable, "remote error: {}", refused.text.substr(0, name_bytes_max));
  }
  if (type != message_type::push_pull)
    return fail(errc::invalid, "{} answered with message type {} instead of its state", to_string(from), static_cast<int>(type));
  TRY_ASSIGN(auto state, decode_push_pull(body));
  TRY(merge(now, from, state, join));
  spread(now);
  return {};
}

// --- out

void pool::send(const peer& to, std::string_view message, const node* n) {
  bool checksum = n != nullptr && n->versions[1] >= checksum_protocol;
  actions_.push_back(send_datagram{to, pack_datagram(message, checksum, sealing(), nonce())});
}

bool pool::has_news() const { return !node_news_.empty() || !intent_news_.empty() || !query_news_.empty() || !event_news_.empty(); }

std::vector<std::string> pool::take_news(size_t room) {
  std::vector<std::string> out;
  node_news_.take(out, room, compound_overhead, retransmit_limit(options_.timing.retransmit_mult, nodes_.size()));
  int limit = retransmit_limit(options_.timing.retransmit_mult, members_.size());
  for (auto* queue : {&intent_news_, &query_news_, &event_news_}) queue->take(out, room, compound_overhead, limit);
  if (out.size() > 254) out.resize(254);
  return out;
}

void pool::collect_finished() {
  for (auto* queue : {&node_news_, &intent_news_, &query_news_, &event_news_}) {
    queue->prune(queue_depth_max);
    for (auto handle : queue->take_finished()) actions_.push_back(finished{handle});
  }
}

void pool::send_with_news(const peer& to, std::string message, const node* n) {
  size_t taken = message.size() + compound_overhead * 2 + (sealing().encrypts() ? seal_overhead : 0);
  auto news = taken < packet_bytes_max ? take_news(packet_bytes_max - taken) : std::vector<std::string>();
  collect_finished();
  if (news.empty()) return send(to, message, n);
  news.insert(news.begin(), std::move(message));
  send(to, make_compound(news), n);
}

// Something new is to be told: soon, not at the next interval.
void pool::spread(duration now) {
  if (!has_news()) return;
  auto soonest = std::max(now + spread_delay, last_gossip_ + (leaving_ ? leave_round_interval : spread_delay));
  next_gossip_ = std::min(next_gossip_, soonest);
}

void pool::gossip_round(duration now) {
  const auto& t = options_.timing;
  auto receivers = random_nodes(static_cast<size_t>(t.gossip_nodes), [&](const node& n) {
    if (n.name == options_.name || n.state == node_state::left) return false;
    return n.state != node_state::dead || now - n.changed <= t.gossip_to_the_dead;
  });
  size_t room = packet_bytes_max - compound_overhead - (sealing().encrypts() ? seal_overhead : 0);
  for (const auto* n : receivers) {
    auto news = take_news(room);
    if (news.empty()) break;
    send(n->where(), news.size() == 1 ? news[0] : make_compound(news), n);
  }
  // Nobody to tell: the news is as good as told.
  if (receivers.empty()) {
    node_news_.prune(0);
    for (auto* queue : {&intent_news_, &query_news_, &event_news_}) queue->prune(0);
  }
  collect_finished();
  last_gossip_ = now;
  next_gossip_ = now + (leaving_ ? leave_round_interval : t.gossip_interval);
}

// --- time

bool pool::due(duration& next, duration now, duration interval) {
  if (now < next) return false;
  next = now + interval;
  return true;
}

void pool::on_timer(duration now) {
  const auto& t = options_.timing;
  if (probe_) probe_others(now);
  if (!probe_ && due(next_probe_, now, t.probe_interval)) start_probe(now);
  end_suspicions(now);
  end_relays(now);
  end_queries(now);
  if (due(next_push_pull_, now, push_pull_interval(t.push_pull_interval, nodes_.size()))) {
    for (const auto* n : random_nodes(1, [&](const node& n) { return n.name != options_.name && n.state == node_state::alive; }))
      actions_.push_back(push_pull_with{n->where(), n->name, false});
  }
  if (due(next_reap_, now, t.reap_interval)) reap(now);
  redial(now);
  if (has_news() && now >= next_gossip_) gossip_round(now);
  spread(now);
}

duration pool::next_timer() const {
  duration next = std::min({probe_ ? (probe_->indirect ? probe_->ends : probe_->indirect_at) : next_probe_, next_push_pull_, next_reap_});
  if (has_news()) next = std::min(next, next_gossip_);
  for (const auto& [name, n] : nodes_)
    if (n.suspected) next = std::min(next, n.suspected->ends());
  for (const auto& [sequence, r] : relays_) next = std::min(next, r.ends);
  for (const auto& [time, q] : queries_)
    if (!q.done) next = std::min(next, q.ends);
  for (const auto& [name, m] : members_) {
    if (m.info.status == member_status::failed) next = std::min(next, m.redial_at);
    if (m.prune_at) next = std::min(next, *m.prune_at);
  }
  return next;
}

// --- known

const member* pool::find(std::string_view name) const {
  auto found = members_.find(name);
  return found == members_.end() ? nullptr : &found->second.info;
}

std::vector<member> pool::members() const {
  std::vector<member> out;
  out.reserve(members_.size());
  for (const auto& [name, m] : members_) out.push_back(m.info);
  return out;
}

size_t pool::count(member_status s) const {
  return static_cast<size_t>(std::count_if(members_.begin(), members_.end(), [&](const auto& each) { return each.second.info.status == s; }));
}

std::optional<std::pair<uint32_t, node_state>> pool::raw_state(std::string_view name) const {
  const auto* n = find_node(name);
  return n ? std::optional(std::pair(n->incarnation, n->state)) : std::nullopt;
}

std::map<std::string, std::string> pool::stats() const {
  auto text = [](auto number) { return std::to_string(number); };
  return {{"coordinate_resets", "0"},
          {"encrypted", options_.keys.empty() ? "false" : "true"},
          {"event_queue", text(event_news_.size())},
          {"event_time", text(event_clock_.value)},
          {"failed", text(count(member_status::failed))},
          {"health_score", text(health_)},
          {"intent_queue", text(intent_news_.size())},
          {"left", text(count(member_status::left))},
          {"member_time", text(clock_.value)},
          {"members", text(members_.size())},
          {"query_queue", text(query_news_.size())},
          {"query_time", text(query_clock_.value)}};
}

}  // namespace drover::gossip
