// operator autopilot get-config, set-config, health.
#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/table.h"
#include "schema/operator_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr std::string_view config_path = "/v1/operator/autopilot/configuration";
constexpr flag_spec get_flags[] = {json_flag, template_flag};

result<int> run_get(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = std::string(config_path)});
  if (!answer) return context::failed("querying Autopilot configuration", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto config, api_client::decode<schema::autopilot_config>(answer->body));
  c.say(fmt::format("CleanupDeadServers = {}", config.cleanup_dead_servers));
  c.say(fmt::format("LastContactThreshold = {}", to_string(config.last_contact_threshold)));
  c.say(fmt::format("MaxTrailingLogs = {}", config.max_trailing_logs));
  c.say(fmt::format("MinQuorum = {}", config.min_quorum));
  c.say(fmt::format("ServerStabilizationTime = {}", to_string(config.server_stabilization_time)));
  c.say(fmt::format("EnableRedundancyZones = {}", config.enable_redundancy_zones));
  c.say(fmt::format("DisableUpgradeMigration = {}", config.disable_upgrade_migration));
  c.say(fmt::format("EnableCustomUpgrades = {}", config.enable_custom_upgrades));
  return 0;
}

constexpr flag_spec set_flags[] = {
    {"cleanup-dead-servers", flag_kind::boolean, "Whether dead servers are removed by themselves once others have taken their place."},
    {"max-trailing-logs", flag_kind::number, "Entries of the log that a healthy server may be behind."},
    {"last-contact-threshold", flag_kind::duration, "How long a healthy server may go without hearing from the leader."},
    {"server-stabilization-time", flag_kind::duration, "How long a new server must be healthy before it votes."},
    {"min-quorum", flag_kind::number, "Servers below which none is removed."},
    {"enable-redundancy-zones", flag_kind::boolean, "Kept, and without effect: Nomad Enterprise."},
    {"disable-upgrade-migration", flag_kind::boolean, "Kept, and without effect: Nomad Enterprise."},
    {"enable-custom-upgrades", flag_kind::boolean, "Kept, and without effect: Nomad Enterprise."},
};

result<> set_count(const context& c, std::string_view flag, uint64_t& target) {
  if (!c.flags.has(flag)) return {};
  auto number = c.flags.number(flag);
  if (number < 0) return fail(errc::invalid, "invalid value \"{}\" for flag -{}: it must not be negative", number, flag);
  target = static_cast<uint64_t>(number);
  return {};
}

// As the API reads it: with durations as text.
std::string body_of(const schema::autopilot_config& config) {
  value::object out;
  out.append("CleanupDeadServers", config.cleanup_dead_servers);
  out.append("LastContactThreshold", to_string(config.last_contact_threshold));
  out.append("MaxTrailingLogs", config.max_trailing_logs);
  out.append("MinQuorum", config.min_quorum);
  out.append("ServerStabilizationTime", to_string(config.server_stabilization_time));
  out.append("EnableRedundancyZones", config.enable_redundancy_zones);
  out.append("DisableUpgradeMigration", config.disable_upgrade_migration);
  out.append("EnableCustomUpgrades", config.enable_custom_upgrades);
  return codec::value_to_json(value(std::move(out)));
}

result<int> run_set(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto current = c.api.get<schema::autopilot_config>(std::string(config_path));
  if (!current) return context::failed("querying for Autopilot configuration", current.error());
  auto config = *current;
  config.cleanup_dead_servers = c.flags.on("cleanup-dead-servers", config.cleanup_dead_servers);
  config.enable_redundancy_zones = c.flags.on("enable-redundancy-zones", config.enable_redundancy_zones);
  config.disable_upgrade_migration = c.flags.on("disable-upgrade-migration", config.disable_upgrade_migration);
  config.enable_custom_upgrades = c.flags.on("enable-custom-upgrades", config.enable_custom_upgrades);
  TRY(set_count(c, "max-trailing-logs", config.max_trailing_logs));
  TRY(set_count(c, "min-quorum", config.min_quorum));
  if (c.flags.has("last-contact-threshold")) config.last_contact_threshold = *parse_duration(c.flags.text("last-contact-threshold"));
  if (c.flags.has("server-stabilization-time")) config.server_stabilization_time = *parse_duration(c.flags.text("server-stabilization-time"));
  // Only over the configuration that was read.
  auto done = c.api.send({.method = "PUT", .path = std::string(config_path), .query = {{"cas", std::to_string(config.modify_index)}}, .body = body_of(config)});
  if (!done) return context::failed("setting Autopilot configuration", done.error());
  if (trim(done->body) != "true") return fail(errc::conflict, "Configuration could not be atomically updated, please try again");
  c.say("Configuration updated!");
  return 0;
}

constexpr flag_spec health_flags[] = {json_flag};

std::string stable_since(timestamp t) {
  auto at = to_civil(t);
  return t.is_zero() ? std::string("0001-01-01 00:00:00 +0000 UTC")
                     : fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} +0000 UTC", at.year, at.month, at.day, at.hour, at.minute, at.second);
}

result<int> run_health(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto answer = c.api.send({.path = "/v1/operator/autopilot/health", .any_status = true});
  if (!answer) return context::failed("querying Autopilot configuration", answer.error());
  // 429: not healthy, which is an answer too.
  if (answer->status != 200 && answer->status != 429)
    return fail(errc::unknown, "Error querying Autopilot configuration: Unexpected response code: {} ({})", answer->status, trim(answer->body));
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto health, api_client::decode<schema::operator_health_reply>(answer->body));
  c.say(fmt::format("Healthy: {}", health.healthy));
  c.say(fmt::format("FailureTolerance: {}", health.failure_tolerance));
  c.say(fmt::format("Leader: {}", health.leader));
  c.say("Voters: ");
  for (const auto& each : health.voters) c.say("\t" + each);
  c.say("Servers: ");
  format::table t({"ID", "Name", "Address", "SerfStatus", "Version", "Leader", "Voter", "Healthy", "LastContact", "LastTerm", "LastIndex", "StableSince"});
  for (const auto& s : health.servers)
    t.add({s.id, s.name, s.address, s.serf_status, s.version, format::yes_no(s.leader), format::yes_no(s.voter), format::yes_no(s.healthy),
           to_string(s.last_contact), std::to_string(s.last_term), std::to_string(s.last_index), stable_since(s.stable_since)});
  c.say(t.text());
  return 0;
}

}  // namespace

const command operator_autopilot_get_config = {.name = "operator autopilot get-config",
                                               .synopsis = "Show autopilot's configuration",
                                               .usage = "[options]",
                                               .help = "When servers count as healthy, and what becomes of dead ones.",
                                               .flags = get_flags,
                                               .run = &run_get};
const command operator_autopilot_set_config = {.name = "operator autopilot set-config",
                                               .synopsis = "Change autopilot's configuration",
                                               .usage = "[options]",
                                               .help = "Changes what is given and leaves the rest.",
                                               .flags = set_flags,
                                               .run = &run_set};
const command operator_autopilot_health = {.name = "operator autopilot health",
                                           .synopsis = "Show how the servers are",
                                           .usage = "[options]",
                                           .help = "As the leader sees them.",
                                           .flags = health_flags,
                                           .run = &run_health};

}  // namespace drover::cli::commands
