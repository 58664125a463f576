#include <re2/re2.h>

#include "base/text.h"
#include "jobspec/cron.h"
#include "jobspec/validate_parts.h"

namespace drover::jobspec {
namespace {

constexpr duration interval_min = seconds(5);

enum class operand_right : uint8_t { any, needed, unused };
struct operand_rule {
  std::string_view name;
  bool needs_left;
  operand_right right;
  bool in_affinity;
};
// Every operator of constraints and affinities, and what it needs.
constexpr operand_rule operands[] = {
    {"=", true, operand_right::any, true},
    {"==", true, operand_right::any, true},
    {"is", true, operand_right::any, true},
    {"!=", true, operand_right::any, true},
    {"not", true, operand_right::any, true},
    {">", true, operand_right::needed, true},
    {">=", true, operand_right::needed, true},
    {"<", true, operand_right::needed, true},
    {"<=", true, operand_right::needed, true},
    {"regexp", true, operand_right::needed, true},
    {"version", true, operand_right::needed, true},
    {"semver", true, operand_right::needed, true},
    {"set_contains", true, operand_right::needed, true},
    {"set_contains_all", true, operand_right::needed, true},
    {"set_contains_any", true, operand_right::needed, true},
    {"is_set", true, operand_right::unused, true},
    {"is_not_set", true, operand_right::unused, true},
    {"distinct_hosts", false, operand_right::any, false},
    {"distinct_property", true, operand_right::any, false},
};

const operand_rule* find_operand(std::string_view name) {
  for (const auto& rule : operands)
    if (rule.name == name) return &rule;
  return nullptr;
}

// ">= 1.2, < 2.0.0-beta": each part an operator, or none, and a version.
bool is_version_list(std::string_view text, bool strict) {
  static const re2::RE2 any(R"((=|!=|>|<|>=|<=|~>)?\s*v?\d+(\.\d+)*(-[0-9A-Za-z.~-]+)?(\+[0-9A-Za-z.~-]+)?)");
  static const re2::RE2 semver(R"((=|!=|>|<|>=|<=)?\s*v?\d+(\.\d+)*(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?)");
  for (auto part : split(text, ',')) {
    auto trimmed = trim(part);
    if (!re2::RE2::FullMatch(trimmed, strict ? semver : any)) return false;
  }
  return true;
}

void check_right(problem_list& out, std::string_view operand, const std::string& right) {
  if (operand == "regexp") {
    re2::RE2 compiled(right, re2::RE2::Quiet);
    if (!compiled.ok()) out.add("Regular expression \"{}\" failed to compile: {}", right, compiled.error());
  } else if (operand == "version" || operand == "semver") {
    if (!is_version_list(right, operand == "semver")) out.add("\"{}\" is no {} constraint; write for example \">= 1.2, < 2.0\"", right, operand);
  } else if (operand == "distinct_hosts") {
    if (!right.empty() && !parse_bool(right).has_value()) out.add("distinct_hosts is \"{}\"; it must be true or false", right);
  } else if (operand == "distinct_property") {
    if (auto count = parse_uint(right); !right.empty() && (!count.has_value() || *count == 0))
      out.add("distinct_property's value is \"{}\"; it must be a whole number of at least 1", right);
  }
}

void check_operand(problem_list& out, std::string_view operand, const std::string& left, const std::string& right, bool in_affinity) {
  if (operand.empty()) {
    out.add("Missing {} operand", in_affinity ? "affinity" : "constraint");
    return;
  }
  const auto* rule = find_operand(operand);
  if (rule == nullptr || (in_affinity && !rule->in_affinity)) {
    out.add("Unknown {} type \"{}\"", in_affinity ? "affinity" : "constraint", operand);
    return;
  }
  if (rule->needs_left && left.empty())
    out.add("No left target (attribute) provided but is required by {} \"{}\"", in_affinity ? "affinity" : "constraint", operand);
  if (rule->right == operand_right::needed && right.empty()) {
    out.add("Operator \"{}\" requires a right target (value)", operand);
    return;
  }
  check_right(out, operand, right);
}

void check_health_check(problem_list& out, std::string_view given, bool manual_allowed) {
  if (manual_allowed) {
    out.one_of("Health check", given, {"checks", "task_states", "manual"});
  } else {
    out.one_of("Health check", given, {"checks", "task_states"});
  }
}

}  // namespace

problem_list check_constraint(const schema::constraint& constraint, placement_scope scope) {
  problem_list out;
  check_operand(out, constraint.operand, constraint.l_target, constraint.r_target, false);
  bool distinct = constraint.operand == "distinct_hosts" || constraint.operand == "distinct_property";
  if (distinct && scope == placement_scope::task) out.add("Constraint \"{}\" is not allowed in a task; put it into the group or the job", constraint.operand);
  if (distinct && scope == placement_scope::device) out.add("Constraint \"{}\" is not allowed for a device", constraint.operand);
  return out;
}

problem_list check_affinity(const schema::affinity& affinity) {
  problem_list out;
  check_operand(out, affinity.operand, affinity.l_target, affinity.r_target, true);
  if (affinity.weight == 0) out.add("Affinity weight cannot be zero");
  if (affinity.weight < -100 || affinity.weight > 100) out.add("Affinity weight must be within the range [-100, 100]; it is {}", affinity.weight);
  return out;
}

problem_list check_spread(const schema::spread& spread) {
  problem_list out;
  if (spread.attribute.empty()) out.add("Missing spread attribute");
  if (spread.weight <= 0 || spread.weight > 100) out.add("Spread block must have a positive weight of at most 100; it is {}", spread.weight);
  int total = 0;
  for (size_t i = 0; i < spread.spread_target.size(); ++i) {
    const auto& target = spread.spread_target[i];
    for (size_t k = 0; k < i; ++k)
      if (spread.spread_target[k].value == target.value) out.add("Spread target value \"{}\" already defined", target.value);
    if (target.percent > 100) out.add("Spread target percentage for value \"{}\" must be between 0 and 100", target.value);
    total += target.percent;
  }
  if (total > 100) out.add("Sum of spread target percentages must not be greater than 100%; got {}%", total);
  return out;
}

problem_list check_update(const schema::update_strategy& update) {
  problem_list out;
  check_health_check(out, update.health_check.value_or(""), true);
  out.not_negative("Max parallel", update.max_parallel.value_or(0));
  out.not_negative("Canary count", update.canary.value_or(0));
  if (update.canary.value_or(0) == 0 && update.auto_promote.value_or(false)) out.add("Auto Promote requires a Canary count greater than zero");
  duration healthy = update.healthy_deadline.value_or(duration());
  duration progress = update.progress_deadline.value_or(duration());
  duration minimum = update.min_healthy_time.value_or(duration());
  if (minimum.ns < 0) out.add("Minimum healthy time may not be less than zero: {}", to_string(minimum));
  if (healthy.ns <= 0) out.add("Healthy deadline must be greater than zero: {}", to_string(healthy));
  if (progress.ns < 0) out.add("Progress deadline must be zero or greater: {}", to_string(progress));
  if (minimum >= healthy) out.add("Minimum healthy time must be less than healthy deadline: {} is not less than {}", to_string(minimum), to_string(healthy));
  if (progress.ns != 0 && healthy >= progress)
    out.add("Healthy deadline must be less than progress deadline: {} is not less than {}", to_string(healthy), to_string(progress));
  if (update.stagger.value_or(duration()).ns <= 0) out.add("Stagger must be greater than zero: {}", to_string(update.stagger.value_or(duration())));
  return out;
}

problem_list check_migrate(const schema::migrate_strategy& migrate) {
  problem_list out;
  check_health_check(out, migrate.health_check.value_or(""), false);
  out.not_negative("Max parallel", migrate.max_parallel.value_or(0));
  duration minimum = migrate.min_healthy_time.value_or(duration());
  duration healthy = migrate.healthy_deadline.value_or(duration());
  if (minimum.ns < 0) out.add("Minimum healthy time is {}; it must not be negative", to_string(minimum));
  if (healthy.ns < 0) out.add("Healthy deadline is {}; it must not be negative", to_string(healthy));
  if (minimum > healthy) out.add("Minimum healthy time must be less than healthy deadline");
  return out;
}

problem_list check_restart(const schema::restart_policy& policy) {
  problem_list out;
  out.one_of("Restart mode", policy.mode.value_or(""), {"fail", "delay"});
  int64_t attempts = policy.attempts.value_or(0);
  duration delay = policy.delay.value_or(duration());
  duration interval = policy.interval.value_or(duration());
  out.not_negative("Restart attempts", attempts);
  if (delay.ns < 0) out.add("Restart delay is {}; it must not be negative", to_string(delay));
  if (attempts == 0 && policy.mode == "delay") out.add("Restart policy \"delay\" with 0 attempts is ambiguous; give attempts or use mode \"fail\"");
  if (interval < interval_min) out.add("Interval can not be less than {} (got {})", to_string(interval_min), to_string(interval));
  int64_t needed = 0;
  if (attempts > 0 && (__builtin_mul_overflow(attempts, delay.ns, &needed) || needed > interval.ns))
    out.add("{} restarts with a delay of {} do not fit into an interval of {}", attempts, to_string(delay), to_string(interval));
  return out;
}

problem_list check_reschedule(const schema::reschedule_policy& policy) {
  constexpr duration delay_min = seconds(5);
  constexpr duration reschedule_interval_min = seconds(15);
  problem_list out;
  int64_t attempts = policy.attempts.value_or(0);
  bool unlimited = policy.unlimited.value_or(false);
  out.not_negative("Reschedule attempts", attempts);
  if (attempts <= 0 && !unlimited) return out;  // rescheduling is off
  duration interval = policy.interval.value_or(duration());
  duration delay = policy.delay.value_or(duration());
  duration delay_max = policy.max_delay.value_or(duration());
  std::string function = policy.delay_function.value_or("");
  if (attempts > 0 && interval.ns <= 0) out.add("Interval must be a non zero value if Attempts > 0");
  if (attempts > 0 && unlimited)
    out.add("Reschedule Policy with Attempts = {}, Interval = {}, and Unlimited = true is ambiguous", attempts, to_string(interval));
  if (delay < delay_min) out.add("Delay cannot be less than {} (got {})", to_string(delay_min), to_string(delay));
  out.one_of("Delay function", function, {"constant", "exponential", "fibonacci"});
  if (function != "constant" && delay_max < delay_min) out.add("Max Delay cannot be less than {} (got {})", to_string(delay_min), to_string(delay_max));
  if (function != "constant" && delay_max < delay) out.add("Max Delay cannot be less than Delay {} (got {})", to_string(delay), to_string(delay_max));
  if (!unlimited && interval < reschedule_interval_min)
    out.add("Interval cannot be less than {} (got {})", to_string(reschedule_interval_min), to_string(interval));
  return out;
}

problem_list check_disconnect(const schema::disconnect_strategy& disconnect) {
  problem_list out;
  if (disconnect.lost_after.ns < 0) out.add("lost_after is {}; it must not be negative", to_string(disconnect.lost_after));
  if (disconnect.stop_on_client_after.has_value()) {
    if (disconnect.stop_on_client_after->ns < 0) out.add("stop_on_client_after is {}; it must not be negative", to_string(*disconnect.stop_on_client_after));
    if (disconnect.lost_after.ns != 0) out.add("Only one of lost_after and stop_on_client_after may be set");
  }
  out.one_of("Disconnect reconcile", disconnect.reconcile, {"", "keep_original", "keep_replacement", "best_score", "longest_running"});
  return out;
}

problem_list check_scaling(const schema::scaling_policy& scaling, int64_t count) {
  problem_list out;
  out.one_of("Scaling type", scaling.type, {"horizontal", "vertical_cpu", "vertical_mem"});
  if (scaling.min < 0) out.add("Scaling policy invalid: minimum count must not be negative; it is {}", scaling.min);
  if (scaling.max < 0) out.add("Scaling policy invalid: maximum count must be specified and non-negative; it is {}", scaling.max);
  if (scaling.max < scaling.min) out.add("Scaling policy invalid: maximum count {} must not be less than minimum count {}", scaling.max, scaling.min);
  if (scaling.type == "horizontal" && count < scaling.min)
    out.add("Scaling policy invalid: task group count {} must not be less than minimum count {}", count, scaling.min);
  if (scaling.type == "horizontal" && scaling.max >= scaling.min && count > scaling.max)
    out.add("Scaling policy invalid: task group count {} must not be greater than maximum count {}", count, scaling.max);
  return out;
}

problem_list check_periodic(const schema::periodic_config& periodic) {
  problem_list out;
  if (periodic.spec.empty() && periodic.specs.empty()) out.add("Must specify a spec: cron or crons");
  if (!periodic.spec.empty() && !periodic.specs.empty()) out.add("Only one of cron or crons may be used");
  if (periodic.spec_type == "cron") {
    auto check = [&](const std::string& spec) {
      if (auto parsed = cron::parse(spec); !parsed) out.add("Invalid cron spec \"{}\": {}", spec, parsed.error().text());
    };
    if (!periodic.spec.empty()) check(periodic.spec);
    for (const auto& spec : periodic.specs) check(spec);
  } else if (periodic.spec_type != "_internal_test") {
    out.add("Unknown periodic specification type \"{}\"; it must be cron", periodic.spec_type);
  }
  static const re2::RE2 zone(R"([A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*)");
  if (!periodic.time_zone.empty() && !re2::RE2::FullMatch(periodic.time_zone, zone))
    out.add("Invalid time zone \"{}\"; write it as in Europe/Berlin", periodic.time_zone);
  return out;
}

problem_list check_parameterized(const schema::parameterized_job_config& parameterized) {
  problem_list out;
  out.one_of("Payload", parameterized.payload, {"optional", "required", "forbidden"});
  out.not_negative("max_parallel", parameterized.max_parallel);
  for (const auto& key : parameterized.meta_required)
    for (const auto& other : parameterized.meta_optional)
      if (key == other) out.add("Meta key \"{}\" is both required and optional", key);
  return out;
}

}  // namespace drover::jobspec
