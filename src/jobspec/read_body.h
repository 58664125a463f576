// Reads one body into one record as its rules (rules.h) say. What is wrong is added to the decoder's problems; the rest
// is read all the same.
#pragma once

#include "hcl/decode.h"
#include "jobspec/rules.h"

namespace drover::jobspec {

void read_body(hcl::decoder& body, const body_rules& rules, void* record);

}  // namespace drover::jobspec
