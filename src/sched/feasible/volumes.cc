#include "sched/feasible/volumes.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "sched/reconcile/names.h"
#include "sched/reconcile/reconciler.h"
#include "state/tables.h"

namespace drover::sched {
namespace {

using state::table;

const std::string missing_host_volumes = "missing compatible host volumes";
const std::string wrong_topology = "did not meet topology requirement";

bool is_host(const schema::volume_request& request) { return request.type == "host" || request.type.empty(); }

bool single_writer(const std::string& csi_access_mode) { return csi_access_mode == "single-node-writer" || csi_access_mode == "multi-node-single-writer"; }

bool may_write(const schema::csi_volume& volume) {
  auto writes = [](const std::string& mode) { return single_writer(mode) || mode == "multi-node-multi-writer"; };
  if (!volume.access_mode.empty()) return writes(volume.access_mode);
  return std::ranges::any_of(volume.requested_capabilities, [&](const auto& each) { return writes(each.access_mode); });
}

// One of the volume's topologies is part of the node's.
bool reachable(const std::vector<schema::csi_topology>& wanted, const std::optional<schema::csi_topology>& has) {
  if (!has) return false;
  return std::ranges::any_of(wanted, [&](const auto& one) {
    return std::ranges::all_of(one.segments, [&](const auto& segment) {
      auto it = has->segments.find(segment.first);
      return it != has->segments.end() && it->second == segment.second;
    });
  });
}

}  // namespace

std::string source_of(const schema::volume_request& request, uint64_t number) {
  return request.per_alloc ? fmt::format("{}[{}]", request.source, number) : request.source;
}

bool is_single_writer(const schema::volume_request& request) { return request.access_mode == "single-node-single-writer"; }

std::string resource_of_csi_volume(std::string_view namespace_, std::string_view id) { return fmt::format("csi-volume:{}:{}", namespace_, id); }

std::vector<std::string> written_host_volumes(const schema::allocation& alloc, const schema::job& job) {
  std::vector<std::string> sources;
  const auto* group = find_group(job, alloc.task_group);
  if (group == nullptr) return sources;
  for (const auto& [name, request] : group->volumes)
    if (is_host(request) && !request.read_only) sources.push_back(source_of(request, alloc_index(alloc.name).value_or(0)));
  return sources;
}

volume_facts gather_volumes(const state::snapshot& state, const schema::job& job) {
  volume_facts facts;
  std::set<std::string, std::less<>> host_names, csi_names;
  auto fits = [](const auto& names, const std::string& name) {
    auto plain = std::string_view(name).substr(0, name.find('['));
    return names.contains(name) || names.contains(plain);
  };
  for (const auto& group : job.task_groups)
    for (const auto& [name, request] : group.volumes) (is_host(request) ? host_names : csi_names).insert(request.source);
  if (!host_names.empty())
    state::visit<table::host_volumes>(state, state::within(job.namespace_), [&](const auto& volume) {
      if (fits(host_names, volume->name)) facts.host.emplace(volume->id, volume);
      return true;
    });
  if (!facts.host.empty())
    facts.claims = state::collect<table::host_volume_claims>(state, state::tree_id::host_volume_claims_by_job, state::within2(job.namespace_, job.id));
  if (csi_names.empty()) return facts;
  state::visit<table::csi_volumes>(state, state::key_prefix{}, [&](const auto& volume) {
    std::set<std::string_view> nodes;
    for (const auto* claims : {&volume->read_claims, &volume->write_claims})
      for (const auto& [id, claim] : *claims) nodes.insert(claim.node_id);
    for (auto node : nodes) ++facts.claimed[{std::string(node), volume->plugin_id}];
    if (volume->namespace_ != job.namespace_ || !fits(csi_names, volume->id)) return true;
    facts.csi.emplace(volume->id, volume);
    // Until its claim is released, also that of an allocation which nobody remembers.
    for (const auto& [id, claim] : volume->write_claims) {
      auto writer = state.alloc(id);
      if (!writer)
        facts.foreign_writers[volume->id].push_back(
            fmt::format("allocation {}, which nobody remembers and the servers release by themselves,", id.substr(0, 8)));
      else if (writer->namespace_ != job.namespace_ || writer->job_id != job.id)
        facts.foreign_writers[volume->id].push_back(fmt::format("job \"{}\" (allocation {}, {})", writer->job_id, id.substr(0, 8), writer->client_status));
    }
    return true;
  });
  return facts;
}

volume_checks::volume_checks(const volume_facts& facts, const schema::job& job, const schema::task_group& group, proposed& cluster)
    : facts_(facts), job_(job), group_(group), cluster_(cluster) {
  for (const auto& [name, request] : group.volumes) {
    if (is_host(request) && facts.host.empty() && !request.sticky) continue;
    requests_.push_back(&request);
    late_ = late_ || request.per_alloc || (!is_host(request) && !request.read_only);
  }
}

const std::string* volume_checks::refuse(node_view::row row) {
  for (const auto* request : requests_) {
    if (request->per_alloc) continue;
    if (const auto* reason = refuse_request(*request, request->source, row)) return reason;
  }
  return nullptr;
}

const std::string* volume_checks::refuse_late(node_view::row row, uint64_t number) {
  for (const auto* request : requests_) {
    auto source = source_of(*request, number);
    if (request->per_alloc)
      if (const auto* reason = refuse_request(*request, source, row)) return reason;
    if (is_host(*request) || request->read_only) continue;
    // One writer: the plan so far may have placed it somewhere else.
    auto volume = facts_.csi.find(source);
    if (volume == facts_.csi.end() || !written_by_own(source)) continue;
    // Until the first claim the volume has no mode of its own.
    const auto& mode = volume->second->access_mode.empty() ? request->access_mode : volume->second->access_mode;
    if (single_writer(mode) && !request->per_alloc) return said(fmt::format("CSI volume {} {}", source, no_writer_claims));
  }
  return nullptr;
}

const std::string* volume_checks::refuse_request(const schema::volume_request& request, const std::string& source, node_view::row row) {
  return is_host(request) ? refuse_host(request, source, row) : refuse_csi(request, source, row);
}

bool volume_checks::has_capability(const schema::host_volume& volume, const schema::volume_request& request) const {
  // Where nothing is asked: whoever only reads is a reader, the others write.
  std::string access = request.access_mode.empty() ? (request.read_only ? "single-node-reader-only" : "single-node-writer") : request.access_mode;
  std::string attachment = request.attachment_mode.empty() ? "file-system" : request.attachment_mode;
  if (access == "single-node-reader-only" && !request.read_only) return false;
  if (access == "single-node-writer" && request.read_only) return false;
  return std::ranges::any_of(volume.requested_capabilities, [&](const auto& each) { return each.access_mode == access && each.attachment_mode == attachment; });
}

const std::string* volume_checks::refuse_host(const schema::volume_request& request, const std::string& source, node_view::row row) {
  const auto& node = cluster_.view().node(row);
  auto there = node.host_volumes.find(source);
  if (there == node.host_volumes.end()) return &missing_host_volumes;
  if (there->second.id.empty()) return request.sticky ? &missing_host_volumes : nullptr;  // static: decided by class
  auto volume = facts_.host.find(there->second.id);
  bool good = volume != facts_.host.end() && volume->second->state == "ready" && has_capability(*volume->second, request);
  if (!good) return &missing_host_volumes;
  if (is_single_writer(request) && !request.read_only && written_on(row, source)) return &missing_host_volumes;
  return request.sticky && !keeps_its_volume(row, source) ? &missing_host_volumes : nullptr;
}

// Somebody on the node writes to it: of other jobs as the view has it, of this one as the plan has it.
bool volume_checks::written_on(node_view::row row, const std::string& source) {
  for (const auto& group : job_.task_groups) {
    bool writes =
        std::ranges::any_of(group.volumes, [&](const auto& each) { return is_host(each.second) && !each.second.read_only && each.second.source == source; });
    if (writes && cluster_.of_group(cluster_.group(group.name), row) > 0) return true;
  }
  return std::ranges::any_of(cluster_.occupants(row), [&](const auto& alloc) {
    if (alloc->job == nullptr || (alloc->job_id == job_.id && alloc->namespace_ == job_.namespace_)) return false;
    return std::ranges::count(written_host_volumes(*alloc, *alloc->job), source) > 0;
  });
}

bool volume_checks::written_by_own(const std::string& source) {
  for (const auto& group : job_.task_groups) {
    bool writes =
        std::ranges::any_of(group.volumes, [&](const auto& each) { return !is_host(each.second) && !each.second.read_only && each.second.source == source; });
    if (!writes) continue;
    for (const auto& [row, n] : cluster_.rows_of_group(cluster_.group(group.name)))
      if (n > 0) return true;
  }
  return false;
}

// A claim on a volume that is gone binds nobody.
const schema::host_volume* volume_checks::forsaken_by(const schema::task_group_host_volume_claim& claim, std::string_view source) const {
  if (claim.task_group_name != group_.name || claim.volume_name != source) return nullptr;
  auto volume = facts_.host.find(claim.volume_id);
  if (volume == facts_.host.end()) return nullptr;
  auto home = cluster_.view().find(volume->second->node_id);
  if (home != node_view::no_row && cluster_.of_group(cluster_.group(group_.name), home) > 0) return nullptr;
  return volume->second.get();
}

bool volume_checks::keeps_its_volume(node_view::row row, const std::string& source) {
  bool bound = false;
  for (const auto& claim : facts_.claims) {
    const auto* volume = forsaken_by(*claim, source);
    if (volume == nullptr) continue;
    if (cluster_.view().find(volume->node_id) == row) return true;
    bound = true;
  }
  return !bound;
}

std::vector<std::string> volume_checks::asked_host_volumes() const {
  std::vector<std::string> out;
  for (const auto& [name, request] : group_.volumes) {
    if (!is_host(request)) continue;
    auto text = fmt::format("\"{}\"", request.source);
    for (const auto& claim : facts_.claims)
      if (const auto* volume = request.sticky ? forsaken_by(*claim, request.source) : nullptr)
        text += fmt::format(" (claim {} holds it to node {})", claim->id.substr(0, 8), volume->node_id.substr(0, 8));
    out.push_back(std::move(text));
  }
  return out;
}

std::vector<std::string> volume_checks::held_csi_volumes() const {
  std::vector<std::string> out;
  for (const auto& [name, request] : group_.volumes) {
    if (is_host(request) || request.read_only) continue;
    auto volume = facts_.csi.find(request.source);
    auto writers = facts_.foreign_writers.find(request.source);
    if (volume == facts_.csi.end() || writers == facts_.foreign_writers.end() || !single_writer(volume->second->access_mode)) continue;
    out.push_back(fmt::format("CSI volume \"{}\" takes one writer, and {} holds it", request.source, join(writers->second, " and ")));
  }
  return out;
}

const std::string* volume_checks::refuse_plugin(const schema::csi_volume& volume, const schema::node& node) {
  auto plugin = node.csi_node_plugins.find(volume.plugin_id);
  if (plugin == node.csi_node_plugins.end()) return said(fmt::format("CSI plugin {} is missing from client {}", volume.plugin_id, node.id));
  if (!plugin->second.healthy) return said(fmt::format("CSI plugin {} is unhealthy on client {}", volume.plugin_id, node.id));
  const auto& info = plugin->second.node_info;
  if (info && info->max_volumes > 0) {
    auto used = facts_.claimed.find({node.id, volume.plugin_id});
    if (used != facts_.claimed.end() && used->second >= info->max_volumes)
      return said(fmt::format("CSI plugin {} has the maximum number of volumes on client {}", volume.plugin_id, node.id));
  }
  bool near = volume.topologies.empty() || reachable(volume.topologies, info ? info->accessible_topology : std::nullopt);
  return near ? nullptr : &wrong_topology;
}

const std::string* volume_checks::refuse_csi(const schema::volume_request& request, const std::string& source, node_view::row row) {
  auto found = facts_.csi.find(source);
  if (found == facts_.csi.end()) {
    missing_.insert(resource_of_csi_volume(job_.namespace_, source));
    return said(fmt::format("missing CSI volume(s) {}", source));
  }
  const auto& volume = *found->second;
  if (const auto* reason = refuse_plugin(volume, cluster_.view().node(row))) return reason;
  bool usable = volume.schedulable && volume.resource_exhausted.is_zero();
  const std::string* reason = nullptr;
  if (request.read_only) {
    if (!usable) reason = said(fmt::format("CSI volume {} is unschedulable or has exhausted its available reader claims", volume.id));
  } else if (!usable || !may_write(volume)) {
    reason = said(fmt::format("CSI volume {} is unschedulable or is read-only", volume.id));
  } else if (single_writer(volume.access_mode) && facts_.foreign_writers.contains(volume.id)) {
    reason = said(fmt::format("CSI volume {} {}", volume.id, no_writer_claims));
  }
  if (reason != nullptr) missing_.insert(resource_of_csi_volume(job_.namespace_, source));
  return reason;
}

}  // namespace drover::sched
