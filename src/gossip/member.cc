#include "gossip/member.h"

namespace drover::gossip {

std::string_view name(member_status s) {
  switch (s) {
    case member_status::none: return "none";
    case member_status::alive: return "alive";
    case member_status::leaving: return "leaving";
    case member_status::left: return "left";
    case member_status::failed: return "failed";
  }
  return "none";
}

std::string_view name(event_kind k) {
  switch (k) {
    case event_kind::join: return "member-join";
    case event_kind::leave: return "member-leave";
    case event_kind::failed: return "member-failed";
    case event_kind::update: return "member-update";
    case event_kind::reap: return "member-reap";
  }
  return "";
}

const std::string& member::tag(std::string_view key) const {
  static const std::string none;
  auto found = tags.find(std::string(key));
  return found == tags.end() ? none : found->second;
}

}  // namespace drover::gossip
