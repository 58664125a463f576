// Everything that a server holds or accepts has a limit; those that are not settings are named here.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace drover::server {

// Raft connections: a greeting, those that have not finished theirs, and what is carried for a TLS connection in one go.
inline constexpr size_t raft_greeting_bytes_max = 4096;
inline constexpr size_t raft_handshakes_max = 64;
inline constexpr size_t raft_pump_bytes = 64 * 1024;
// A Raft connection carries a heartbeat many times a second: one that has been silent for so long is made anew, so that a server is back at once
// after a partition, however long that lasted.
inline constexpr duration raft_silence_max = milliseconds(1500);
// A refusal that repeats is logged again after this time.
inline constexpr duration raft_refusal_log_interval = minutes(1);

// What a dispatched job may carry, before compression.
inline constexpr size_t dispatch_payload_bytes_max = 16 * 1024;

// Plans that wait for the planner, and those that are on their way through the log.
inline constexpr size_t plans_waiting_max = 10'000;
inline constexpr size_t plans_in_flight_max = 64;
// Evaluations that one scheduling worker has in hand: while the plan of one is written, the next is planned.
inline constexpr size_t worker_evals_max = 8;
// How often an evaluation is planned whose plans are accepted in part each time.
inline constexpr uint32_t plan_attempts_max = 100;
// Blocked evaluations that have been woken and are not settled yet.
inline constexpr size_t blocked_awake_max = 64;
// Changed allocations that wait for a view which nobody asks for any more; beyond, it is cheaper to start over.
inline constexpr size_t view_changes_max = 1 << 18;
inline constexpr size_t view_changes_idle_max = 1 << 11;

// Allocations that an explanation of a job speaks of one by one.
inline constexpr size_t explained_allocs_max = 5;

// Things that evaluations wait for, beside nodes, whose last change is remembered (blocked_evals.h); the groups that a job's
// dependencies may lead to (dependency_graph.h).
inline constexpr size_t changed_resources_max = 10'000;
inline constexpr size_t dependency_groups_max = 10'000;

// The file of known servers (peer_file.h).
inline constexpr size_t peer_file_bytes_max = 1 << 20;
inline constexpr size_t peer_file_servers_max = 64;

// A snapshot file that is restored, what its tar has beside the state, and one piece of it on a stream.
inline constexpr size_t snapshot_file_bytes_max = size_t{512} << 20;
inline constexpr size_t snapshot_tar_extra_bytes_max = size_t{1} << 20;
inline constexpr size_t snapshot_piece_bytes = 256 * 1024;

// Calls between servers (server_links.h, forward.h). A server that answered is trusted for a while, one that did not is left alone for a moment;
// its session, and with it the calls under way, ends when it has missed some pings.
inline constexpr duration ping_timeout = milliseconds(700);
inline constexpr duration link_trusted_for = seconds(5);
inline constexpr duration link_avoided_for = milliseconds(250);
inline constexpr duration link_watch_interval = seconds(1);
inline constexpr int link_misses_max = 2;
inline constexpr size_t known_links_max = 1024;
inline constexpr size_t raced_links_max = 8;
// A request waits so long for a leader; between two looks it waits a part of that, more or less.
inline constexpr duration rpc_hold_timeout = seconds(5);
inline constexpr int hold_jitter_fraction = 16;
inline constexpr size_t host_volume_name_max = 128;
// How often a request to another region tries another server of it.
inline constexpr int region_attempts_max = 3;
// When a silent node is one of many (storm_guard.h): as many missing at least, and more than this share; the fleet returns while so many of it come
// back within the window; it has settled when that has stopped for a while. (The limit is failover_heartbeat_ttl.)
inline constexpr size_t storm_nodes_min = 2;
inline constexpr size_t storm_share_percent = 25;
inline constexpr size_t storm_rate_percent = 1;
inline constexpr duration storm_window = seconds(10);
inline constexpr duration storm_settle = seconds(30);
inline constexpr duration storm_log_interval = seconds(10);

// ACL: callers and parsed policies that are kept (all are forgotten above that), and the longest token that is looked for.
inline constexpr size_t acl_callers_kept_max = 16'384;
inline constexpr size_t acl_policies_kept_max = 4'096;
inline constexpr size_t acl_token_bytes_max = 16 << 10;
inline constexpr duration one_time_token_lifetime = minutes(10);
inline constexpr size_t bootstrap_file_bytes_max = 64;  // the file that resets an ACL bootstrap

// Servers that are asked whether they have a session with a node.
inline constexpr duration node_search_timeout = seconds(1);
// A leader that asks whether it still is one: how long it waits, and how many questions to one server may be open.
inline constexpr duration leader_check_timeout = seconds(1);
inline constexpr int leader_checks_max = 4;

// Keys. A server waits so long for the cluster's first key; a full rotation looks so often for what is still sealed
// with the old key; one call signs so many identities.
inline constexpr duration first_key_timeout = seconds(10);
inline constexpr int rekey_rounds_max = 16;
inline constexpr size_t signed_identities_max = 1024;
inline constexpr duration keyring_retry = seconds(5);

// Variables, as Nomad limits them.
inline constexpr size_t variable_path_bytes_max = 128;
inline constexpr size_t variable_bytes_max = 65'536;                                           // keys and values together
inline constexpr duration variable_lock_ttl = seconds(15), variable_lock_delay = seconds(15);  // unless the caller says otherwise
inline constexpr duration variable_lock_ttl_min = seconds(10), variable_lock_ttl_max = hours(24);
inline constexpr duration variable_release_retry = seconds(5);

}  // namespace drover::server
