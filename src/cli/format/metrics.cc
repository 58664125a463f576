#include "cli/format/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/format/table.h"

namespace drover::cli::format {
namespace {

// Ours: what has to happen before any node is asked.
constexpr std::string_view waiting_mark = "waiting: ";

bool is_waiting(const std::string& text) { return text.starts_with(waiting_mark); }

}  // namespace

std::string placement_failure(const schema::alloc_metric& metric, std::string_view indent) {
  std::string out;
  auto line = [&](const std::string& text) { out += fmt::format("{}* {}\n", indent, text); };
  bool waits = std::any_of(metric.constraint_filtered.begin(), metric.constraint_filtered.end(), [](const auto& each) { return is_waiting(each.first); });
  if (metric.nodes_evaluated == 0 && !waits) line("No nodes were eligible for evaluation");
  for (const auto& [datacenter, count] : metric.nodes_available)
    if (count == 0) line(fmt::format("No nodes are available in datacenter \"{}\"", datacenter));
  for (const auto& [name, count] : metric.class_filtered) line(fmt::format("Class \"{}\": {} nodes excluded by filter", name, count));
  for (const auto& [text, count] : metric.constraint_filtered) {
    if (is_waiting(text)) line(fmt::format("Waiting: {}", text.substr(waiting_mark.size())));
    else line(fmt::format("Constraint \"{}\": {} nodes excluded by filter", text, count));
  }
  if (metric.nodes_exhausted > 0) line(fmt::format("Resources exhausted on {} nodes", metric.nodes_exhausted));
  for (const auto& [name, count] : metric.class_exhausted) line(fmt::format("Class \"{}\" exhausted on {} nodes", name, count));
  for (const auto& [name, count] : metric.dimension_exhausted) line(fmt::format("Dimension \"{}\" exhausted on {} nodes", name, count));
  for (const auto& name : metric.quota_exhausted) line(fmt::format("Quota limit hit \"{}\"", name));
  return out;
}

std::string failed_group(const std::string& group, const schema::alloc_metric& metric, std::string_view indent) {
  auto count = metric.coalesced_failures + 1;
  auto out = fmt::format("{}Task Group \"{}\" (failed to place {} allocation{}):\n", indent, group, count, count == 1 ? "" : "s");
  return out + placement_failure(metric, std::string(indent) + "  ");
}

std::string score_table(const schema::alloc_metric& metric, const style& how) {
  if (metric.score_meta_data.empty()) return {};
  std::set<std::string> names;
  for (const auto& node : metric.score_meta_data)
    for (const auto& [name, score] : node.scores) names.insert(name);
  table::row heading = {"Node"};
  heading.insert(heading.end(), names.begin(), names.end());
  heading.emplace_back("final score");
  table t(std::move(heading));
  for (const auto& node : metric.score_meta_data) {
    table::row row = {how.id(node.node_id)};
    for (const auto& name : names) {
      auto score = node.scores.find(name);
      row.push_back(fmt::format("{:.3g}", score == node.scores.end() ? 0.0 : score->second));
    }
    row.push_back(fmt::format("{:.3g}", node.norm_score));
    t.add(std::move(row));
  }
  return t.text();
}

}  // namespace drover::cli::format
