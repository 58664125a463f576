#include "jobspec/validate.h"

#include <map>
#include <set>

#include "jobspec/limits.h"
#include "jobspec/validate_parts.h"

namespace drover::jobspec {

void problem_list::nest(std::string_view title, problem_list inner) {
  if (!inner.errors_.empty()) errors_.push_back(fmt::format("{}: {}", title, multi_error(inner.errors_)));
  for (auto& warning : inner.warnings_) warnings_.push_back(std::move(warning));
}

void problem_list::one_of(std::string_view what, std::string_view given, std::initializer_list<std::string_view> allowed) {
  for (auto candidate : allowed)
    if (given == candidate) return;
  std::string list;
  for (auto candidate : allowed)
    if (!candidate.empty()) list += fmt::format("{}{}", list.empty() ? "" : ", ", candidate);
  add("{} is \"{}\"; it must be one of {}", what, given, list);
}

bool has_nul(std::string_view text) { return text.contains('\0'); }

bool is_name(std::string_view text, std::string_view more, size_t length_max) {
  if (text.empty() || text.size() > length_max) return false;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && !more.contains(c)) return false;
  }
  return true;
}

bool escapes(std::string_view path, int levels_up) {
  // An interpolated start (${NOMAD_TASK_DIR}/x) is judged on the node, where it is known.
  int depth = levels_up;
  size_t at = 0;
  while (at <= path.size()) {
    size_t end = std::min(path.find('/', at), path.size());
    auto part = path.substr(at, end - at);
    if (part == "..") {
      if (--depth < 0) return true;
    } else if (!part.empty() && part != ".") {
      ++depth;
    }
    at = end + 1;
  }
  return false;
}

