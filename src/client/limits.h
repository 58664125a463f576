// The limits of client/. Each is enforced where it is named.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace drover::client::limits {

inline constexpr size_t task_events_max = 10;                      // per task: older ones go
inline constexpr duration status_batch = milliseconds(200);        // updates that only add events wait so long for others
inline constexpr int status_burst = 20;                            // status changes sent at once ...
inline constexpr int status_per_second = 20;                       // ... and how fast that allowance comes back
inline constexpr size_t status_allocs_per_call = 512;              // one Node.UpdateAlloc
inline constexpr size_t node_events_queued_max = 100;              // older ones go
inline constexpr duration query_time = minutes(5);                 // a blocking query is renewed after this
inline constexpr duration query_time_max = minutes(10);            // servers wait no longer
inline constexpr duration retry_first = milliseconds(20);          // doubles ...
inline constexpr duration retry_max_least = seconds(1);            // ... up to this in a small cluster
inline constexpr duration retry_max = seconds(30);                 // ... up to this in the largest
inline constexpr duration refused_retry = minutes(1);              // the servers refuse this node: a person must act
inline constexpr duration disconnect_start_grace = seconds(5);     // an agent that comes back looks for servers so long before it stops tasks
inline constexpr size_t allocs_per_pull = 256;                     // one Alloc.GetAllocs
inline constexpr int kill_attempts = 5;                            // of a driver that fails to kill
inline constexpr duration kill_retry = milliseconds(500);          // doubles
inline constexpr size_t file_chunk_bytes = 64 * 1024;              // one message of a file or log stream
inline constexpr size_t streams_max = 1000;                        // open file, log and exec streams of this node
inline constexpr size_t list_entries_max = 20'000;                 // of one directory listing
inline constexpr size_t dispatch_payload_bytes_max = 1024 * 1024;  // unpacked
inline constexpr size_t template_bytes_max = 16 * 1024 * 1024;
inline constexpr duration artifact_timeout = minutes(30);
inline constexpr int64_t artifact_bytes_max = 100LL * 1024 * 1024 * 1024;
inline constexpr int secrets_megabytes = 1;                 // size of secrets/ and private/ in memory
inline constexpr size_t blocking_threads = 4;               // for slow disk work and task starts
inline constexpr duration stream_poll = milliseconds(500);  // a follower looks again even when nobody told it that a file grew

inline constexpr duration stopped_patience = seconds(15);  // a driver that says it stopped a task has so long to say how it ended
inline constexpr duration last_report = seconds(2);        // a stopping agent tries so long to report what it has not yet
inline constexpr duration drain_patience = seconds(5);     // beyond a drain's deadline, until the servers have noted its end
inline constexpr size_t servers_max = 1000;                // of one list of servers: more are left out
inline constexpr duration servers_patience = seconds(10);  // before a task with "drover.start_without_servers" starts on its own
inline constexpr duration rpc_hold = seconds(5);           // a call to the servers looks for one that answers so long
inline constexpr duration rpc_answer = seconds(10);        // a server that takes longer, beyond the time a query may wait, has failed
inline constexpr int64_t rpc_read_slowness = 3;            // times rpc_answer: a read may be large ...
inline constexpr int64_t rpc_write_slowness = 6;           // ... a write may be much work, and is not repeated anyway
inline constexpr duration ping_answer = seconds(2);
inline constexpr duration rebalance_interval_min = minutes(5);
inline constexpr int64_t rebalances_per_second = 64;   // of a whole cluster
inline constexpr int64_t reconnects_per_second = 250;  // of a whole cluster: how far apart a node's tries get

inline constexpr duration identity_renewal_min = seconds(10);  // between two renewals of a task's identities, however short they are
inline constexpr size_t volume_plugins_max = 256;              // in host_volume_plugin_dir
inline constexpr duration volume_plugin_time = seconds(60);    // for one operation, as Nomad has it
inline constexpr size_t volume_plugin_output_max = 64 * 1024;
inline constexpr size_t host_volumes_max = 10'000;                // dynamic ones of a node
inline constexpr size_t registrations_per_call = 512;             // one ServiceRegistration.Upsert
inline constexpr duration check_timeout_max = minutes(10);        // of one run of a check, whatever its job says
inline constexpr size_t check_output_bytes_max = 3 * 1024;        // kept of what a check says
inline constexpr duration check_probe_first = milliseconds(250);  // a check that has not passed yet is tried early; doubles up to its interval

inline constexpr duration cni_timeout = minutes(1);           // of one run of a CNI plugin
inline constexpr size_t cni_output_bytes_max = 1024 * 1024;   // of what it says
inline constexpr size_t cni_plugins_max = 64;                 // of one list
inline constexpr size_t network_reply_bytes_max = 32 * 1024;  // of the kernel, to one question

}  // namespace drover::client::limits
