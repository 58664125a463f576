// memberlist's table: who is said to be alive, suspect, dead or gone, and by which incarnation.
#include <algorithm>

#include "gossip/limits.h"
#include "gossip/pool.h"

namespace drover::gossip {
namespace {

std::string state_name(node_state s) {
  switch (s) {
    case node_state::alive: return "alive";
    case node_state::suspect: return "suspect";
    case node_state::dead: return "failed";
    case node_state::left: return "left";
  }
  return "unknown";
}

// Two servers that met over an address conflict must not answer each other without end.
constexpr duration move_refute_interval = seconds(1);

}  // namespace

pool::node* pool::find_node(std::string_view name) {
  auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : &found->second;
}
const pool::node* pool::find_node(std::string_view name) const {
  auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : &found->second;
}

member pool::member_of(const node& n) const {
  const auto& v = n.versions;
  return {.name = n.name,
          .address = address_text(n.address),
          .port = n.port,
          .tags = decode_tags(n.meta.data),
          .status = member_status::alive,
          .protocol_min = v[0],
          .protocol_max = v[1],
          .protocol_current = v[2],
          .delegate_min = v[3],
          .delegate_max = v[4],
          .delegate_current = v[5]};
}

alive_message pool::alive_of(const node& n) const {
  return {.incarnation = n.incarnation,
          .node = n.name,
          .address = n.address,
          .port = n.port,
          .meta = n.meta,
          .versions = bytes(std::string(n.versions.begin(), n.versions.end()))};
}

// Could this ever be a member of ours? What is wrong is logged, at most one line a while.
bool pool::acceptable(duration now, const alive_message& a) {
  auto name = a.node.substr(0, name_bytes_max);
  auto refuse = [&](std::string why) {
    add_notice(now, log::level::warn, "member", name, "member refused",
               {{"member", name}, {"address", to_string(peer{address_text(a.address), a.port})}, {"error", std::move(why)}});
    return false;
  };
  if (a.node.empty() || a.node.size() > name_bytes_max) return refuse(fmt::format("a name has 1 to {} bytes, not {}", name_bytes_max, a.node.size()));
  if (!is_plain_name(a.node)) {
    name = "?";
    return refuse("its name has control characters");
  }
  if (address_text(a.address).empty() || a.port == 0) return refuse("it has no usable address");
  if (a.meta.size() > tag_bytes_max) return refuse(fmt::format("its tags have {} bytes; at most {} fit", a.meta.size(), tag_bytes_max));
  if (a.versions.size() != std::tuple_size_v<version_tuple>) return refuse("it does not say which protocol versions it speaks");
  auto version = [&](size_t i) { return static_cast<uint8_t>(a.versions.data[i]); };
  if (version(0) == 0 || version(1) == 0 || version(0) > version(1))
    return refuse(fmt::format("its protocol versions {} to {} make no range", version(0), version(1)));
  if (!options_.admit || a.node == options_.name) return true;
  node n{.name = a.node, .address = a.address, .port = a.port, .meta = a.meta, .changed = now};
  std::copy(a.versions.data.begin(), a.versions.data.end(), n.versions.begin());
  auto info = member_of(n);
  info.status = member_status::none;
  if (auto admitted = options_.admit({info}); !admitted) return refuse(admitted.error().text());
  return true;
}

bool pool::may_move(const node& n, const alive_message& a, duration now) const {
  if (n.state == node_state::left) return true;
  if (n.state == node_state::dead) {
    const auto& reclaim = options_.timing.dead_node_reclaim;
    return reclaim > duration() && now - n.changed >= reclaim;
  }
  // Alive by what we know, but the same server (by its identity tag) says that it lives elsewhere now.
  auto known = decode_tags(n.meta.data), said = decode_tags(a.meta.data);
  const auto& tag = options_.identity_tag;
  return a.incarnation > n.incarnation && !known[tag].empty() && known[tag] == said[tag];
}

void pool::on_conflict(duration now, node& n, const alive_message& a) {
  auto theirs = to_string(peer{address_text(a.address), a.port});
  auto said = decode_tags(a.meta.data), known = decode_tags(n.meta.data);
  const auto& tag = options_.identity_tag;
  bool same_server = !known[tag].empty() && said[tag] == known[tag];
  if (n.name != options_.name) {
    // One that moved will say so by a higher incarnation, once it has heard what we think.
    if (same_server) return;
    add_notice(now, log::level::warn, "conflict", n.name, "two servers claim one name",
               {{"member", n.name}, {"address", to_string(n.where())}, {"other_address", theirs}, {"state", state_name(n.state)}});
    return;
  }
  if (same_server) {
    // The pool remembers this very server at its earlier address: tell where it is now.
    if (a.incarnation >= n.incarnation && due(next_move_refute_, now, move_refute_interval)) refute(now, n, a.incarnation);
    return;
  }
  add_notice(now, log::level::error, "conflict", n.name, "another server has this server's name; names must be unique in all regions",
             {{"member", n.name}, {"other_address", theirs}});
}

void pool::on_alive(duration now, const alive_message& a, bool own, uint64_t handle) {
  bool local = a.node == options_.name;
  if (local && left_) return;
  if (!own && !acceptable(now, a)) return;
  auto* n = find_node(a.node);
  bool moved = false;
  if (n == nullptr) {
    if (nodes_.size() >= members_max) {
      add_notice(now, log::level::error, "full", "", "member refused: the pool is full", {{"member", a.node}, {"limit", std::to_string(members_max)}});
      return;
    }
    n = &nodes_.emplace(a.node, node{.name = a.node, .address = a.address, .port = a.port, .meta = a.meta, .changed = now}).first->second;
    // At a random place, so that the time to its first probe is low on average.
    probe_order_.insert(probe_order_.begin() + static_cast<ptrdiff_t>(random_.below(probe_order_.size() + 1)), a.node);
  } else if (!own && (address_text(n->address) != address_text(a.address) || n->port != a.port)) {
    if (local || !may_move(*n, a, now)) return on_conflict(now, *n, a);
    moved = true;
    add_log(log::level::info, "member has a new address",
            {{"member", a.node}, {"from", to_string(n->where())}, {"to", to_string(peer{address_text(a.address), a.port})}});
  }
  if (!own && local) {
    if (a.incarnation < n->incarnation) return;
    bool same = a.incarnation == n->incarnation && a.meta == n->meta &&
                std::equal(n->versions.begin(), n->versions.end(), a.versions.data.begin(), a.versions.data.end(),
                           [](uint8_t x, char y) { return x == static_cast<uint8_t>(y); });
    if (!same) refute(now, *n, a.incarnation);
    return;
  }
  if (!own && a.incarnation <= n->incarnation && !moved) return;

  n->suspected.reset();
  bool was_gone = n->gone();
  bool changed = n->meta != a.meta || moved;
  n->incarnation = a.incarnation;
  n->address = a.address;
  n->port = a.port;
  n->meta = a.meta;
  std::copy(a.versions.data.begin(), a.versions.data.end(), n->versions.begin());
  if (n->state != node_state::alive) n->changed = now;
  n->state = node_state::alive;
  node_news_.add(encode(message_type::alive, a), a.node, handle);
  if (was_gone) node_joined(now, *n);
  else if (changed) node_updated(*n);
}

// Says that we are alive, by an incarnation above the accusation's.
void pool::refute(duration now, node& n, uint32_t accused) {
  incarnation_ = std::max(incarnation_, accused) + 1;
  n.incarnation = incarnation_;
  // To be suspected means that we answer badly.
  change_health(1);
  node_news_.add(encode(message_type::alive, alive_of(n)), n.name);
  spread(now);
}

void pool::on_suspect(duration now, const accusation& s) {
  auto* n = find_node(s.node);
  if (n == nullptr || s.incarnation < n->incarnation) return;
  if (n->suspected) {
    if (n->suspected->confirm(s.from)) node_news_.add(encode(message_type::suspect, s), s.node);
    return;
  }
  if (n->state != node_state::alive) return;
  if (n->name == options_.name) {
    // From us: a state exchange told us what the pool remembers of our last life.
    if (s.from != options_.name)
      add_notice(now, log::level::warn, "suspected", s.from, "this server is suspected to have failed; refuting", {{"by", s.from.substr(0, name_bytes_max)}});
    return refute(now, *n, s.incarnation);
  }
  node_news_.add(encode(message_type::suspect, s), s.node);
  n->incarnation = s.incarnation;
  n->state = node_state::suspect;
  n->changed = now;
  const auto& t = options_.timing;
  int needed = t.suspicion_mult - 2;
  // Too few others to confirm: nobody is waited for.
  if (static_cast<int64_t>(nodes_.size()) - 2 < needed) needed = 0;
  auto shortest = suspicion_timeout(t.suspicion_mult, nodes_.size(), t.probe_interval);
  n->suspected.emplace(now, s.from, needed, shortest, shortest * t.suspicion_max_timeout_mult);
}

void pool::on_dead(duration now, const accusation& d, uint64_t handle) {
  auto* n = find_node(d.node);
  if (n == nullptr || d.incarnation < n->incarnation) return;
  n->suspected.reset();
  if (n->gone()) return;
  if (n->name == options_.name && !left_) {
    // From itself: the pool remembers that it left before its restart.
    if (d.from != options_.name)
      add_notice(now, log::level::warn, "declared", d.from, "this server was declared failed; refuting", {{"by", d.from.substr(0, name_bytes_max)}});
    return refute(now, *n, d.incarnation);
  }
  node_news_.add(encode(message_type::dead, d), d.node, handle);
  n->incarnation = d.incarnation;
  n->state = d.node == d.from ? node_state::left : node_state::dead;
  n->changed = now;
  node_gone(now, *n);
}

void pool::end_suspicions(duration now) {
  std::vector<accusation> dead;
  for (const auto& [name, n] : nodes_) {
    if (!n.suspected || now < n.suspected->ends()) continue;
    add_log(log::level::info, "marking member as failed: nobody refuted", {{"member", name}, {"confirmations", std::to_string(n.suspected->confirmations())}});
    dead.push_back({.incarnation = n.incarnation, .node = name, .from = options_.name});
  }
  for (const auto& d : dead) on_dead(now, d);
}

// Every member must speak a version that all others understand, in both layers.
result<> pool::check_versions(const std::vector<node_state_message>& remote) const {
  struct speaker {
    std::string_view name;
    version_tuple v;
  };
  std::vector<speaker> all;
  for (const auto& r : remote) {
    if (r.state != static_cast<int64_t>(node_state::alive) || r.versions.size() != std::tuple_size_v<version_tuple>) continue;
    speaker s{.name = r.name, .v = {}};
    std::copy(r.versions.data.begin(), r.versions.data.end(), s.v.begin());
    all.push_back(s);
  }
  for (const auto& [name, n] : nodes_)
    if (n.state == node_state::alive) all.push_back({.name = name, .v = n.versions});
  for (size_t layer : {size_t{0}, size_t{3}}) {
    uint8_t low = 0, high = UINT8_MAX;
    for (const auto& s : all) low = std::max(low, s.v[layer]), high = std::min(high, s.v[layer + 1]);
    for (const auto& s : all)
      if (s.v[layer + 2] < low || s.v[layer + 2] > high)
        return fail(errc::unsupported, "member {:?} speaks {} version {}; all together understand {} to {}", s.name, layer == 0 ? "gossip" : "Serf",
                    s.v[layer + 2], low, high);
  }
  return {};
}

result<> pool::merge(duration now, const peer& from, const push_pull_state& state, bool join) {
  TRY(check_versions(state.nodes));
  if (join && options_.admit) {
    std::vector<member> all;
    for (const auto& r : state.nodes) {
      if (r.versions.size() != std::tuple_size_v<version_tuple>)
        return fail(errc::invalid, "member {:?} does not say which protocol versions it speaks", r.name);
      node n{.name = r.name, .address = r.address, .port = r.port, .meta = r.meta, .changed = now};
      std::copy(r.versions.data.begin(), r.versions.data.end(), n.versions.begin());
      all.push_back(member_of(n));
      all.back().status = r.state == static_cast<int64_t>(node_state::left) ? member_status::left : member_status::none;
    }
    TRY(options_.admit(all));
  }
  for (const auto& r : state.nodes) {
    switch (static_cast<node_state>(r.state)) {
      case node_state::alive:
        on_alive(now, {.incarnation = r.incarnation, .node = r.name, .address = r.address, .port = r.port, .meta = r.meta, .versions = r.versions}, false);
        break;
      case node_state::left: on_dead(now, {.incarnation = r.incarnation, .node = r.name, .from = r.name}); break;
      // Another's verdict only makes us suspicious: the member may refute.
      case node_state::dead:
      case node_state::suspect: on_suspect(now, {.incarnation = r.incarnation, .node = r.name, .from = options_.name}); break;
      default: return fail(errc::invalid, "member {:?} is in unknown state {}", r.name, r.state);
    }
  }
  if (state.user_state.empty()) return {};
  if (static_cast<serf_type>(state.user_state[0]) != serf_type::push_pull) return fail(errc::invalid, "the state of {} is not Serf's", to_string(from));
  TRY_ASSIGN(auto serf, codec::from_msgpack<serf_state_message>(std::string_view(state.user_state).substr(1)));
  merge_serf(now, serf);
  return {};
}

std::vector<const pool::node*> pool::random_nodes(size_t count, const std::function<bool(const node&)>& wanted) {
  std::vector<const node*> found;
  for (const auto& [name, n] : nodes_)
    if (wanted(n)) found.push_back(&n);
  for (size_t i = 0; i < std::min(count, found.size()); ++i) std::swap(found[i], found[i + random_.below(found.size() - i)]);
  found.resize(std::min(count, found.size()));
  return found;
}

bool pool::any_other_alive() const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& each) { return each.first != options_.name && !each.second.gone(); });
}

// Below Serf the dead are forgotten soon; members_ keeps them for `server members`.
void pool::forget_dead_nodes(duration now) {
  std::erase_if(nodes_, [&](const auto& each) {
    return each.first != options_.name && each.second.gone() && now - each.second.changed > options_.timing.gossip_to_the_dead;
  });
}

}  // namespace drover::gossip
