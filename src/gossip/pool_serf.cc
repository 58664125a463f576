// Serf's layer: members by name with what they intend, and the messages that ride on memberlist.
#include <algorithm>

#include "gossip/limits.h"
#include "gossip/pool.h"

namespace drover::gossip {
namespace {

// The first attempt to reach a failed member again comes so much earlier than timing.reconnect_interval; then the gap doubles.
constexpr int64_t redial_divisor = 16;

}  // namespace

void pool::add_event(event_kind kind, const member_state& m) { actions_.push_back(member_event{kind, m.info}); }

void pool::node_joined(duration now, const node& n) {
  auto found = members_.find(n.name);
  bool known = found != members_.end();
  if (!known) found = members_.emplace(n.name, member_state{}).first;
  auto& m = found->second;
  auto before = m.info.status;
  m.info = member_of(n);
  if (!known) {
    // What it said while we did not know it yet.
    if (auto intent = intents_.find(n.name); intent != intents_.end()) {
      m.time = intent->second.time;
      if (intent->second.leave) m.info.status = member_status::leaving;
      intents_.erase(intent);
    }
  } else if (before == member_status::failed && now - m.left_at < options_.timing.flap_timeout) {
    add_log(log::level::warn, "member flaps: it was failed only for a moment", {{"member", n.name}});
  }
  m.prune_at.reset();
  add_event(event_kind::join, m);
}

void pool::node_gone(duration now, const node& n) {
  auto found = members_.find(n.name);
  if (found == members_.end()) return;
  auto& m = found->second;
  bool leaving = m.info.status == member_status::leaving;
  if (!leaving && m.info.status != member_status::alive) return;
  m.info.status = leaving ? member_status::left : member_status::failed;
  m.left_at = now;
  m.redial_gap = options_.timing.reconnect_interval / redial_divisor;
  m.redial_at = now + m.redial_gap;
  add_event(leaving ? event_kind::leave : event_kind::failed, m);
}

void pool::node_updated(const node& n) {
  auto found = members_.find(n.name);
  if (found == members_.end()) return;
  auto status = found->second.info.status;
  found->second.info = member_of(n);
  found->second.info.status = status;
  add_event(event_kind::update, found->second);
}

// --- intents

bool pool::keep_intent(duration now, const std::string& name, bool leave, uint64_t time) {
  if (name.size() > name_bytes_max) return false;
  auto found = intents_.find(name);
  if (found != intents_.end() && time <= found->second.time) return false;
  if (found == intents_.end() && intents_.size() >= intents_max) return false;
  intents_[name] = {.leave = leave, .time = time, .heard = now};
  return true;
}

// The intents return whether they were news, to be told on.
bool pool::on_join_intent(duration now, const join_message& j) {
  clock_.witness(j.time);
  auto found = members_.find(j.node);
  if (found == members_.end()) return keep_intent(now, j.node, false, j.time);
  auto& m = found->second;
  if (j.time <= m.time) return false;
  m.time = j.time;
  // The leave was older than this join.
  if (m.info.status == member_status::leaving) {
    m.info.status = member_status::alive;
    m.prune_at.reset();
  }
  return true;
}

bool pool::on_leave_intent(duration now, const leave_message& l) {
  clock_.witness(l.time);
  auto found = members_.find(l.node);
  if (found == members_.end()) return keep_intent(now, l.node, true, l.time);
  auto& m = found->second;
  if (l.time <= m.time) return false;
  if (l.node == options_.name && !leaving_) {
    // Somebody says that we leave, or remembers that we left before: we are here.
    announce_join(now);
    return false;
  }
  m.time = l.time;
  switch (m.info.status) {
    case member_status::alive: m.info.status = member_status::leaving; break;
    case member_status::failed:
      m.info.status = member_status::left;
      add_event(event_kind::leave, m);
      break;
    case member_status::leaving:
    case member_status::left: break;
    case member_status::none: return false;
  }
  if (l.prune) prune(now, m);
  return true;
}

void pool::prune(duration now, member_state& m) {
  const auto& t = options_.timing;
  // One that may still be alive gets the time that a good-bye takes.
  if (m.info.status == member_status::leaving) m.prune_at = now + t.broadcast_timeout + t.leave_propagate_delay;
  else erase(std::string(m.info.name));
}

void pool::erase(const std::string& name) {
  auto found = members_.find(name);
  if (found == members_.end() || name == options_.name) return;
  add_event(event_kind::reap, found->second);
  members_.erase(found);
}

uint64_t pool::broadcast_intent(std::string message, duration now) {
  // Only the local member is here: nobody to tell.
  if (!any_other_alive()) return 0;
  intent_news_.add(std::move(message), {}, ++next_handle_);
  spread(now);
  return next_handle_;
}

// --- wishes

void pool::announce_join(duration now) {
  join_message j{.time = clock_.value, .node = options_.name};
  clock_.witness(j.time);
  on_join_intent(now, j);
  intent_news_.add(encode(serf_type::join, j));
  spread(now);
}

uint64_t pool::begin_leave(duration now) {
  leaving_ = true;
  leave_message l{.time = clock_.value, .node = options_.name};
  clock_.increment();
  on_leave_intent(now, l);
  // Even if somebody's clock is ahead of ours, we do leave.
  auto& self = members_.at(options_.name);
  if (self.info.status == member_status::alive) self.info.status = member_status::leaving;
  return broadcast_intent(encode(serf_type::leave, l), now);
}

uint64_t pool::finish_leave(duration now) {
  left_ = true;
  uint64_t handle = any_other_alive() ? ++next_handle_ : 0;
  on_dead(now, {.incarnation = find_node(options_.name)->incarnation, .node = options_.name, .from = options_.name}, handle);
  spread(now);
  return handle;
}

result<> pool::set_tags(duration now, tag_map tags) {
  auto meta = encode_tags(tags);
  if (meta.size() > tag_bytes_max) return fail(errc::too_large, "the tags of this server have {} bytes encoded; at most {} fit", meta.size(), tag_bytes_max);
  options_.tags = std::move(tags);
  auto message = alive_of(*find_node(options_.name));
  message.incarnation = ++incarnation_;
  message.meta = std::move(meta);
  on_alive(now, message, true);
  spread(now);
  return {};
}

uint64_t pool::force_leave(duration now, const std::string& name, bool prune) {
  leave_message l{.time = clock_.value, .node = name, .prune = prune};
  clock_.increment();
  on_leave_intent(now, l);
  return broadcast_intent(encode(serf_type::leave, l), now);
}

// --- messages

void pool::on_user(duration now, const peer& from, std::string_view body) {
  if (body.empty()) return;
  auto refuse = [&](const error& e) { note_bad_input(now, from, e); };
  auto object = body.substr(1);
  auto again = [&](broadcast_queue& queue) {
    std::string message(1, static_cast<char>(message_type::user));
    message += body;
    queue.add(std::move(message));
  };
  switch (static_cast<serf_type>(body[0])) {
    case serf_type::leave: {
      auto m = codec::from_msgpack<leave_message>(object);
      if (!m) return refuse(m.error());
      if (on_leave_intent(now, *m)) again(intent_news_);
      return;
    }
    case serf_type::join: {
      auto m = codec::from_msgpack<join_message>(object);
      if (!m) return refuse(m.error());
      if (on_join_intent(now, *m)) again(intent_news_);
      return;
    }
    case serf_type::user_event: {
      auto m = codec::from_msgpack<user_event_message>(object);
      if (!m) return refuse(m.error());
      if (on_user_event(*m)) again(event_news_);
      return;
    }
    case serf_type::query: {
      auto m = codec::from_msgpack<query_message>(object);
      if (!m) return refuse(m.error());
      if (on_query(now, *m)) again(query_news_);
      return;
    }
    case serf_type::query_response: {
      auto m = codec::from_msgpack<query_response_message>(object);
      if (!m) return refuse(m.error());
      return on_query_response(now, *m);
    }
    case serf_type::relay: return on_relay(object);
    default: return refuse(error(errc::invalid, fmt::format("Serf message type {} is not understood", static_cast<int>(body[0]))));
  }
}

// An answer that goes to its asker through us. Only to members: nobody else gets packets on a stranger's word.
void pool::on_relay(std::string_view body) {
  auto header = take_object<relay_header>(body, node_state_bytes_max);
  if (!header || body.empty()) return;
  const auto* n = find_node(header->name);
  if (n == nullptr || n->gone() || address_text(header->address.ip) != address_text(n->address) || header->address.port != n->port) return;
  std::string message(1, static_cast<char>(message_type::user));
  message += body;
  send(n->where(), message, n);
}

// Nobody here listens to user events; they are told on, so that a mixed pool works.
bool pool::on_user_event(const user_event_message& e) {
  event_clock_.witness(e.time);
  if (e.time < event_time_min_ || e.name.size() + e.payload.size() > query_bytes_max * 9) return false;
  return first_time(recent_events_, e.time, std::hash<std::string>()(e.name) * 31 + std::hash<std::string>()(e.payload.data));
}

// --- state

std::string pool::serf_state() const {
  serf_state_message s{.time = clock_.value, .event_time = event_clock_.value, .query_time = query_clock_.value};
  for (const auto& [name, m] : members_) {
    s.status_times[name] = m.time;
    if (m.info.status == member_status::left) s.left_members.push_back(name);
  }
  return encode_payload(serf_type::push_pull, s);
}

void pool::merge_serf(duration now, const serf_state_message& s) {
  // The other's clock is the next time it will use; what it has used is one less.
  if (s.time > 0) clock_.witness(s.time - 1);
  if (s.event_time > 0) event_clock_.witness(s.event_time - 1);
  if (s.query_time > 0) query_clock_.witness(s.query_time - 1);
  std::set<std::string_view> left(s.left_members.begin(), s.left_members.end());
  // Leaves first. Their own times are not told, but they came after the joins.
  for (const auto& name : s.left_members) {
    auto found = s.status_times.find(name);
    on_leave_intent(now, {.time = (found == s.status_times.end() ? 0 : found->second) + 1, .node = name});
  }
  for (const auto& [name, time] : s.status_times)
    if (!left.contains(name)) on_join_intent(now, {.time = time, .node = name});
}

void pool::reap(duration now) {
  const auto& t = options_.timing;
  std::vector<std::string> old;
  for (const auto& [name, m] : members_) {
    auto gone = now - m.left_at;
    if ((m.info.status == member_status::failed && gone > t.reconnect_timeout) || (m.info.status == member_status::left && gone > t.tombstone_timeout))
      old.push_back(name);
  }
  for (const auto& name : old) erase(name);
  std::erase_if(intents_, [&](const auto& each) { return now - each.second.heard > t.recent_intent_timeout; });
  std::erase_if(notices_, [&](const auto& each) { return each.second.next <= now; });
}

// Failed members are dialled: soon after the failure, then ever later, and in large pools by a few members only.
void pool::redial(duration now) {
  std::vector<std::string> pruned;
  size_t alive = 0;
  for (const auto& [name, m] : members_) {
    if (m.prune_at && now >= *m.prune_at) pruned.push_back(name);
    if (m.info.status == member_status::alive) ++alive;
  }
  for (const auto& name : pruned) erase(name);
  for (auto& [name, m] : members_) {
    if (m.info.status != member_status::failed || now < m.redial_at) continue;
    m.redial_gap = std::min(m.redial_gap * 2, options_.timing.reconnect_interval);
    m.redial_at = now + m.redial_gap + duration(static_cast<int64_t>(random_.below(static_cast<uint64_t>(std::max<int64_t>(m.redial_gap.ns / 4, 1)))));
    // About three of the alive ones try each time.
    if (leaving_ || random_.below(std::max<size_t>(alive, 1)) >= 3) continue;
    actions_.push_back(push_pull_with{{m.info.address, m.info.port}, name, true});
  }
}

}  // namespace drover::gossip
