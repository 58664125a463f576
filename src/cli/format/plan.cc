#include "cli/format/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/format/colour.h"
#include "cli/format/metrics.h"
#include "cli/format/table.h"

namespace drover::cli::format {
namespace {

// "+/- " in its colour.
struct marker {
  std::string_view text, with;
  std::string shown() const { return text.empty() ? "" : paint(with, text); }
};
marker marker_of(std::string_view type) {
  if (type == "Added") return {"+ ", colour::green};
  if (type == "Deleted") return {"- ", colour::red};
  if (type == "Edited") return {"+/- ", colour::yellow};
  return {"", ""};
}

std::string_view colour_of_annotation(std::string_view text) {
  if (text.find("create/destroy") != std::string_view::npos || text.find("destroy") != std::string_view::npos) return colour::red;
  if (text.find("create") != std::string_view::npos) return colour::green;
  if (text.find("in-place") != std::string_view::npos) return colour::cyan;
  return colour::yellow;
}

std::string annotations_text(const std::vector<std::string>& annotations) {
  if (annotations.empty()) return {};
  std::vector<std::string> painted;
  for (const auto& a : annotations) painted.push_back(paint(colour_of_annotation(a), a));
  return " (" + join(painted, ", ") + ")";
}

// The widest marker and key of a block: keys and values stand in columns.
struct columns {
  size_t marker = 0, key = 0;
  void see(std::string_view type) { marker = std::max(marker, marker_of(type).text.size()); }
};

std::string start_of(std::string_view type, size_t indent, size_t marker_width) {
  auto m = marker_of(type);
  return std::string(indent, ' ') + m.shown() + std::string(marker_width - m.text.size(), ' ');
}

std::string field_line(const schema::field_diff& f, size_t indent, const columns& at) {
  auto line = start_of(f.type, indent, at.marker) + without_marks(f.name) + ":" + std::string(at.key - width(f.name) + 1, ' ');
  auto old_text = without_marks(f.old), new_text = without_marks(f.new_);
  if (f.type == "Deleted") line += fmt::format("\"{}\"", old_text);
  else if (f.type == "Edited") line += fmt::format("\"{}\" => \"{}\"", old_text, new_text);
  else line += fmt::format("\"{}\"", new_text);
  return line + annotations_text(f.annotations) + "\n";
}

columns columns_of(const std::vector<schema::field_diff>& fields, const std::vector<schema::object_diff>& objects) {
  columns at;
  for (const auto& f : fields) {
    at.see(f.type);
    at.key = std::max(at.key, width(f.name));
  }
  for (const auto& o : objects) at.see(o.type);
  return at;
}

std::string members(const std::vector<schema::field_diff>& fields, const std::vector<schema::object_diff>& objects, size_t indent, const columns& at) {
  std::string out;
  for (const auto& f : fields) out += field_line(f, indent, at);
  for (const auto& o : objects) {
    out += start_of(o.type, indent, at.marker) + without_marks(o.name) + " {\n";
    out += members(o.fields, o.objects, indent + at.marker, columns_of(o.fields, o.objects));
    out += std::string(indent + at.marker, ' ') + "}\n";
  }
  return out;
}

std::string task_text(const schema::task_diff& t, size_t marker_width, bool verbose) {
  auto out = fmt::format("{}{}\"{}\"{}\n", start_of(t.type, 2, marker_width), bold("Task: "), without_marks(t.name), annotations_text(t.annotations));
  bool whole = t.type == "Added" || t.type == "Deleted";
  if (t.type == "None" || (whole && !verbose)) return out;
  return out + members(t.fields, t.objects, 4, columns_of(t.fields, t.objects));
}

std::string updates_text(const std::map<std::string, uint64_t>& updates) {
  std::vector<std::string> parts;
  for (const auto& [what, count] : updates) {
    if (count == 0) continue;
    auto text = fmt::format("{} {}", count, what);
    parts.push_back(what == "ignore" ? text : paint(colour_of_annotation(what), text));
  }
  return parts.empty() ? "" : " (" + join(parts, ", ") + ")";
}

std::string group_text(const schema::task_group_diff& g, size_t marker_width, bool verbose) {
  auto out = fmt::format("{}{}\"{}\"{}\n", start_of(g.type, 0, marker_width), bold("Task Group: "), without_marks(g.name), updates_text(g.updates));
  bool shown = g.type == "Edited" || verbose;
  auto at = shown ? columns_of(g.fields, g.objects) : columns();
  for (const auto& t : g.tasks) at.see(t.type);
  if (shown) out += members(g.fields, g.objects, 2, at);
  for (const auto& t : g.tasks) out += task_text(t, at.marker, verbose);
  return out;
}

}  // namespace

std::string job_diff(const schema::job_diff& diff, bool verbose) {
  bool shown = diff.type == "Edited" || verbose;
  auto at = shown ? columns_of(diff.fields, diff.objects) : columns();
  // Heading and groups stand in one column with their own markers.
  size_t heads = marker_of(diff.type).text.size();
  for (const auto& g : diff.task_groups) heads = std::max(heads, marker_of(g.type).text.size());
  at.marker = std::max(at.marker, heads);
  auto out = fmt::format("{}{}\"{}\"\n", start_of(diff.type, 0, at.marker), bold("Job: "), without_marks(diff.id));
  if (shown) out += members(diff.fields, diff.objects, 0, at);
  for (const auto& g : diff.task_groups) out += group_text(g, at.marker, verbose);
  return out;
}

std::string dry_run(const schema::job_plan_response& plan, const schema::job& job, const style& how) {
  std::string out;
  if (plan.failed_tg_allocs.empty()) {
    out += paint(colour::green, "- All tasks successfully allocated.") + "\n";
  } else if (job.type == "system" || job.type == "sysbatch") {
    out += paint(colour::yellow, "- WARNING: Failed to place allocations on all nodes.") + "\n";
  } else {
    out += paint(colour::yellow, "- WARNING: Failed to place all allocations.") + "\n";
  }
  for (const auto& [group, metric] : plan.failed_tg_allocs) out += failed_group(group, metric, "  ");
  for (const auto& eval : plan.created_evals) {
    if (!eval || eval->triggered_by != "rolling-update") continue;
    out += fmt::format("- Rolling update, next evaluation will be in {}.\n", to_string(eval->wait));
  }
  if (!plan.next_periodic_launch.is_zero() && plan.next_periodic_launch.ns != 0)
    out += fmt::format("- If submitted now, next periodic launch would be at {} ({}).\n", clock_time(plan.next_periodic_launch),
                       time_difference(plan.next_periodic_launch, how.now));
  if (plan.annotations && !plan.annotations->preempted_allocs.empty()) {
    table t({"Alloc ID", "Job ID", "Task Group"});
    for (const auto& a : plan.annotations->preempted_allocs) t.add({how.id(a.id), a.job_id, a.task_group});
    out += "\nPreemptions:\n\n" + t.text() + "\n";
  }
  return out;
}

bool plan_changes_allocations(const schema::job_plan_response& plan) {
  if (!plan.annotations) return false;
  const auto& groups = plan.annotations->desired_tg_updates;
  return std::any_of(groups.begin(), groups.end(), [](const auto& entry) {
    const auto& u = entry.second;
    return u.stop + u.place + u.migrate + u.destructive_update + u.canary > 0;
  });
}

}  // namespace drover::cli::format