std::string without_interpolation(std::string_view text) {
  std::string out;
  while (true) {
    size_t begin = text.find("${");
    out += text.substr(0, begin);
    if (begin == std::string_view::npos) return out;
    size_t end = text.find('}', begin);
    out += 'x';
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

namespace {

void check_identity_of_job(problem_list& out, const schema::job& job) {
  if (job.id.empty()) out.add("Missing job ID");
  if (job.id.contains(' ')) out.add("Job ID contains a space");
  if (has_nul(job.id)) out.add("Job ID contains a null character");
  if (has_nul(job.name)) out.add("Job name contains a null character");
  if (job.region.empty()) out.add("Missing job region");
  if (job.namespace_.empty()) out.add("Missing job namespace");
  if (job.datacenters.empty()) out.add("Missing job datacenters");
  for (const auto& datacenter : job.datacenters)
    if (datacenter.empty()) out.add("Job datacenter must be non-empty string");
  if (!job.node_pool.empty() && !is_name(job.node_pool, "-_", 128))
    out.add("Node pool \"{}\" is no valid name; it must have 1 to 128 letters, digits, dashes or underscores", job.node_pool);
}

void check_placement_of_job(problem_list& out, const schema::job& job) {
  bool system = job.type == "system" || job.type == "sysbatch";
  for (size_t i = 0; i < job.constraints.size(); ++i)
    out.nest(fmt::format("Constraint {} validation failed", i + 1), check_constraint(job.constraints[i], placement_scope::job));
  if (system && !job.affinities.empty()) out.add("System jobs may not have an affinity block");
  if (system && !job.spreads.empty()) out.add("System jobs may not have a spread block");
  for (size_t i = 0; i < job.affinities.size(); ++i) out.nest(fmt::format("Affinity {} validation failed", i + 1), check_affinity(job.affinities[i]));
  for (size_t i = 0; i < job.spreads.size(); ++i) out.nest(fmt::format("Spread {} validation failed", i + 1), check_spread(job.spreads[i]));
}

void check_groups(problem_list& out, const schema::job& job, const validation_limits& limits) {
  if (job.task_groups.empty()) out.add("Missing job task groups");
  std::map<std::string_view, size_t> seen;
  int64_t total = 0;
  for (size_t i = 0; i < job.task_groups.size(); ++i) {
    const auto& group = job.task_groups[i];
    if (group.name.empty()) {
      out.add("Job task group {} missing name", i + 1);
    } else if (auto [at, added] = seen.emplace(group.name, i); !added) {
      out.add("Job task group {} redefines '{}' from group {}", i + 1, group.name, at->second + 1);
    }
    if (job.type == "system" && group.count > 1)
      out.add("Job task group {} has count {}. Count cannot exceed 1 with system scheduler", group.name, group.count);
    out.nest(fmt::format("Task group {} validation failed", group.name), check_group(group, job));
    if (group.count > 0 && __builtin_add_overflow(total, group.count, &total)) total = INT64_MAX;
  }
  if (limits.count_max > 0 && total > limits.count_max)
    out.add("Total count of all task groups is {}; the server allows at most {} (job_max_count)", total, limits.count_max);
}

void check_batch_kinds(problem_list& out, const schema::job& job) {
  bool batch = job.type == "batch" || job.type == "sysbatch";
  if (job.periodic.has_value()) {
    if (!batch) out.add("Periodic can only be used with \"batch\" or \"sysbatch\" scheduler");
    if (job.periodic->enabled) out.nest("Periodic validation failed", check_periodic(*job.periodic));
  }
  if (job.parameterized_job.has_value()) {
    if (!batch) out.add("Parameterized job can only be used with \"batch\" or \"sysbatch\" scheduler");
    out.nest("Parameterized job validation failed", check_parameterized(*job.parameterized_job));
    if (job.periodic.has_value() && job.periodic->enabled) out.add("Parameterized job may not be periodic as well");
  }
}

void check_multiregion(problem_list& out, const schema::multiregion& multiregion) {
  std::set<std::string_view> seen;
  for (const auto& region : multiregion.regions)
    if (!seen.insert(region.name).second) out.add("Multiregion region \"{}\" is given twice", region.name);
  if (multiregion.strategy.has_value()) out.one_of("Multiregion on_failure", multiregion.strategy->on_failure.value_or(""), {"", "fail_all", "fail_local"});
}

}  // namespace

validation validate(const schema::job& job, const validation_limits& limits) {
  problem_list out;
  check_identity_of_job(out, job);
  out.one_of("Job type", job.type, {"service", "batch", "system", "sysbatch"});
  if (job.priority < 1 || job.priority > limits.priority_max) out.add("Job priority must be between [1, {}]; it is {}", limits.priority_max, job.priority);
  if (job.ui.has_value() && job.ui->description.size() > ui_description_bytes_max)
    out.add("UI description has {} characters; at most {} are allowed", job.ui->description.size(), ui_description_bytes_max);
  for (const auto& [key, text] : job.meta)
    if (key.empty() || has_nul(key) || has_nul(text)) out.add("Meta key \"{}\" is empty or has a null character", key);
  check_placement_of_job(out, job);
  check_groups(out, job, limits);
  check_batch_kinds(out, job);
  auto dependencies = check_dependencies(job.depends_on, job, nullptr);
  for (auto& error : dependencies.errors()) out.add("{}", error);
  if (job.multiregion.has_value()) check_multiregion(out, *job.multiregion);
  return {std::move(out.errors()), std::move(out.warnings())};
}

std::string multi_error(const std::vector<std::string>& messages) {
  if (messages.empty()) return {};
  std::string out = fmt::format("{} error{} occurred:\n", messages.size(), messages.size() == 1 ? "" : "s");
  for (const auto& message : messages) out += fmt::format("\t* {}\n", message);
  return out + "\n";
}

std::string multi_warning(const std::vector<std::string>& messages) {
  if (messages.empty()) return {};
  std::string out = fmt::format("{} warning{}:\n\n", messages.size(), messages.size() == 1 ? "" : "s");
  for (size_t i = 0; i < messages.size(); ++i) out += fmt::format("{}* {}", i == 0 ? "" : "\n", messages[i]);
  return out;
}

}  // namespace drover::jobspec
