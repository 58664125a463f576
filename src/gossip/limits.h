// The limits of gossip/. What is above them is refused with a sentence, never a crash or a large allocation.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace drover::gossip {

inline constexpr size_t packet_bytes_max = 1400;             // what we put into one datagram before sealing (as memberlist)
inline constexpr size_t datagram_bytes_max = 65'536;         // what we take from one
inline constexpr size_t unpacked_packet_bytes_max = 65'536;  // a datagram's content after decompression
inline constexpr int packet_nesting_max = 4;                 // compound in compressed in compound ...
inline constexpr size_t packet_messages_max = 1024;          // in one datagram, nested ones included
inline constexpr size_t stream_bytes_max = 4 * 1024 * 1024;  // one push/pull, sealed or unpacked
inline constexpr size_t node_state_bytes_max = 4096;         // one member in a push/pull
inline constexpr size_t user_state_bytes_max = 1024 * 1024;  // Serf's part of a push/pull
inline constexpr size_t members_max = 4096;                  // further ones are not merged
inline constexpr size_t name_bytes_max = 256;
inline constexpr size_t tag_bytes_max = 512;     // encoded tags of a member (memberlist's limit)
inline constexpr size_t queue_depth_max = 4096;  // broadcasts waiting; the oldest-sent go first
inline constexpr size_t intents_max = 4096;      // join/leave intents about members not known yet
inline constexpr size_t relays_max = 1024;       // indirect probes under way for others
inline constexpr size_t query_bytes_max = 1024;  // a query, or an answer to one (Serf's limits)
inline constexpr size_t queries_max = 64;        // our own under way
inline constexpr size_t recent_times_max = 512;  // Lamport times for which events and queries are told apart
inline constexpr size_t recent_ids_max = 64;     // events or queries of one Lamport time
inline constexpr size_t streams_max = 128;       // incoming connections at a time
inline constexpr size_t streams_per_address_max = 16;
inline constexpr size_t join_addresses_max = 256;              // of one join()
inline constexpr size_t snapshot_bytes_min = 128 * 1024;       // the file is written anew when it is larger, and twice what it must be
inline constexpr size_t snapshot_bytes_max = 8 * 1024 * 1024;  // what is read at start
inline constexpr duration socket_pause = seconds(1);           // before a socket that failed is asked again
inline constexpr size_t notice_sources_max = 64;               // senders whose bad input is counted apart
inline constexpr duration notice_interval = seconds(30);       // one line for each kind of bad input and sender

}  // namespace drover::gossip
