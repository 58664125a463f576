// A useful part of Go's text/template over JSON values, for -t: text, {{.Field.Sub}}, {{$}}, {{$x := ...}}, range / with / if / else / end,
// pipelines, comments, trim marks, and the functions len, index, printf, print, println, json, eq, ne, lt, le, gt, ge, and, or, not. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"

namespace drover::cli {

result<std::string> run_template(std::string_view source, const value& data);

}  // namespace drover::cli
