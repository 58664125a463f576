// operator debug: what somebody who looks for a fault wants to have, in one archive; monitor export.
#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/command/debug_capture.h"
#include "cli/limits.h"
#include "cli/output_file.h"
#include "cli/resolve.h"
#include "codec/tar.h"
#include "net/gzip.h"
#include "schema/node.h"
#include "schema/operator_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec own_flags[] = {
    {"duration", flag_kind::text, "How long to watch: 5m by default."},
    {"event-index", flag_kind::number, "Events from this index on, as far as they are still known: 0 by default."},
    {"event-topic", flag_kind::text, "Events to capture, such as \"Job,Node:<id>\" or \"all\": none by default."},
    {"interval", flag_kind::text, "Time between two captures of the cluster: 30s by default."},
    {"log-level", flag_kind::text, "Level of the logs that are captured: TRACE by default."},
    {"log-include-location", flag_kind::boolean, "Ask for the place in the program with each line of a log, from agents that have it: true by default."},
    {"log-lookback", flag_kind::text, "Also what the agents' machines have in their journals of so much time, such as 24h."},
    {"log-file-export", flag_kind::boolean, "Also the log files that the agents write (log_file)."},
    {"node-id", flag_kind::text, "Nodes to ask, separated by commas, or \"all\" (default)."},
    {"node-class", flag_kind::text, "Only nodes of this class."},
    {"max-nodes", flag_kind::number, "So many nodes at most: 10 by default, 0 for all."},
    {"server-id", flag_kind::text, "Servers to ask, separated by commas, \"leader\", or \"all\" (default)."},
    {"stale", flag_kind::boolean, "Any server may answer, for a cluster without a leader."},
    {"pprof-duration", flag_kind::text, "How long each agent's CPU profile is: 1s by default, 0 for none."},
    {"pprof-interval", flag_kind::text, "Time between two profiles: 30s by default; as long as -pprof-duration for one alone."},
    {"output", flag_kind::text, "A directory for the files instead of an archive in the current one."},
    verbose_flag,
};
constexpr auto debug_flags = [] {
  std::array<flag_spec, std::size(own_flags) + std::size(debug_external_flags)> out{};
  std::ranges::copy(debug_external_flags, std::ranges::copy(own_flags, out.begin()).out);
  return out;
}();

struct wanted {
  duration length = minutes(5), interval = seconds(30), profile = seconds(1), profile_interval = seconds(30);
  std::vector<std::string> topics{};  // "Job:*"; empty: no events
};

// "job" and "Job:*" are "Job:*", "all" is "*:*"; "none" is nothing.
result<std::vector<std::string>> read_topics(const std::string& list) {
  std::vector<std::string> out;
  if (list.empty() || list == "none") return out;
  if (list == "all") return std::vector<std::string>{"*:*"};
  for (auto each : split(list, ',')) {
    std::string topic(trim(each));
    if (topic.empty() || topic.starts_with(':') || std::ranges::count(topic, ':') > 1)
      return fail(errc::invalid, "Error parsing event topics: Invalid key value pair for topic: {}; write one such as Job, Job:example or all", topic);
    topic[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(topic[0])));
    out.push_back(topic.find(':') == topic.npos ? topic + ":*" : topic);
  }
  return out;
}

result<wanted> read_times(const context& c) {
  wanted out;
  for (const auto& [flag, member] : {std::pair("duration", &out.length), std::pair("interval", &out.interval)}) {
    if (!c.flags.has(flag)) continue;
    auto parsed = parse_duration(c.flags.text(flag));
    if (!parsed || parsed->ns <= 0)
      return fail(errc::invalid, "Error parsing {}: \"{}\" is no duration; write one such as 30s or 5m", flag, c.flags.text(flag));
    *member = *parsed;
  }
  if (c.flags.has("pprof-duration")) {
    auto parsed = parse_duration(c.flags.text("pprof-duration"));
    if (!parsed || parsed->ns < 0)
      return fail(errc::invalid, "Error parsing pprof-duration: \"{}\" is no duration; write one such as 5s, or 0", c.flags.text("pprof-duration"));
    out.profile = *parsed;
  }
  if (c.flags.has("pprof-interval")) {
    auto parsed = parse_duration(c.flags.text("pprof-interval"));
    if (!parsed || parsed->ns <= 0)
      return fail(errc::invalid, "Error parsing pprof-interval: \"{}\" is no duration; write one such as 250ms or 30s", c.flags.text("pprof-interval"));
    out.profile_interval = *parsed;
  }
  out.profile_interval = std::max(out.profile_interval, out.profile);
  TRY_ASSIGN(out.topics, read_topics(c.flags.text("event-topic")));
  if (c.flags.number("event-index") < 0) return fail(errc::invalid, "Error parsing event-index: {} is below 0", c.flags.number("event-index"));
  if (c.flags.has("log-lookback")) {
    if (c.flags.on("log-file-export")) return fail(errc::invalid, "Error parsing log-lookback: -log-lookback and -log-file-export cannot be used together");
    auto parsed = parse_duration(c.flags.text("log-lookback"));
    if (!parsed || parsed->ns <= 0)
      return fail(errc::invalid, "Error parsing log-lookback: \"{}\" is no duration; write one such as 24h", c.flags.text("log-lookback"));
  }
  if (out.interval > out.length)
    return fail(errc::invalid, "Error parsing interval: {} is greater than duration {}", c.flags.text("interval"), c.flags.text("duration"));
  return out;
}

