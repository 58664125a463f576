// operator debug: what somebody who looks for a fault wants to have, in one archive; monitor export.
#include <algorithm>
#include <filesystem>
#include <map>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/limits.h"
#include "cli/output_file.h"
#include "cli/resolve.h"
#include "codec/tar.h"
#include "net/gzip.h"
#include "schema/node.h"
#include "schema/operator_rpc.h"
#include "schema/stats.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec debug_flags[] = {
    {"duration", flag_kind::text, "How long to watch: 5m by default."},
    {"interval", flag_kind::text, "Time between two captures of the cluster: 30s by default."},
    {"log-level", flag_kind::text, "Level of the log that is captured: TRACE by default."},
    {"node-id", flag_kind::text, "Nodes to ask, separated by commas, or \"all\" (default)."},
    {"node-class", flag_kind::text, "Only nodes of this class."},
    {"max-nodes", flag_kind::number, "So many nodes at most: 10 by default, 0 for all."},
    {"server-id", flag_kind::text, "Servers to ask, separated by commas, \"leader\", or \"all\" (default)."},
    {"stale", flag_kind::boolean, "Any server may answer, for a cluster without a leader."},
    {"pprof-duration", flag_kind::text, "How long each agent's CPU profile is: 1s by default, 0 for none."},
    {"pprof-interval", flag_kind::text, "As Nomad has it; profiles are taken once, at the beginning."},
    {"output", flag_kind::text, "A directory for the files instead of an archive in the current one."},
    verbose_flag,
};

struct wanted {
  duration length = minutes(5), interval = seconds(30), profile = seconds(1);
};

result<wanted> read_times(const context& c) {
  wanted out;
  for (const auto& [flag, member] : {std::pair("duration", &out.length), std::pair("interval", &out.interval)}) {
    if (!c.flags.has(flag)) continue;
    auto parsed = parse_duration(c.flags.text(flag));
    if (!parsed || parsed->ns <= 0) return fail(errc::invalid, "Error parsing {}: \"{}\" is no duration; write one such as 30s or 5m", flag, c.flags.text(flag));
    *member = *parsed;
  }
  if (c.flags.has("pprof-duration")) {
    auto parsed = parse_duration(c.flags.text("pprof-duration"));
    if (!parsed || parsed->ns < 0) return fail(errc::invalid, "Error parsing pprof-duration: \"{}\" is no duration; write one such as 5s, or 0", c.flags.text("pprof-duration"));
    out.profile = *parsed;
  }
  if (out.interval > out.length) return fail(errc::invalid, "Error parsing interval: {} is greater than duration {}", c.flags.text("interval"), c.flags.text("duration"));
  return out;
}

// The files of the archive, and what could not be had.
class capture {
 public:
  explicit capture(context& c) : c_(c) {}

  // The answer of a path as a file; what fails is noted and the rest goes on.
  std::optional<std::string> take(const std::string& file, api_request ask) {
    if (c_.flags.on("stale")) ask.query.emplace_back("stale", "true");
    const auto path = ask.path;
    auto answer = c_.api.send(std::move(ask));
    if (!answer) {
      failures_[file] = fmt::format("{}: {}", path, answer.error().text());
      return std::nullopt;
    }
    files_[file] = answer->body;
    if (c_.verbose()) c_.say(fmt::format("    {}", file));
    return std::move(answer->body);
  }
  void add(const std::string& file, std::string text) { files_[file] = std::move(text); }
  void append(const std::string& file, std::string_view text) {
    if (files_[file].size() + text.size() <= debug_log_bytes_max) files_[file] += text;
  }
  void add_index() {
    value::object index;
    value::list names;
    for (const auto& [name, text] : files_) names.push_back(value(name));
    index.append("Files", value(std::move(names)));
    value::object failed;
    for (const auto& [name, why] : failures_) failed.append(name, value(why));
    index.append("Failures", value(std::move(failed)));
    files_["index.json"] = codec::value_to_json(value(std::move(index)), {.pretty = true});
  }
  const std::map<std::string, std::string>& files() const { return files_; }
  const std::map<std::string, std::string>& failures() const { return failures_; }

 private:
  context& c_;
  std::map<std::string, std::string> files_, failures_;
};

void take_cluster(capture& to) {
  const std::pair<const char*, const char*> once[] = {{"cluster/agent-self.json", "/v1/agent/self"}, {"cluster/members.json", "/v1/agent/members"},
                                                      {"cluster/leader.json", "/v1/status/leader"},  {"cluster/regions.json", "/v1/regions"},
                                                      {"cluster/agent-host.json", "/v1/agent/host"}};
  for (const auto& [file, path] : once) to.take(file, {.path = path});
}

