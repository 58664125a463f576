#include "client/exec/isolation.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/text.h"

namespace drover::exec {
namespace {

// In the order of linux/capability.h: the index is the number.
constexpr std::string_view capability_names[] = {
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
};
static_assert(std::size(capability_names) == CAP_CHECKPOINT_RESTORE + 1);
constexpr uint64_t all_capabilities = (1ull << std::size(capability_names)) - 1;

result<uint64_t> parse_capabilities(const std::vector<std::string>& names, std::string_view where) {
  uint64_t set = 0;
  for (const auto& text : names) {
    std::string name = to_lower(text);
    if (name.starts_with("cap_")) name.erase(0, 4);
    if (name == "all") {
      set = all_capabilities;
      continue;
    }
    auto found = std::ranges::find(capability_names, name);
    if (found == std::end(capability_names)) {
      auto guess = nearest(name, {std::begin(capability_names), std::end(capability_names)});
      return fail(errc::invalid, "{}: capability \"{}\" is not known{}", where, text,
                  guess ? fmt::format("; did you mean {}?", *guess) : "; a name such as net_bind_service is expected");
    }
    set |= 1ull << (found - std::begin(capability_names));
  }
  return set;
}

std::string names_of(uint64_t set) {
  std::vector<std::string> names;
  for (size_t i = 0; i < std::size(capability_names); i++)
    if (set >> i & 1) names.emplace_back(capability_names[i]);
  return join(names, ", ");
}

}  // namespace

const std::map<std::string, std::string>& default_chroot_env() {
  static const std::map<std::string, std::string> paths = [] {
    std::map<std::string, std::string> same;
    for (const char* path : {"/bin", "/etc", "/lib", "/lib32", "/lib64", "/run/resolvconf", "/sbin", "/usr", "/run/systemd/resolve"}) same.emplace(path, path);
    return same;
  }();
  return paths;
}

const std::vector<std::string>& default_allowed_capabilities() {
  static const std::vector<std::string> names = {"audit_write",      "chown",   "dac_override", "fowner",  "fsetid", "kill",      "mknod",
                                                 "net_bind_service", "setfcap", "setgid",       "setpcap", "setuid", "sys_chroot"};
  return names;
}

result<capability_set> resolve_capabilities(const std::vector<std::string>& allowed, const std::vector<std::string>& add,
                                            const std::vector<std::string>& drop) {
  TRY_ASSIGN(uint64_t defaults, parse_capabilities(default_allowed_capabilities(), "defaults"));
  uint64_t permitted = defaults;
  if (!allowed.empty()) {
    TRY_ASSIGN(permitted, parse_capabilities(allowed, "allow_caps"));
  }
  TRY_ASSIGN(uint64_t added, parse_capabilities(add, "cap_add"));
  TRY_ASSIGN(uint64_t dropped, parse_capabilities(drop, "cap_drop"));
  bool all = std::ranges::any_of(add, [](const std::string& name) { return equals_ignoring_case(name, "all"); });
  // "all" asks for what there is to have.
  if (all) added &= permitted;
  if (uint64_t refused = added & ~permitted)
    return fail(errc::permission_denied, "cap_add: {} not allowed on this client; the plugin's allow_caps permits: {}", names_of(refused), names_of(permitted));
  capability_set set;
  // Drop before add: cap_drop = ["all"] with cap_add = ["x"] leaves x.
  set.bounding = (defaults & permitted & ~dropped) | added;
  set.ambient = added;
  return set;
}

result<user_ids> find_user(const std::string& user) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  auto number = parse_uint(user);
  int rc = number ? getpwuid_r(static_cast<uid_t>(*number), &entry, buffer.data(), buffer.size(), &found)
                  : getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (!found) {
    if (number && *number < UINT32_MAX) return user_ids{static_cast<uint32_t>(*number), static_cast<uint32_t>(*number), {}, "/"};
    if (rc != 0 && rc != ENOENT) return fail(system_error(rc, "looking up user \"" + user + "\""));
    return fail(errc::not_found, "user \"{}\" does not exist on this machine", user);
  }
  user_ids ids{entry.pw_uid, entry.pw_gid, {}, entry.pw_dir};
  int count = 64;
  std::vector<gid_t> groups(static_cast<size_t>(count));
  if (getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) < 0) {
    groups.resize(static_cast<size_t>(count));
    if (getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) < 0) return fail(errc::io, "the groups of user \"{}\" cannot be read", user);
  }
  ids.groups.assign(groups.begin(), groups.begin() + count);
  return ids;
}

}  // namespace drover::exec