void take_cluster(debug_capture& to) {
  const std::pair<const char*, const char*> once[] = {{"cluster/agent-self.json", "/v1/agent/self"}, {"cluster/members.json", "/v1/agent/members"},
                                                      {"cluster/leader.json", "/v1/status/leader"},  {"cluster/regions.json", "/v1/regions"},
                                                      {"cluster/agent-host.json", "/v1/agent/host"}, {"cluster/namespaces.json", "/v1/namespaces"}};
  for (const auto& [file, path] : once) to.take(file, {.path = path});
}

void take_state(debug_capture& to, int number) {
  const std::pair<const char*, const char*> every[] = {{"allocations.json", "/v1/allocations"},
                                                       {"deployments.json", "/v1/deployments"},
                                                       {"evaluations.json", "/v1/evaluations"},
                                                       {"jobs.json", "/v1/jobs"},
                                                       {"nodes.json", "/v1/nodes"},
                                                       {"namespaces.json", "/v1/namespaces"},
                                                       {"csi-plugins.json", "/v1/plugins"},
                                                       {"csi-volumes.json", "/v1/volumes"},
                                                       {"metrics.json", "/v1/metrics"},
                                                       {"operator-raft.json", "/v1/operator/raft/configuration"},
                                                       {"operator-scheduler.json", "/v1/operator/scheduler/configuration"},
                                                       {"operator-autopilot-health.json", "/v1/operator/autopilot/health"},
                                                       {"license.json", "/v1/operator/license"}};
  for (const auto& [file, path] : every) {
    api_request ask{.path = path, .namespace_ = "*"};
    if (std::string_view(path) == "/v1/plugins" || std::string_view(path) == "/v1/volumes") ask.query.emplace_back("type", "csi");
    to.take(fmt::format("nomad/{:04}/{}", number, file), std::move(ask));
  }
}

bool is_listed(const std::string& list, const std::string& id) {
  if (list.empty() || list == "all") return true;
  for (auto each : split(list, ','))
    if (!trim(each).empty() && id.starts_with(trim(each))) return true;
  return false;
}

// An agent that is looked at: where its files go, and how a request is passed to it.
struct chosen_agent {
  std::string folder, parameter, id;
};

std::vector<chosen_agent> chosen_nodes(context& c) {
  std::vector<chosen_agent> out;
  auto nodes = c.api.get<std::vector<schema::node_list_stub>>("/v1/nodes");
  if (!nodes) return out;
  const auto most = c.flags.number("max-nodes", 10);
  for (const auto& node : *nodes) {
    if (!is_listed(c.flags.text("node-id"), node.id) || (c.flags.has("node-class") && node.node_class != c.flags.text("node-class"))) continue;
    if (most > 0 && static_cast<int64_t>(out.size()) == most) break;
    out.push_back({"client/" + node.id, "node_id", node.id});
  }
  c.say(fmt::format("           Clients: ({}/{})", out.size(), nodes->size()));
  return out;
}

std::vector<chosen_agent> chosen_servers(context& c) {
  std::vector<chosen_agent> out;
  auto members = c.api.get<schema::server_members_response>("/v1/agent/members");
  if (!members) return out;
  auto list = c.flags.text("server-id");
  for (const auto& member : members->members)
    if (list == "leader" ? out.empty() : is_listed(list, member.name)) {
      auto name = list == "leader" ? list : member.name;
      out.push_back({"server/" + name, "server_id", name});
    }
  c.say(fmt::format("           Servers: ({}/{})", out.size(), members->members.size()));
  return out;
}

