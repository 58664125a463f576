// What the gossip pool knows about one server, and the events that tell of changes. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace drover::gossip {

// Ordered by key; on the wire they are msgpack behind a magic byte, at most limits.h's tag_bytes_max.
using tag_map = std::map<std::string, std::string>;

// As `server members` shows them.
enum class member_status { none, alive, leaving, left, failed };
std::string_view name(member_status s);  // "none", "alive", "leaving", "left", "failed"

struct member {
  std::string name{};
  std::string address{};  // a literal IP, without brackets
  uint16_t port = 0;      // UDP and TCP
  tag_map tags{};
  member_status status = member_status::none;
  // What it speaks: the memberlist protocol and, above it, Serf's ("delegate").
  uint8_t protocol_min = 0, protocol_max = 0, protocol_current = 0;
  uint8_t delegate_min = 0, delegate_max = 0, delegate_current = 0;
  friend bool operator==(const member&, const member&) = default;
  // The tag's value, or "".
  const std::string& tag(std::string_view key) const;
};

// join: new, or back after failed/left. leave: it said good-bye (or was forced to). failed: it answers nobody. update: its tags or address
// changed. reap: forgotten (long failed or left, or pruned).
enum class event_kind { join, leave, failed, update, reap };
std::string_view name(event_kind k);  // "member-join", ...

struct member_event {
  event_kind kind;
  gossip::member member;
};

}  // namespace drover::gossip
