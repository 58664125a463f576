#include "agent/telemetry.h"

#include <unistd.h>

namespace drover::agent {
namespace {

std::string host_label(const agent_config& config) {
  if (config.telemetry.disable_hostname) return {};
  char host[256] = {};
  if (config.telemetry.use_node_name || gethostname(host, sizeof host - 1) != 0) return config.name;
  return host;
}

}  // namespace

api::telemetry_options telemetry_options_of(const agent_config& config) {
  const auto& from = config.telemetry;
  api::telemetry_options out;
  out.host = host_label(config);
  out.publish_allocations = from.publish_allocation_metrics;
  out.allocation_meta = from.include_alloc_metadata_in_metrics;
  out.allocation_meta_keys = from.allowed_metadata_keys_in_metrics;
  out.publish_node = from.publish_node_metrics;
  out.dispatched_job_summaries = !from.disable_dispatched_job_summary_metrics;
  out.shown_by_default = from.filter_default;
  for (const auto& rule : from.prefix_filter) {
    if (rule.starts_with('+')) out.shown_prefixes.push_back(rule.substr(1));
    if (rule.starts_with('-')) out.hidden_prefixes.push_back(rule.substr(1));
  }
  return out;
}

}  // namespace drover::agent
