// The job files that `job init` writes. Texts live for the whole process.
#pragma once

#include <string_view>

namespace drover::jobspec {

struct example_options {
  bool brief = false;    // -short: without comments
  bool connect = false;  // -connect: two services that talk through sidecar proxies
};

std::string_view example_job(example_options options = {});

}  // namespace drover::jobspec
