// The specification of a CSI volume: what volume_spec.h reads where the type is "csi".
#include "hcl/values.h"
#include "jobspec/read_body.h"
#include "jobspec/volume_spec.h"

namespace drover::jobspec {
namespace {

using schema::csi_volume;

template <int64_t csi_volume::* member>
std::string set_bytes(void* record, const value& v) {
  auto text = hcl::to_text(v);
  auto bytes = text ? parse_bytes(*text) : std::nullopt;
  if (!bytes) return "a size such as \"10GiB\" is needed";
  static_cast<csi_volume*>(record)->*member = *bytes;
  return {};
}

std::string ignore(void*, const value&) { return {}; }

constexpr attribute_rule capability_attributes[] = {{"access_mode"}, {"attachment_mode"}};
const body_rules& capability_rules() {
  static const body_rules rules{&schema::type_of<schema::csi_volume_capability>, capability_attributes, {}};
  return rules;
}
constexpr attribute_rule mount_attributes[] = {{"fs_type"}, {"mount_flags"}};
const body_rules& mount_rules() {
  static const body_rules rules{&schema::type_of<schema::csi_mount_options>, mount_attributes, {}};
  return rules;
}
constexpr attribute_rule volume_attributes[] = {
    {"type", {}, &ignore},
    {"id"},
    {"name"},
    {"external_id"},
    {"namespace"},
    {"plugin_id"},
    {"snapshot_id"},
    {"clone_id"},
    {"capacity_min", {}, &set_bytes<&csi_volume::requested_capacity_min>},
    {"capacity_max", {}, &set_bytes<&csi_volume::requested_capacity_max>},
};
constexpr block_rule volume_blocks[] = {
    {"capability", "requested_capabilities", &capability_rules}, {"mount_options", {}, &mount_rules}, {"secrets"}, {"parameters"}, {"context"},
};
const body_rules& volume_rules() {
  static const body_rules rules{&schema::type_of<csi_volume>, volume_attributes, volume_blocks};
  return rules;
}

// required { topology { segments { rack = "R1" } } }
std::vector<schema::csi_topology> read_topologies(hcl::decoder& request, std::string_view which) {
  std::vector<schema::csi_topology> out;
  for (const auto& side : request.blocks(which)) {
    hcl::decoder body(side, request.problems());
    for (const auto& one : body.blocks("topology")) {
      hcl::decoder topology(one, request.problems());
      auto& made = out.emplace_back();
      if (auto segments = topology.text_map("segments"))
        for (auto& [key, text] : *segments) made.segments[key] = text;
      topology.finish();
    }
    body.finish();
  }
  return out;
}

}  // namespace

void read_csi_volume(hcl::decoder& root, csi_volume& into) {
  if (auto block = root.block("topology_request")) {
    hcl::decoder request(*block, root.problems());
    auto& made = into.requested_topologies.emplace();
    made.required = read_topologies(request, "required");
    made.preferred = read_topologies(request, "preferred");
    request.finish();
  }
  read_body(root, volume_rules(), &into);
}

std::string example_csi_volume() {
  return R"(# A volume of a CSI plugin.
# volume create volume.hcl   has the plugin make it
# volume register volume.hcl takes one that the storage provider has (external_id)

type      = "csi"
id        = "database"
name      = "database"
namespace = "default"
plugin_id = "plugin_id"

# The provider's own name of a volume that is there; leave it out to create one.
external_id = "vol-23452345"

# A new volume may begin as a copy: of a snapshot or of another volume.
# snapshot_id = "snap-12345"
# clone_id    = "vol-abcdef"

capacity_min = "10GiB"
capacity_max = "20GiB"

# What jobs may do with it; at least one. access_mode: single-node-reader-only, single-node-writer, multi-node-reader-only,
# multi-node-single-writer or multi-node-multi-writer. attachment_mode: file-system or block-device.
capability {
  access_mode     = "single-node-writer"
  attachment_mode = "file-system"
}

mount_options {
  fs_type     = "ext4"
  mount_flags = ["noatime"]
}

# From where it must be reachable, in the plugin's words.
topology_request {
  required {
    topology {
      segments {
        rack = "R1"
      }
    }
  }
}

# What the plugin needs to know: secrets with each call, parameters when it makes the volume, context when it uses a registered one.
secrets {
  example_secret = "xyzzy"
}
parameters {
  kind = "fast"
}
context {
  endpoint = "http://192.168.1.101:9425"
}
)";
}

std::string example_csi_volume_json() {
  return R"({
  "type": "csi",
  "id": "database",
  "name": "database",
  "namespace": "default",
  "plugin_id": "plugin_id",
  "external_id": "vol-23452345",
  "capacity_min": "10GiB",
  "capacity_max": "20GiB",
  "capability": [
    {
      "access_mode": "single-node-writer",
      "attachment_mode": "file-system"
    }
  ],
  "mount_options": [
    {
      "fs_type": "ext4",
      "mount_flags": ["noatime"]
    }
  ],
  "secrets": {
    "example_secret": "xyzzy"
  },
  "parameters": {
    "kind": "fast"
  },
  "context": {
    "endpoint": "http://192.168.1.101:9425"
  }
}
)";
}

}  // namespace drover::jobspec
