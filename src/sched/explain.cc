#include "sched/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "sched/feasible/volumes.h"

namespace drover::sched {
namespace {

std::string nodes(int64_t n) { return n == 1 ? "1 node" : fmt::format("{} nodes", n); }
std::string_view has(int64_t n) { return n == 1 ? "has" : "have"; }
std::string_view is(int64_t n) { return n == 1 ? "is" : "are"; }

std::string listed(const std::map<std::string, int64_t>& all) {
  std::vector<std::string> parts;
  for (const auto& [name, n] : all) parts.push_back(fmt::format("{} ({})", name.empty() ? "none" : name, n));
  return join(parts, ", ");
}

int64_t sum(const std::map<std::string, int64_t>& all) {
  int64_t total = 0;
  for (const auto& [name, n] : all) total += n;
  return total;
}

std::string shortage(const near_miss& miss) {
  std::vector<std::string> parts;
  if (miss.missing.cpu > 0) parts.push_back(fmt::format("{} MHz of CPU", miss.missing.cpu));
  if (miss.missing.memory > 0) parts.push_back(fmt::format("{} MB of memory", miss.missing.memory));
  if (miss.missing.disk > 0) parts.push_back(fmt::format("{} MB of disk", miss.missing.disk));
  if (miss.cores_missing > 0) parts.push_back(fmt::format("{} CPU {}", miss.cores_missing, miss.cores_missing == 1 ? "core" : "cores"));
  return join(parts, " and ");
}

constexpr std::string_view no_host_volume = "missing compatible host volumes";

std::string about_unsuited(const failed_check& check, const group_explanation& why) {
  if (check.check == no_host_volume)
    return fmt::format("{} {} no ready host volume that it may use: it asks for {}", nodes(check.nodes), has(check.nodes), join(why.host_volumes, " and "));
  if (check.check == "missing drivers") return fmt::format("{} {} no healthy driver for it: {}", nodes(check.nodes), has(check.nodes), listed(check.found));
  if (check.check.starts_with("missing ")) return fmt::format("{} {} {}", nodes(check.nodes), is(check.nodes), check.check);
  if (check.check == "distinct_hosts") return fmt::format("{} already {} an allocation of it (distinct_hosts)", nodes(check.nodes), has(check.nodes));
  if (check.check.starts_with("distinct_property")) return fmt::format("{} {} ruled out by {}", nodes(check.nodes), is(check.nodes), check.check);
  if (check.check.starts_with("CSI ") || check.check.starts_with("did not"))
    return fmt::format("{} {} ruled out: {}", nodes(check.nodes), is(check.nodes), check.check);
  std::string text = fmt::format("{} {} not satisfy the constraint \"{}\"", nodes(check.nodes), check.nodes == 1 ? "does" : "do", trim(check.check));
  return check.found.empty() ? text : fmt::format("{}; found: {}", text, listed(check.found));
}

std::string about_full(const failed_check& check) {
  if (check.check == "cpu" || check.check == "memory" || check.check == "disk")
    return fmt::format("{} {} too little {} free", nodes(check.nodes), has(check.nodes), check.check == "cpu" ? "CPU" : check.check);
  if (check.check == "cores") return fmt::format("{} {} too few CPU cores free", nodes(check.nodes), has(check.nodes));
  if (check.check == "max allocation exceeded") return fmt::format("{} {} as many allocations as it may have", nodes(check.nodes), has(check.nodes));
  if (check.check.starts_with("devices")) return fmt::format("{} {} the devices, but others hold them", nodes(check.nodes), has(check.nodes));
  return fmt::format("{} cannot give it its network ({})", nodes(check.nodes), check.check);
}

// What rules out nodes before anybody looks at them closely.
void about_scope(const group_explanation& why, std::vector<std::string>& out) {
  int64_t in_pool = why.nodes - sum(why.in_other_pools);
  if (in_pool == 0) {
    out.push_back(fmt::format("No node is in node pool \"{}\"; there are nodes in {}.", why.node_pool, listed(why.in_other_pools)));
    return;
  }
  int64_t elsewhere = sum(why.in_other_datacenters);
  std::string pool = fmt::format("{} {} node pool {}", nodes(in_pool), has(in_pool), why.node_pool);
  if (elsewhere == in_pool)
    out.push_back(
        fmt::format("{}, but none is in a datacenter that matches {}; found: {}.", pool, join(why.datacenters, ", "), listed(why.in_other_datacenters)));
  else if (elsewhere > 0)
    out.push_back(fmt::format("{}; {} of them {} outside the datacenters {}.", pool, elsewhere, is(elsewhere), join(why.datacenters, ", ")));
  for (const auto& [state, n] : why.not_ready) out.push_back(fmt::format("{} {} {}.", nodes(n), is(n), state));
}

std::string about_nearest(const group_explanation& why) {
  const auto& miss = why.nearest.front();
  std::string lack = shortage(miss);
  int64_t in_pool = why.nodes - sum(why.in_other_pools);
  if (lack.empty()) return fmt::format("The nearest is {}: {}.", miss.node_name, miss.check);
  return fmt::format("{} {} node pool {}; the nearest, {}, lacks {}.", nodes(in_pool), has(in_pool), why.node_pool, miss.node_name, lack);
}

bool bound_by_claim(const group_explanation& why) {
  return std::ranges::any_of(why.host_volumes, [](const auto& each) { return each.contains("(claim "); });
}

// What a node would need that the most of them lack.
std::string remedy_for(const failed_check& lacking) {
  if (lacking.check == "missing drivers") {
    std::vector<std::string> drivers;
    for (const auto& [name, n] : lacking.found) drivers.push_back(name);
    return fmt::format("It would run on a node with room where the driver {} is there and healthy.", join(drivers, " and "));
  }
  if (lacking.check == "missing devices") return "It would run on a node with room that has the devices of its device blocks.";
  if (lacking.check.starts_with("missing ")) return fmt::format("It would run on a node with room that has its {}.", lacking.check.substr(8));
  if (lacking.check == "distinct_hosts") return "It would run on a further node with room: none may have two allocations of it.";
  return fmt::format("It would run on a node that passes \"{}\" and has room.", trim(lacking.check));
}

std::string remedy(const group_explanation& why) {
  if (why.nodes == 0) return "It runs as soon as a node joins.";
  if (why.too_large) {
    std::vector<std::string> parts;
    if (why.wanted.cpu > why.largest.cpu) parts.push_back(fmt::format("{} MHz of CPU where the largest node has {}", why.wanted.cpu, why.largest.cpu));
    if (why.wanted.memory > why.largest.memory)
      parts.push_back(fmt::format("{} MB of memory where the largest node has {}", why.wanted.memory, why.largest.memory));
    if (why.wanted.disk > why.largest.disk) parts.push_back(fmt::format("{} MB of disk where the largest node has {}", why.wanted.disk, why.largest.disk));
    if (parts.empty()) return "No suited node is large enough even when empty: ask for less, or add a larger node.";
    return fmt::format("It asks for {}: ask for less, or add a larger node.", join(parts, " and "));
  }
  if (!why.nearest.empty()) {
    std::string lack = shortage(why.nearest.front());
    if (!lack.empty()) return fmt::format("It would run if {} became free on {}.", lack, why.nearest.front().node_name);
    return fmt::format("It would run if what it asks for became free on {}, or on another node like it.", why.nearest.front().node_name);
  }
  if (!why.unsuited.empty() && why.unsuited.front().check == no_host_volume)
    return fmt::format("It would run on a node with room that offers {}: by a host_volume block of its client, or by \"drover volume create\"{}.",
                       join(why.host_volumes, " and "), bound_by_claim(why) ? "; \"drover volume claim delete\" frees it for another volume" : "");
  if (!why.unsuited.empty() && why.unsuited.front().check.ends_with(no_writer_claims)) {
    if (why.held_volumes.empty()) return "It would run once the allocation of this job that writes to the volume has ended and given it back.";
    return fmt::format("{}: it would run once the volume has been given back.", join(why.held_volumes, "; "));
  }
  if (!why.unsuited.empty()) return remedy_for(why.unsuited.front());
  if (!why.not_ready.empty()) return "It would run once such a node is ready and eligible.";
  return "It would run on a ready node of that pool and those datacenters.";
}

}  // namespace

std::vector<std::string> sentences(const group_explanation& why) {
  std::vector<std::string> out;
  out.push_back(fmt::format("{} of group \"{}\" {} {}.", why.waiting == 1 ? "1 allocation" : fmt::format("{} allocations", why.waiting), why.group,
                            why.waiting == 1 ? "waits" : "wait", why.waits_for.empty() ? "for a node" : "before looking for a node"));
  if (!why.waits_for.empty()) {
    for (const auto& each : why.waits_for) out.push_back(fmt::format("It waits because {}.", each));
    out.push_back("It looks for a node as soon as that has changed.");
    return out;
  }
  if (why.nodes == 0) {
    out.push_back("The cluster has no nodes.");
  } else {
    if (!why.nearest.empty()) out.push_back(about_nearest(why));
    about_scope(why, out);
    for (const auto& check : why.unsuited) out.push_back(about_unsuited(check, why) + ".");
    for (const auto& check : why.full) out.push_back(about_full(check) + ".");
  }
  out.push_back(remedy(why));
  return out;
}

}  // namespace drover::sched
