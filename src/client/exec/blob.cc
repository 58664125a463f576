#include "client/exec/blob.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "client/exec/limits.h"

namespace drover::exec {
namespace {

class blob_writer {
 public:
  void text(shim::tag tag, std::string_view value) { entry(tag, std::string(value) + '\0'); }
  template <class... Numbers>
  void numbers64(shim::tag tag, Numbers... values) {
    const uint64_t all[] = {static_cast<uint64_t>(values)...};
    entry(tag, {reinterpret_cast<const char*>(all), sizeof all});
  }
  void numbers32(shim::tag tag, const std::vector<uint32_t>& all) { entry(tag, {reinterpret_cast<const char*>(all.data()), all.size() * 4}); }
  void mount(uint32_t flags, const std::string& source, const std::string& target) {
    std::string bytes(reinterpret_cast<const char*>(&flags), sizeof flags);
    entry(shim::tag_mount, bytes + source + '\0' + target + '\0');
  }
  std::string take() { return std::move(bytes_); }
  size_t size() const { return bytes_.size(); }

 private:
  void entry(uint32_t tag, std::string_view bytes) {
    auto length = static_cast<uint32_t>(bytes.size());
    bytes_.append(reinterpret_cast<const char*>(&tag), sizeof tag);
    bytes_.append(reinterpret_cast<const char*>(&length), sizeof length);
    bytes_.append(bytes);
    bytes_.append((8 - bytes_.size() % 8) % 8, '\0');
  }
  std::string bytes_;
};

constexpr std::string_view usual_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string join_path(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.ends_with('/')) path += '/';
  return path.append(name);
}

// Where the command may be, in order.
void write_candidates(blob_writer& out, const std::string& command, const std::vector<std::string>& search_dirs,
                      const std::map<std::string, std::string>& env) {
  out.text(shim::tag_command_name, command);
  if (command.starts_with('/')) return out.text(shim::tag_candidate, command);
  for (const auto& dir : search_dirs) out.text(shim::tag_candidate, join_path(dir, command));
  if (command.find('/') != command.npos) return;
  auto path = env.find("PATH");
  for (auto dir : split(path == env.end() ? usual_path : std::string_view(path->second), ':'))
    if (dir.starts_with('/')) out.text(shim::tag_candidate, join_path(dir, command));
}

result<> check_text(std::string_view text, std::string_view what) {
  if (text.find('\0') == text.npos) return {};
  return fail(errc::invalid, "{} contains a zero byte; programs cannot receive that", what);
}

result<> write_process(blob_writer& out, const std::vector<std::string>& args, const std::map<std::string, std::string>& env) {
  for (size_t i = 0; i < args.size(); i++) {
    TRY(check_text(args[i], fmt::format("argument {}", i + 1)));
    out.text(shim::tag_argument, args[i]);
  }
  for (const auto& [key, value] : env) {
    TRY(check_text(key + value, "environment variable " + key));
    if (key.empty() || key.find('=') != key.npos) return fail(errc::invalid, "environment variable name \"{}\" is empty or contains \"=\"", key);
    out.text(shim::tag_environment, key + "=" + value);
  }
  if (out.size() > limits::blob_bytes_max)
    return fail(errc::too_large, "arguments and environment need {} bytes; at most {} are possible", out.size(), limits::blob_bytes_max);
  return {};
}

void write_cgroups(blob_writer& out, const launch_spec& spec) {
  if (!spec.shim_cgroup.unified.empty()) out.text(shim::tag_shim_unified, spec.shim_cgroup.unified);
  if (!spec.cgroup.unified.empty()) out.text(shim::tag_task_unified, spec.cgroup.unified);
  for (const auto& dir : spec.shim_cgroup.dirs)
    if (dir != spec.shim_cgroup.unified) out.text(shim::tag_shim_cgroup, dir + "/cgroup.procs");
  for (const auto& dir : spec.cgroup.dirs)
    if (dir != spec.cgroup.unified) out.text(shim::tag_task_cgroup, dir + "/cgroup.procs");
  for (const auto& dir : spec.joined_cgroups) out.text(shim::tag_task_cgroup, dir + "/cgroup.procs");
  if (!spec.cgroup.memory.empty())
    out.text(shim::tag_oom_file, spec.cgroup.memory + (spec.cgroup.mode == cgroup_mode::v2 ? "/memory.events" : "/memory.oom_control"));
  if (!spec.cgroup.unified.empty()) out.text(shim::tag_kill_file, spec.cgroup.unified + "/cgroup.kill");
  if (!spec.cgroup.freezer.empty()) out.text(shim::tag_freezer_dir, spec.cgroup.freezer);
}

result<> write_isolation(blob_writer& out, const isolation_spec& isolation) {
  if (!isolation.root.starts_with('/')) return fail(errc::invalid, "the root \"{}\" must be an absolute path", isolation.root);
  out.text(shim::tag_root, isolation.root);
  out.numbers32(shim::tag_namespaces, {(isolation.pid_namespace ? shim::namespace_pid : 0) | (isolation.ipc_namespace ? shim::namespace_ipc : 0)});
  for (const auto& [source, target] : isolation.chroot_env) out.mount(shim::mount_read_only | shim::mount_optional, source, target);
  for (const auto& m : isolation.mounts)
    out.mount((m.read_only ? shim::mount_read_only : 0) | (m.optional ? shim::mount_optional : 0) | (m.is_private ? shim::mount_private : 0), m.source,
              m.target);
  for (const auto& d : isolation.devices) out.mount(shim::mount_device, d.host_path, d.task_path);
  for (const auto& target : isolation.masked) out.mount(shim::mount_mask, "", target);
  return {};
}

result<> write_privileges(blob_writer& out, const launch_spec& spec) {
  if (!spec.user.empty()) {
    TRY_ASSIGN(auto ids, find_user(spec.user));
    if (::geteuid() != 0 && ids.uid != ::geteuid()) return fail(errc::permission_denied, "running as user \"{}\" needs an agent that runs as root", spec.user);
    if (::geteuid() == 0) {
      std::vector<uint32_t> numbers = {ids.uid, ids.gid};
      numbers.insert(numbers.end(), ids.groups.begin(), ids.groups.end());
      out.numbers32(shim::tag_ids, numbers);
    }
  }
  if (spec.capabilities) out.numbers64(shim::tag_capabilities, spec.capabilities->bounding, spec.capabilities->ambient);
  if (spec.no_new_privs) out.numbers32(shim::tag_no_new_privs, {1});
  for (const auto& limit : spec.rlimits) out.numbers64(shim::tag_rlimit, limit.resource, limit.soft, limit.hard);
  if (spec.oom_score_adj) out.numbers32(shim::tag_oom_score_adj, {static_cast<uint32_t>(*spec.oom_score_adj)});
  return {};
}

result<> check_spec(const launch_spec& spec) {
  if (spec.command.empty()) return fail(errc::invalid, "task {}: command is missing", spec.id);
  TRY(check_text(spec.command, "command"));
  if (!spec.control_dir.starts_with('/')) return fail(errc::invalid, "task {}: control_dir must be an absolute path", spec.id);
  if (!spec.logs.disabled && (spec.logs.max_files < 1 || spec.logs.max_file_bytes < 1))
    return fail(errc::invalid, "task {}: logs need max_files and max_file_size of at least 1", spec.id);
  if (spec.isolation && ::geteuid() != 0)
    return fail(errc::permission_denied, "task {}: the exec driver needs an agent that runs as root: it mounts a root for the task", spec.id);
  return {};
}

std::string_view doing(uint32_t step) {
  switch (step) {
    case shim::step_config: return "reading its instructions";
    case shim::step_control_socket: return "opening its control socket in";
    case shim::step_logs: return "opening the log files";
    case shim::step_fork: return "starting a process";
    case shim::step_cgroup: return "joining cgroup";
    case shim::step_network_namespace: return "entering network namespace";
    case shim::step_namespaces: return "entering namespaces with";
    case shim::step_root: return "making the task directory the root:";
    case shim::step_mount: return "mounting";
    case shim::step_device: return "creating device";
    case shim::step_oom_score: return "setting oom_score_adj";
    case shim::step_rlimit: return "setting resource limits:";
    case shim::step_capabilities: return "setting capabilities:";
    case shim::step_user: return "changing the user:";
    case shim::step_work_dir: return "changing to work_dir";
    case shim::step_exec: return "executing";
    case shim::step_terminal: return "opening the terminal:";
    default: return "starting the task";
  }
}

}  // namespace

