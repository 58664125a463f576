#include "cli/format/devices.h"

#include <map>

#include "base/text.h"
#include "cli/format/table.h"

namespace drover::cli::format {

namespace {
template <class Group>
std::string name_of(const Group& group, const std::string& id) {
  return fmt::format("{}/{}/{}[{}]", group.vendor, group.type, group.name, id);
}

// At most three digits behind the point.
std::string short_real(double d) {
  auto text = fmt::format("{}", d);
  auto point = text.find('.');
  return point == std::string::npos ? text : text.substr(0, point + 4);
}

std::string figure(const std::optional<schema::stat_value>& v) {
  if (!v) return "<none>";
  if (v->bool_val) return *v->bool_val ? "true" : "false";
  if (v->string_val) return *v->string_val;
  std::string out = "<unknown>";
  if (v->float_numerator_val) {
    out = short_real(*v->float_numerator_val);
    if (v->float_denominator_val) out += " / " + short_real(*v->float_denominator_val);
  } else if (v->int_numerator_val) {
    out = std::to_string(*v->int_numerator_val);
    if (v->int_denominator_val) out += " / " + std::to_string(*v->int_denominator_val);
  } else {
    return out;
  }
  return v->unit.empty() ? out : out + " " + v->unit;
}

using lines = std::map<std::string, std::string>;

std::string text_of(const lines& all) {
  if (all.empty()) return {};
  auto at = all.begin();
  table t({at->first, at->second});
  while (++at != all.end()) t.add({at->first, at->second});
  return t.when_empty("").text();
}

lines summaries(const std::vector<schema::device_group_stats>& stats) {
  lines out;
  for (const auto& group : stats)
    for (const auto& [id, device] : group.instance_stats) out[name_of(group, id)] = figure(device.summary);
  return out;
}

// What is in other objects has their names before its own.
void flatten(const schema::stat_object& object, const std::string& prefix, lines& into) {
  for (const auto& [name, value] : object.attributes) into[prefix + name] = figure(value);
  for (const auto& [name, inner] : object.nested) flatten(inner, prefix + name + ".", into);
}
}  // namespace

std::string device_utilization(const schema::node& node, const std::vector<schema::device_group_stats>& stats) {
  auto measured = summaries(stats);
  lines out;
  if (node.node_resources)
    for (const auto& group : node.node_resources->devices)
      for (const auto& device : group.instances) out[name_of(group, device.id)] = measured[name_of(group, device.id)];
  return text_of(out);
}

std::string device_utilization(const std::vector<schema::device_group_stats>& stats) { return text_of(summaries(stats)); }

std::string device_figures(const std::vector<schema::device_group_stats>& stats) {
  std::string out;
  for (const auto& group : stats)
    for (const auto& [id, device] : group.instance_stats) {
      pairs p;
      p.add("Device", name_of(group, id));
      lines all;
      if (device.stats) flatten(*device.stats, "", all);
      for (const auto& [name, text] : all) p.add(name, text);
      out += (out.empty() ? "" : "\n\n") + p.text();
    }
  return out;
}

}  // namespace drover::cli::format
