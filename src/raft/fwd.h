#pragma once

namespace drover::raft {
class node;
class state_machine;
class transport;
struct options;
struct server;
struct stats;
}  // namespace drover::raft
