#include "jobspec/volume_spec.h"

#include <cmath>

#include "base/text.h"
#include "hcl/decode.h"
#include "hcl/eval.h"
#include "hcl/parser.h"
#include "hcl/values.h"
#include "jobspec/read_body.h"

namespace drover::jobspec {
namespace {

using schema::host_volume;

struct written_volume : host_volume {
  std::string type;
};
written_volume& volume_of(void* record) { return *static_cast<written_volume*>(record); }

std::string set_type(void* record, const value& v) {
  auto text = hcl::to_text(v);
  if (!text) return "a string is needed";
  volume_of(record).type = *text;
  return {};
}

template <int64_t host_volume::* member>
std::string set_bytes(void* record, const value& v) {
  auto text = hcl::to_text(v);
  auto bytes = text ? parse_bytes(*text) : std::nullopt;
  if (!bytes) return "a size such as \"10GiB\" is needed";
  volume_of(record).*member = *bytes;
  return {};
}

// `capacity = "10GiB"`: exactly so much.
std::string set_capacity(void* record, const value& v) {
  if (auto wrong = set_bytes<&host_volume::requested_capacity_min_bytes>(record, v); !wrong.empty()) return wrong;
  return set_bytes<&host_volume::requested_capacity_max_bytes>(record, v);
}

constexpr attribute_rule capability_attributes[] = {{"access_mode"}, {"attachment_mode"}};
const body_rules& capability_rules() {
  static const body_rules rules{&schema::type_of<schema::host_volume_capability>, capability_attributes, {}};
  return rules;
}

constexpr attribute_rule volume_attributes[] = {
    {"type", {}, &set_type},
    {"id"},
    {"name"},
    {"namespace"},
    {"plugin_id"},
    {"node_id"},
    {"node_pool"},
    {"host_path"},
    {"capacity", {}, &set_capacity},
    {"capacity_min", {}, &set_bytes<&host_volume::requested_capacity_min_bytes>},
    {"capacity_max", {}, &set_bytes<&host_volume::requested_capacity_max_bytes>},
};
constexpr block_rule volume_blocks[] = {
    {"capability", "requested_capabilities", &capability_rules},
    {"constraint", "constraints", &constraint_rules},
    {"parameters"},
};
const body_rules& volume_rules() {
  static const body_rules rules{&schema::type_of<host_volume>, volume_attributes, volume_blocks};
  return rules;
}

}  // namespace

std::optional<int64_t> parse_bytes(std::string_view text) {
  struct unit {
    std::string_view name;
    double bytes;
  };
  static constexpr unit units[] = {{"", 1},
                                   {"b", 1},
                                   {"k", 1e3},
                                   {"kb", 1e3},
                                   {"ki", 1024.0},
                                   {"kib", 1024.0},
                                   {"m", 1e6},
                                   {"mb", 1e6},
                                   {"mi", 1048576.0},
                                   {"mib", 1048576.0},
                                   {"g", 1e9},
                                   {"gb", 1e9},
                                   {"gi", 1073741824.0},
                                   {"gib", 1073741824.0},
                                   {"t", 1e12},
                                   {"tb", 1e12},
                                   {"ti", 1099511627776.0},
                                   {"tib", 1099511627776.0}};
  text = trim(text);
  auto end = text.find_first_not_of("0123456789.");
  auto number = parse_double(text.substr(0, end));
  auto name = to_lower(trim(end == std::string_view::npos ? std::string_view() : text.substr(end)));
  for (const auto& each : units) {
    if (each.name != name || !number) continue;
    double bytes = std::floor(*number * each.bytes);
    if (bytes < 0 || bytes > 9.2e18) return std::nullopt;
    return static_cast<int64_t>(bytes);
  }
  return std::nullopt;
}

volume_outcome parse_volume(source_text file) {
  volume_outcome out;
  auto parsed = hcl::parse_any(std::move(file.name), std::move(file.text), hcl::argument_lines::many_a_line);
  out.problems = std::move(parsed.problems);
  if (out.problems.has_errors()) return out;
  // ${attr.x} is for the scheduler, as in a job.
  auto context = std::make_shared<hcl::eval_context>(hcl::unknown_names::are_kept, hcl::function_environment{});
  hcl::decoder root(parsed.root, context, out.problems);
  auto type = root.text("type").value_or("csi");
  written_volume host;
  schema::csi_volume csi;
  if (type == "host") read_body(root, volume_rules(), static_cast<host_volume*>(&host));
  else if (type == "csi") read_csi_volume(root, csi);
  else out.problems.error(root.where("type"), "Unknown volume type", fmt::format("type is {}; \"csi\" and \"host\" are known.", hcl::quoted(type)));
  if (!out.problems.has_errors()) root.finish();
  if (out.problems.has_errors()) return out;
  if (type == "host") out.host = std::move(static_cast<host_volume&>(host));
  else out.csi = std::move(csi);
  return out;
}

std::string example_host_volume() {
  return R"(# A dynamic host volume: a directory that a plugin makes on one node.
# volume create volume.hcl   makes it
# volume register volume.hcl takes a directory that is there (node_id and host_path, no plugin_id)

type      = "host"
name      = "data"
plugin_id = "mkdir"

# Where: a node, or any that has the plugin, is in the pool and meets the constraints.
# node_id   = "f7476465-4d6e-c0de-26d0-e383c49be941"
# node_pool = "default"

capacity_min = "1GiB"
capacity_max = "20GiB"

# What jobs may do with it. access_mode: single-node-reader-only, single-node-writer, single-node-single-writer or single-node-multi-writer.
capability {
  access_mode     = "single-node-writer"
  attachment_mode = "file-system"
}

constraint {
  attribute = "${attr.kernel.name}"
  value     = "linux"
}

# For the plugin; mkdir knows mode, uid and gid.
parameters {
  mode = "0750"
}
)";
}

std::string example_host_volume_json() {
  return R"({
  "type": "host",
  "name": "data",
  "plugin_id": "mkdir",
  "capacity_min": "1GiB",
  "capacity_max": "20GiB",
  "capability": [
    {
      "access_mode": "single-node-writer",
      "attachment_mode": "file-system"
    }
  ],
  "constraint": [
    {
      "attribute": "${attr.kernel.name}",
      "value": "linux"
    }
  ],
  "parameters": {
    "mode": "0750"
  }
}
)";
}

}  // namespace drover::jobspec
