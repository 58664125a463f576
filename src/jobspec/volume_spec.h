// The specification of a volume (`volume create FILE`): HCL, or the same as JSON. Pure and thread-safe.
#pragma once

#include "hcl/diagnostic.h"
#include "jobspec/parse.h"
#include "schema/volume.h"

namespace drover::jobspec {

// "10GiB", "1.5 GB", "512": bytes. Nothing for other texts.
std::optional<int64_t> parse_bytes(std::string_view text);

struct volume_outcome {
  std::optional<schema::host_volume> host;  // set exactly if there are no errors
  hcl::diagnostics problems;
};

// `type` must be "host": volumes of CSI plugins are said to be unknown.
volume_outcome parse_volume(source_text file);

// The specification to start from.
std::string example_host_volume();

}  // namespace drover::jobspec
