// The specification of a volume (`volume create FILE`): HCL, or the same as JSON. Pure and thread-safe.
#pragma once

#include "hcl/decode.h"
#include "hcl/diagnostic.h"
#include "jobspec/parse.h"
#include "schema/volume.h"

namespace drover::jobspec {

// "10GiB", "1.5 GB", "512": bytes. Nothing for other texts.
std::optional<int64_t> parse_bytes(std::string_view text);

struct volume_outcome {
  // Exactly one is set if there are no errors.
  std::optional<schema::host_volume> host;
  std::optional<schema::csi_volume> csi;
  hcl::diagnostics problems;
};

// `type` is "host" or "csi"; without one it is a CSI volume, as such files have always been written.
volume_outcome parse_volume(source_text file);

// The specification to start from.
std::string example_host_volume();
std::string example_csi_volume();
// The same as JSON.
std::string example_host_volume_json();
std::string example_csi_volume_json();

// csi_volume_spec.cc, for volume_spec.cc only.
void read_csi_volume(hcl::decoder& root, schema::csi_volume& into);

}  // namespace drover::jobspec