void take_profiles(debug_capture& to, const chosen_agent& of, const wanted& times, int number) {
  for (auto profile : {"heap", "allocs", "goroutine", "threadcreate"})
    to.take(fmt::format("{}/{}_{:04}.prof", of.folder, profile, number),
            {.path = fmt::format("/v1/agent/pprof/{}", profile), .query = {{of.parameter, of.id}}});
  if (times.profile.ns == 0) return;
  const auto length = std::max<int64_t>((times.profile.ns + seconds(1).ns - 1) / seconds(1).ns, 1);
  to.take(fmt::format("{}/profile_{:04}.prof", of.folder, number),
          {.path = "/v1/agent/pprof/profile", .query = {{of.parameter, of.id}, {"seconds", std::to_string(length)}}});
}

void follow_agent(context& c, debug_streams& streams, const chosen_agent& of) {
  auto level = c.flags.has("log-level") ? c.flags.text("log-level") : std::string("TRACE");
  streams.follow(
      of.folder + "/monitor.log",
      {.path = "/v1/agent/monitor",
       .query = {{of.parameter, of.id}, {"log_level", level}, {"log_include_location", c.flags.on("log-include-location", true) ? "true" : "false"}}},
      debug_streams::kind::frames);
  if (!c.flags.on("log-file-export") && !c.flags.has("log-lookback")) return;
  api_request ask{.path = "/v1/agent/monitor/export", .query = {{of.parameter, of.id}}};
  if (c.flags.on("log-file-export")) ask.query.emplace_back("on_disk", "true");
  else ask.query.insert(ask.query.end(), {{"service_name", "nomad"}, {"logs_since", c.flags.text("log-lookback")}});
  streams.follow(of.folder + "/monitor_export.log", std::move(ask), debug_streams::kind::frames);
}

void follow_events(context& c, debug_streams& streams, const wanted& what) {
  if (what.topics.empty()) return;
  api_request ask{.path = "/v1/event/stream", .namespace_ = "*"};
  for (const auto& topic : what.topics) ask.query.emplace_back("topic", topic);
  if (auto index = c.flags.number("event-index"); index > 0) ask.query.emplace_back("index", std::to_string(index));
  streams.follow("cluster/eventstream.json", std::move(ask), debug_streams::kind::events);
}

// How the command was called, without what is secret.
std::string shown_flags(const context& c) {
  constexpr std::string_view secret[] = {"token", "consul-auth", "consul-token", "consul-client-key", "vault-token", "vault-client-key", "client-key"};
  value::object formal, actual;
  for (auto table : {std::span<const flag_spec>(debug_flags), client_flags()})
    for (const auto& each : table) {
      bool hidden = std::ranges::find(secret, each.name) != std::end(secret);
      value::object shown;
      shown.append("Name", value(std::string(each.name)));
      shown.append("Value", value(!c.flags.has(each.name) ? std::string() : hidden ? std::string("[redacted]") : c.flags.text(each.name)));
      shown.append("Usage", value(std::string(each.meaning)));
      if (c.flags.has(each.name)) actual.append(std::string(each.name), value(shown));
      formal.append(std::string(each.name), value(std::move(shown)));
    }
  value::object out;
  out.append("Name", value("debug"));
  out.append("Parsed", value(true));
  out.append("Actual", value(actual));
  out.append("Formal", value(std::move(formal)));
  out.append("Effective", value(std::move(actual)));
  return codec::value_to_json(value(std::move(out)), {.pretty = true});
}

void watch(context& c, debug_capture& all, debug_streams& streams, const wanted& times, const std::vector<chosen_agent>& agents) {
  const auto end = now() + times.length;
  timestamp state_due = now(), profile_due = now();
  for (int states = 0, profiles = 0; now() < end;) {
    if (now() >= profile_due) {
      c.say(fmt::format("    Capture pprofInterval {:04}", profiles));
      for (const auto& each : agents) take_profiles(all, each, times, profiles);
      ++profiles;
      profile_due = times.profile_interval == times.profile ? end : profile_due + times.profile_interval;
    }
    if (now() >= state_due) {
      c.say(fmt::format("    Capture interval {:04}", states));
      c.out.flush();
      take_state(all, states++);
      state_due = state_due + times.interval;
    }
    streams.wait(std::min({end, state_due, profile_due}));
  }
}

