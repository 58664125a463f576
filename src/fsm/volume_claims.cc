#include "fsm/volume_claims.h"

#include "base/text.h"
#include "fsm/apply.h"
#include "schema/volume.h"

namespace drover::fsm {

namespace {

using claim = schema::task_group_host_volume_claim;

std::vector<ref<claim>> claims_of(const context& c, std::string_view ns, std::string_view job_id) {
  if (state::count(c.state(), table::host_volume_claims) == 0) return {};
  return state::collect<table::host_volume_claims>(c.state(), state::tree_id::host_volume_claims_by_job, state::within2(ns, job_id));
}

// The same on every server: from whom the claim is first for, and for what.
std::string claim_id(const schema::allocation& alloc, std::string_view volume_id) {
  uint8_t raw[16];
  uint64_t h = 14695981039346656037ull;
  auto add = [&](std::string_view text) {
    for (char each : text) h = (h ^ static_cast<uint8_t>(each)) * 1099511628211ull;
    h = (h ^ 0xff) * 1099511628211ull;
  };
  for (size_t half = 0; half < 2; ++half) {
    add(alloc.id);
    add(volume_id);
    for (size_t i = 0; i < 8; ++i) raw[8 * half + i] = static_cast<uint8_t>(h >> (8 * i));
  }
  return format_uuid(raw);
}

}  // namespace

std::vector<std::string> sticky_sources(const schema::job& job, std::string_view group) {
  std::vector<std::string> out;
  for (const auto& each : job.task_groups) {
    if (each.name != group) continue;
    for (const auto& [name, request] : each.volumes)
      if (request.sticky && request.type == "host") out.push_back(request.source);
  }
  return out;
}

void claim_volumes(context& c, const schema::allocation& alloc, std::span<const std::string> sources) {
  if (sources.empty()) return;
  const auto node = c.state().node(alloc.node_id);
  if (!node) return;
  const auto known = claims_of(c, alloc.namespace_.str(), alloc.job_id.str());
  for (const auto& source : sources) {
    auto shown = node->host_volumes.find(source);
    if (shown == node->host_volumes.end() || shown->second.id.empty()) continue;
    claim made{.id = claim_id(alloc, shown->second.id),
               .namespace_ = alloc.namespace_,
               .job_id = alloc.job_id,
               .task_group_name = alloc.task_group,
               .alloc_id = alloc.id,
               .volume_id = shown->second.id,
               .volume_name = source,
               .create_index = c.index(),
               .modify_index = c.index()};
    for (const auto& each : known) {
      if (each->task_group_name != made.task_group_name || each->volume_id != made.volume_id) continue;
      made.id = each->id;
      made.create_index = each->create_index;
    }
    c.put<table::host_volume_claims>(std::move(made));
  }
}

void drop_claims(context& c, std::string_view ns, std::string_view job_id) {
  for (const auto& each : claims_of(c, ns, job_id)) c.erase<table::host_volume_claims>({each->namespace_, each->id, {}});
}

result<std::any> apply_host_volume_claim_delete(context& c, const schema::task_group_volume_claim_delete_request& request) {
  if (!c.erase<table::host_volume_claims>({namespace_of(request.namespace_), request.claim_id, {}})) {
    return fail(errc::not_found, "task group volume claim \"{}\" does not exist", request.claim_id);
  }
  return std::any();
}

}  // namespace drover::fsm