void take_state(capture& to, int number) {
  const std::pair<const char*, const char*> every[] = {
      {"allocations.json", "/v1/allocations"}, {"deployments.json", "/v1/deployments"}, {"evaluations.json", "/v1/evaluations"}, {"jobs.json", "/v1/jobs"},
      {"nodes.json", "/v1/nodes"}, {"namespaces.json", "/v1/namespaces"}, {"csi-plugins.json", "/v1/plugins"}, {"csi-volumes.json", "/v1/volumes"},
      {"metrics.json", "/v1/metrics"}, {"operator-raft.json", "/v1/operator/raft/configuration"},
      {"operator-scheduler.json", "/v1/operator/scheduler/configuration"}, {"operator-autopilot-health.json", "/v1/operator/autopilot/health"}};
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

void take_agent(capture& to, const std::string& folder, const char* parameter, const std::string& id, const wanted& times) {
  to.take(folder + "/agent-host.json", {.path = "/v1/agent/host", .query = {{parameter, id}}});
  for (auto profile : {"cmdline", "heap", "allocs", "goroutine", "threadcreate"})
    to.take(fmt::format("{}/{}.prof", folder, profile), {.path = fmt::format("/v1/agent/pprof/{}", profile), .query = {{parameter, id}}});
  const auto length = std::max<int64_t>((times.profile.ns + seconds(1).ns - 1) / seconds(1).ns, 1);
  if (times.profile.ns > 0)
    to.take(folder + "/profile.prof", {.path = "/v1/agent/pprof/profile", .query = {{parameter, id}, {"seconds", std::to_string(length)}}});
}

void take_nodes(context& c, capture& to, const wanted& times) {
  auto nodes = c.api.get<std::vector<schema::node_list_stub>>("/v1/nodes");
  if (!nodes) return;
  const auto most = c.flags.number("max-nodes", 10);
  int64_t taken = 0;
  for (const auto& node : *nodes) {
    if (!is_listed(c.flags.text("node-id"), node.id) || (c.flags.has("node-class") && node.node_class != c.flags.text("node-class"))) continue;
    if (most > 0 && taken == most) break;
    ++taken;
    take_agent(to, "client/" + node.id, "node_id", node.id, times);
  }
  c.say(fmt::format("           Clients: ({}/{})", taken, nodes->size()));
}

void take_servers(context& c, capture& to, const wanted& times) {
  auto members = c.api.get<schema::server_members_response>("/v1/agent/members");
  if (!members) return;
  auto list = c.flags.text("server-id");
  int taken = 0;
  for (const auto& member : members->members) {
    auto name = list == "leader" ? std::string("leader") : member.name;
    if (list != "leader" && !is_listed(list, name)) continue;
    ++taken;
    take_agent(to, "server/" + name, "server_id", name, times);
    if (list == "leader") break;
  }
  c.say(fmt::format("           Servers: ({}/{})", taken, members->members.size()));
}

// The log of the agent that is asked until the time has passed. Heartbeats come each second, so that it ends in time.
void follow_log(context& c, capture& to, timestamp until) {
  std::string rest;
  auto level = c.flags.has("log-level") ? c.flags.text("log-level") : std::string("TRACE");
  auto done = c.api.stream({.path = "/v1/agent/monitor", .query = {{"log_level", level}}}, [&](std::string_view piece) {
    rest += piece;
    for (size_t end; (end = rest.find('}')) != rest.npos; rest.erase(0, end + 1)) {
      auto frame = codec::from_json<schema::stream_frame>(std::string_view(rest).substr(0, end + 1));
      if (frame) to.append("monitor/agent.log", frame->data.data);
    }
    return now() < until;
  });
  if (!done) to.append("monitor/agent.log", "the log could not be followed: " + done.error().text() + "\n");
}

result<std::string> write_archive(context& c, const capture& all, const std::string& name) {
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
  capture all(c);
  take_cluster(all);
  take_servers(c, all, times);
  take_nodes(c, all, times);
  c.say(fmt::format("          Interval: {}\n          Duration: {}\n", to_string(times.interval), to_string(times.length)));
  c.out.flush();
  const auto end = timestamp{now().ns + times.length.ns};
  for (int number = 0; now() < end; ++number) {
    c.say(fmt::format("    Capture interval {:04}", number));
    c.out.flush();
    take_state(all, number);
    follow_log(c, all, timestamp{std::min(end.ns, now().ns + times.interval.ns)});
  }
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

const command operator_debug = {.name = "operator debug", .synopsis = "Collect what is needed to find a fault", .usage = "[options]",
                                .help = "Asks servers and nodes how they are, watches for a while, and writes everything into one archive. Secrets are left out.",
                                .flags = debug_flags, .run = &run_debug};
const command monitor_export = {.name = "monitor export", .synopsis = "Print what an agent has logged", .usage = "[options]",
                                .help = "The log as the agent has written it to its file.", .flags = export_flags, .run = &run_export};

}  // namespace drover::cli::commands
