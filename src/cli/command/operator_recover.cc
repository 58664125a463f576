// operator recover: a cluster that lost most of its servers for good is made anew from what is left. Works on data directories, without an agent.
#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/table.h"
#include "raft/offline.h"
#include "server/recovery_plan.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    {"apply", flag_kind::boolean, "Change the logs. Without it nothing is changed."},
    {"address", flag_kind::list, "ID=HOST:PORT: the RPC address of a server from now on, where it is unknown or another one than before."},
    {"force", flag_kind::boolean, "Also when the servers that are left could elect a leader by themselves."},
};

result<std::vector<server::survivor>> look(const context& c) {
  std::vector<server::survivor> out;
  for (const auto& path : c.arguments) {
    TRY_ASSIGN(auto found, server::look_at(path));
    out.push_back(std::move(found));
  }
  return out;
}

result<> set_addresses(const context& c, server::recovery_plan& plan) {
  for (const auto& text : c.flags.list("address")) {
    auto equals = text.find('=');
    if (equals == std::string::npos) return fail(errc::invalid, "invalid value \"{}\" for flag -address: it is ID=HOST:PORT", text);
    bool found = false;
    for (auto& each : plan.servers) {
      if (!each.id.starts_with(text.substr(0, equals))) continue;
      each.address = text.substr(equals + 1);
      found = true;
    }
    if (!found) return fail(errc::invalid, "-address {}: none of the servers has that id", text);
  }
  for (const auto& each : plan.servers)
    if (each.address.empty()) return fail(errc::invalid, "the address of server {} is unknown; say it with -address {}=HOST:PORT", each.id, each.id);
  return {};
}

void show_logs(context& c, const std::vector<server::survivor>& survivors, size_t newest) {
  format::table logs({"Server", "Directory", "Last Term", "Last Index", "Snapshot Index", "Term", "Newest"});
  for (size_t i = 0; i < survivors.size(); ++i) {
    const auto& s = survivors[i];
    logs.add({s.id, s.raft_directory, fmt::format("{}", s.log.last_term), fmt::format("{}", s.log.last_index), fmt::format("{}", s.log.snapshot_index),
              fmt::format("{}", s.log.term), i == newest ? "yes" : "no"});
  }
  c.say("Logs that are left");
  c.say(logs.text());
}

void show_members(context& c, const server::recovery_plan& plan) {
  format::table members({"Server", "Name", "Address", "Voter", "Left"});
  for (const auto& m : plan.members) members.add({m.id, m.name, m.address, m.voter ? "true" : "false", m.survives ? "yes" : "no"});
  c.say("\nMembers of the cluster, as the newest log has them");
  c.say(members.text());
  c.say(fmt::format("\n{} of {} voters are left; {} are needed to elect a leader.", plan.surviving_voters, plan.voters, plan.quorum));
}

result<int> run(context& c) {
  if (c.arguments.empty()) return c.misused("This command requires the data directories of the servers that are left");
  TRY_ASSIGN(auto survivors, look(c));
  TRY_ASSIGN(auto plan, server::plan_recovery(survivors));
  show_logs(c, survivors, plan.newest);
  show_members(c, plan);
  if (!plan.needed && !c.flags.on("force")) {
    c.say("\nNothing needs to be recovered: start these servers and they elect a leader. (-force makes a new cluster of them alone.)");
    return 0;
  }
  c.say("\nWhat will be lost");
  for (const auto& text : plan.losses) c.say("  * " + text);
  TRY(set_addresses(c, plan));
  c.say("\nThe cluster from then on");
  c.say(std::string(trim(server::peers_json(plan.servers))));
  if (!c.flags.on("apply")) {
    c.say(
        "\nThis was a dry run: nothing was changed. With -apply the logs above get this configuration. A server whose directory is on another machine "
        "gets the list as peers.json in its server/raft directory instead; it is read at the next start. All servers must be stopped meanwhile.");
    return 0;
  }
  for (const auto& s : survivors) TRY(raft::recover({s.raft_directory, server::to_raft(plan.servers)}));
  c.say(fmt::format("\nRecovered {} server{}. Start {} now.", survivors.size(), survivors.size() == 1 ? "" : "s", survivors.size() == 1 ? "it" : "them"));
  return 0;
}

}  // namespace

const command operator_recover = {
    .name = "operator recover",
    .synopsis = "Make a cluster anew after most servers were lost for good",
    .usage = "[options] <data_dir>...",
    .help =
        "Shows what the data directories of the servers that are left hold, which of their logs is the newest, and what will be lost. With -apply it "
        "writes a new configuration of just these servers behind each log; the election then finds the newest one, and the others follow it. "
        "Stop all servers of the cluster first. While a majority of the voters can come back, do not use this: start them instead.",
    .flags = flags,
    .run = &run,
    .local = true,
};

}  // namespace drover::cli::commands