result<std::string> encode_launch(const launch_spec& spec) {
  TRY(check_spec(spec));
  blob_writer out;
  out.text(shim::tag_control_dir, spec.control_dir);
  if (spec.docker_log) {
    out.numbers32(shim::tag_docker_log, {spec.docker_log->terminal ? 1u : 0u});
    TRY(write_process(out, {spec.docker_log->socket, spec.docker_log->target, spec.docker_log->position}, {}));
  } else {
    write_candidates(out, spec.command, spec.search_dirs, spec.env);
    TRY(write_process(out, spec.args, spec.env));
  }
  if (!spec.work_dir.empty()) out.text(shim::tag_work_dir, spec.work_dir);
  if (!spec.logs.disabled) {
    out.text(shim::tag_log_prefix, join_path(spec.logs.dir, spec.logs.task));
    out.numbers64(shim::tag_log_limits, spec.logs.max_files, spec.logs.max_file_bytes);
  }
  write_cgroups(out, spec);
  if (!spec.network_namespace.empty()) out.text(shim::tag_network_namespace, spec.network_namespace);
  if (spec.isolation) TRY(write_isolation(out, *spec.isolation));
  TRY(write_privileges(out, spec));
  return out.take();
}

result<std::string> encode_exec(const exec_request& request) {
  if (request.argv.empty() || request.argv[0].empty()) return fail(errc::invalid, "exec: the command is missing");
  TRY(check_text(request.argv[0], "command"));
  blob_writer out;
  std::vector<std::string> here;
  if (!request.work_dir.empty()) here.push_back(request.work_dir);
  write_candidates(out, request.argv[0], here, request.env);
  if (request.work_dir.empty() && request.argv[0].find('/') != std::string::npos && !request.argv[0].starts_with('/'))
    out.text(shim::tag_candidate, "./" + request.argv[0]);  // relative to the task's working directory
  TRY(write_process(out, {request.argv.begin() + 1, request.argv.end()}, request.env));
  if (!request.work_dir.empty()) out.text(shim::tag_work_dir, request.work_dir);
  return out.take();
}

