// What an agent and a shim say to each other. Shared by both; an agent of a later version talks to shims of earlier
// ones, so this only grows: new packet types and tags at the end, unknown ones ignored, no field changes its meaning.
//
// The connection is a SOCK_SEQPACKET unix socket: first the pair that a shim is started with (descriptor 3), later
// CONTROL_DIR/shim.sock. Every packet is one `packet`, 256 bytes; anything else closes the connection. Long things
// (arguments, environment, mounts) go as a `blob` in a memfd: descriptor 4 at the start, SCM_RIGHTS for exec.
//
// A blob is a list of entries { uint32 tag, uint32 length, bytes }, each padded to 8. Strings include their final NUL.
#pragma once

#include <stdint.h>

namespace drover::shim {

constexpr uint32_t magic = 0x31485344;  // "DSH1"
constexpr uint32_t blob_bytes_max = 8u << 20;
constexpr int start_connection_fd = 3;
constexpr int start_blob_fd = 4;
constexpr int sessions_max = 32;

enum packet_type : uint32_t {
  // Agent -> shim. Each but attach is answered by `reply` with the same id; reply.a is 0 or an errno.
  packet_attach = 1,     // first packet on a connection to shim.sock
  packet_signal = 2,     // a: signal, b: session or 0 for the task
  packet_kill_tree = 3,  //
  packet_exec = 4,       // descriptors: blob, stdin, stdout, stderr; a: 1 with a terminal; answered by session_started or
                         // reply with failure
  packet_shutdown = 5,   // kills what is left, then `reply`, then the shim ends
  // Shim -> agent.
  packet_started = 32,          // a: task pid as the shim sees it, b: flags (started_*); also the answer to attach
  packet_failed = 33,           // a: errno, b: step, text: detail; the shim ends
  packet_exited = 34,           // a: exit code, b: signal, c: Unix nanoseconds, d: 1 when killed for lack of memory
  packet_reply = 35,            // id: of the request, a: errno, b: step, text: detail
  packet_session_started = 36,  // id: of the request, a: pid as the shim sees it, b: session
  packet_session_exited = 37,   // a: exit code, b: signal, c: Unix nanoseconds, d: session
  packet_output_lost = 38,      // a: errno, b: bytes lost since the start
  packet_superseded = 39,       // another agent has attached
  packet_hello = 40,            // sent by the task or session process itself before it execs: its credentials carry the pid as
                                // the agent sees it. b: session, 0 for the task; -1: the shim itself, first of all
};

constexpr int64_t started_in_pid_namespace = 1;

struct packet {
  uint32_t magic;
  uint32_t type;
  uint32_t id;
  int32_t a;
  int64_t b;
  int64_t c;
  int64_t d;
  char text[216];
};
static_assert(sizeof(packet) == 256);

// Where a start went wrong. The agent's library has a sentence for each.
enum step : uint32_t {
  step_none = 0,
  step_config,
  step_control_socket,
  step_logs,
  step_fork,
  step_cgroup,
  step_network_namespace,
  step_namespaces,
  step_root,
  step_mount,
  step_device,
  step_oom_score,
  step_rlimit,
  step_capabilities,
  step_user,
  step_work_dir,
  step_exec,
  step_terminal,
  step_count,
};

enum tag : uint32_t {
  tag_control_dir = 1,
  tag_shim_cgroup = 2,  // repeated: a cgroup.procs file for the shim
  tag_task_cgroup = 3,  // repeated: a cgroup.procs file for the task
  tag_oom_file = 4,     // memory.events or memory.oom_control
  tag_kill_file = 5,    // cgroup.kill
  tag_freezer_dir = 6,  // v1
  tag_candidate = 7,    // repeated: paths to try for the command, in order
  tag_argument = 8,     // repeated: argv[1] ...
  tag_environment = 9,  // repeated: NAME=value
  tag_work_dir = 10,
  tag_ids = 11,           // uint32: uid, gid, supplementary groups ...
  tag_capabilities = 12,  // uint64: bounding, ambient
  tag_no_new_privs = 13,
  tag_network_namespace = 14,
  tag_rlimit = 15,         // repeated: uint64 resource, soft, hard
  tag_oom_score_adj = 16,  // int32
  tag_log_prefix = 17,     // LOG_DIR/TASK; absent: output goes to /dev/null
  tag_log_limits = 18,     // uint64: files, bytes a file
  tag_root = 19,           // directory that becomes the root; absent: no isolation
  tag_namespaces = 20,     // uint32: namespace_*
  tag_mount = 21,          // repeated, in order: uint32 flags (mount_*), then source NUL target NUL
  tag_command_name = 22,   // the command as the job says it, for messages
  tag_shim_unified = 23,   // v2 cgroup directory for the shim: started inside, which costs nothing, where joining waits for the kernel
  tag_task_unified = 24,   // the same for the task
  // uint32: 1 with a terminal. There is no command: the shim itself follows the log of a docker container. The
  // arguments are dockerd's socket, the request and the position file (docker_logs.h).
  tag_docker_log = 25,
};

constexpr uint32_t namespace_pid = 1;
constexpr uint32_t namespace_ipc = 2;

constexpr uint32_t mount_read_only = 1;
constexpr uint32_t mount_optional = 2;
constexpr uint32_t mount_mask = 4;      // an empty, unreadable directory over the target, if that exists
constexpr uint32_t mount_device = 8;    // device access stays allowed on it
constexpr uint32_t mount_private = 16;  // mounts that the host makes below it later are not seen

// Names inside the control directory.
constexpr char socket_name[] = "shim.sock";
// "code=0 signal=0 oom=0 finished=NANOSECONDS\n", written when the task has ended.
constexpr char exit_name[] = "exit";

}  // namespace drover::shim
