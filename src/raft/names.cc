#include "raft/raft.h"

namespace drover::raft {

std::string_view name(role r) {
  switch (r) {
    case role::voter: return "voter";
    case role::standby: return "standby";
    case role::spare: return "spare";
  }
  return "unknown";
}

std::string_view name(state s) {
  switch (s) {
    case state::stopped: return "Stopped";
    case state::follower: return "Follower";
    case state::candidate: return "Candidate";
    case state::leader: return "Leader";
  }
  return "Unknown";
}

// FNV-1a, 64 bit: stable for ever, because the number is stored in every configuration.
uint64_t id_from_uuid(std::string_view uuid) {
  uint64_t hash = 14695981039346656037u;
  for (char c : uuid) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211u;
  }
  return hash == 0 ? 1 : hash;
}

}  // namespace drover::raft