result<unique_fd> make_memfd(std::string_view content) {
  unique_fd fd(::memfd_create("drover-shim", MFD_CLOEXEC));
  if (!fd) return fail(system_error(errno, "memfd_create"));
  for (size_t done = 0; done < content.size();) {
    ssize_t n = ::pwrite(fd.get(), content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error(errno, "write memfd"));
    done += static_cast<size_t>(n);
  }
  return fd;
}

error launch_error(std::string_view id, uint32_t step, int number, std::string_view detail) {
  std::string_view interpreter = "interpreter of ";
  auto code = number == ENOENT && step == shim::step_exec                                    ? errc::not_found
              : number == EACCES || number == EPERM || number == ENOEXEC || number == EISDIR ? errc::permission_denied
                                                                                             : errc::io;
  std::string reason = std::strerror(number);
  if (step == shim::step_exec && number == ENOENT)
    reason = detail.starts_with(interpreter) ? "not found: what its first line (or the program's loader) names does not exist" : "command not found";
  if (step == shim::step_exec && number == ENOEXEC) reason = "not a program: neither an executable format nor a first line with #!";
  if (step == shim::step_exec && number == EACCES) reason = "not executable (permission denied)";
  std::string at = detail.empty() ? "" : step == shim::step_exec ? fmt::format(" \"{}\"", detail) : fmt::format(" {}", detail);
  return error(code, fmt::format("task {}: {}{}: {}", id, doing(step), at, reason));
}

}  // namespace drover::exec