result<std::string> write_archive(context& c, const debug_capture& all, const std::string& name) {
  if (c.flags.has("output")) {
    auto folder = c.flags.text("output") + "/" + name;
    for (const auto& [file, text] : all.files()) {
      std::error_code code;
      std::filesystem::create_directories(std::filesystem::path(folder + "/" + file).parent_path(), code);
      if (code) return fail(errc::io, "the directory of {} cannot be made: {}", file, code.message());
      TRY(write_new_file(folder + "/" + file, text, 0600));
    }
    return "Created debug directory: " + folder;
  }
  std::string tar;
  for (const auto& [file, text] : all.files()) codec::append_tar_entry(tar, name + "/" + file, text);
  codec::end_tar(tar);
  TRY(write_new_file(name + ".tar.gz", net::gzip(tar), 0600));
  return "Created debug archive: " + name + ".tar.gz";
}

std::string archive_name() {
  auto t = to_civil(now());
  return fmt::format("nomad-debug-{:04}-{:02}-{:02}-{:02}{:02}{:02}Z", t.year, t.month, t.day, t.hour, t.minute, t.second);
}

result<int> run_debug(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  TRY_ASSIGN(auto times, read_times(c));
  if (auto leader = c.api.send({.path = "/v1/agent/self"}); !leader) return context::failed("querying agent info", leader.error());
  c.say("Starting debugger...\n");
  debug_capture all(c);
  debug_streams streams(c.api);
  auto agents = chosen_servers(c);
  std::ranges::move(chosen_nodes(c), std::back_inserter(agents));
  c.say(fmt::format("          Interval: {}\n          Duration: {}\n", to_string(times.interval), to_string(times.length)));
  for (const auto& each : agents) follow_agent(c, streams, each);
  follow_events(c, streams, times);
  all.add("cluster/cli-flags.json", shown_flags(c));
  take_cluster(all);
  take_consul(c, all);
  take_vault(c, all);
  for (const auto& each : agents) {
    all.take(each.folder + "/agent-host.json", {.path = "/v1/agent/host", .query = {{each.parameter, each.id}}});
    all.take(each.folder + "/cmdline.prof", {.path = "/v1/agent/pprof/cmdline", .query = {{each.parameter, each.id}}});
  }
  watch(c, all, streams, times, agents);
  streams.stop(all);
  all.add_index();
  auto written = write_archive(c, all, archive_name());
  if (!written) {
    c.out.complain("Error creating the archive: " + written.error().text());
    return 2;
  }
  c.say(*written);
  if (c.verbose())
    for (const auto& [file, why] : all.failures()) c.out.complain(fmt::format("not captured: {} ({})", file, why));
  return 0;
}

constexpr flag_spec export_flags[] = {{"node-id", flag_kind::text, "The log of this node instead of the agent that is asked."},
                                      {"server-id", flag_kind::text, "The log of this server, or of \"leader\"."},
                                      {"logs-since", flag_kind::text, "Only what is not older than this, such as 72h."},
                                      {"on-disk", flag_kind::boolean, "The log file of the agent (log_file)."}};

result<int> run_export(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  api_request ask{.path = "/v1/agent/monitor/export", .query = {{"plain", "true"}, {"on_disk", c.flags.on("on-disk") ? "true" : "false"}}};
  if (c.flags.has("logs-since")) ask.query.emplace_back("logs_since", c.flags.text("logs-since"));
  if (c.flags.has("server-id")) ask.query.emplace_back("server_id", c.flags.text("server-id"));
  if (c.flags.has("node-id")) {
    TRY_ASSIGN(auto node, find_node(c, c.flags.text("node-id")));
    ask.query.emplace_back("node_id", node.id);
  }
  auto done = c.api.stream(std::move(ask), [&](std::string_view piece) {
    c.out.write(piece);
    return true;
  });
  if (!done) return context::failed("starting monitor", done.error());
  return 0;
}

}  // namespace

const command operator_debug = {
    .name = "operator debug",
    .synopsis = "Collect what is needed to find a fault",
    .usage = "[options]",
    .help = "Asks servers and nodes how they are, watches for a while, and writes everything into one archive. Secrets are left out.",
    .flags = debug_flags,
    .run = &run_debug};
const command monitor_export = {.name = "monitor export",
                                .synopsis = "Print what an agent has logged",
                                .usage = "[options]",
                                .help = "The log as the agent has written it to its file.",
                                .flags = export_flags,
                                .run = &run_export};

}  // namespace drover::cli::commands
