#include "server/variable_rules.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "server/limits.h"

namespace drover::server {

result<> check_variable_path(std::string_view path) {
  if (path.empty()) return fail(errc::invalid, "variable requires path");
  auto is_allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '~' || c == '/'; };
  if (path.size() > variable_path_bytes_max || !std::ranges::all_of(path, is_allowed))
    return fail(errc::invalid, "invalid path \"{}\": use 1 to {} letters, digits, \"-\", \"_\", \"~\" and \"/\"", path.substr(0, variable_path_bytes_max),
                variable_path_bytes_max);
  auto parts = split(path, '/');
  if (parts[0] != "nomad") return {};
  if (parts.size() == 1)
    return fail(errc::invalid,
                "\"nomad\" is a reserved top-level directory path, but you may write variables to \"nomad/jobs\", \"nomad/job-templates\", "
                "\"nomad/sentinel\", or below");
  if (parts[1] == "jobs" || parts[1] == "sentinel") return {};
  if (parts[1] == "job-templates" && parts.size() == 3) return {};
  if (parts[1] == "job-templates")
    return fail(errc::invalid,
                "\"nomad/job-templates\" is a reserved directory path, but you may write variables at the level below it, for example, "
                "\"nomad/job-templates/template-name\"");
  return fail(errc::invalid, "only paths at \"nomad/jobs\" or \"nomad/job-templates\" and below are valid paths under the top-level \"nomad\" directory");
}

result<> check_variable(const schema::variable& v, bool for_lock) {
  if (v.namespace_ == "*") return fail(errc::invalid, "can not target wildcard (\"*\")namespace");
  if (v.items.empty() && !for_lock) return fail(errc::invalid, "empty variables are invalid");
  size_t size = 0;
  for (const auto& [key, text] : v.items) size += key.size() + text.size();
  if (size > variable_bytes_max) return fail(errc::invalid, "variables are limited to 64KiB in total size; this one has {} bytes", size);
  return check_variable_path(v.path);
}

void complete_lock(schema::variable_lock& lock) {
  if (lock.ttl.ns == 0) lock.ttl = variable_lock_ttl;
  if (lock.lock_delay.ns == 0) lock.lock_delay = variable_lock_delay;
}

result<> check_lock(const schema::variable_lock& lock) {
  if (lock.ttl.ns < 0 || lock.lock_delay.ns < 0) return fail(errc::invalid, "Lock delay and TTL must be positive");
  if (lock.ttl < variable_lock_ttl_min || lock.ttl > variable_lock_ttl_max) return fail(errc::invalid, "TTL must be between 10 seconds and 24 hours");
  if (lock.lock_delay > variable_lock_ttl_max) return fail(errc::invalid, "Lock delay must be at most 24 hours");
  return {};
}

}  // namespace drover::server
