// The blocks client.template and client.artifact, which the configuration keeps as it read them, as options. Pure.
#pragma once

#include "base/result.h"
#include "base/value.h"
#include "client/options.h"

namespace drover::agent {

// A key that is not known, or a value of another kind, is an error that names it.
result<client::template_options> template_options_of(const value& block);
result<client::artifact_options> artifact_options_of(const value& block);

}  // namespace drover::agent
