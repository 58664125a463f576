// Inside template.cc's work: pipelines of a Go template, their values and functions. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"

namespace drover::cli {

using template_variables = std::map<std::string, value, std::less<>>;

// ".Name | printf "%s"", "len .Tasks", "index .Map "key"".
result<value> evaluate_pipeline(std::string_view pipeline, const value& dot, const template_variables& variables);
// Go's truth: not empty, not zero.
bool is_true(const value& v);
// As Go prints it: lists are [a b], maps are map[k:v], nothing is <no value>.
std::string template_text(const value& v);

}  // namespace drover::cli
