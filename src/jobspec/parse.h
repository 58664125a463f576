// A job file (HCL2, native or JSON syntax) -> schema::job, with everything that the file says and nothing that it does
// not: defaults are canonical.h's work, rules are validate.h's. Every block and attribute of the job language is known
// here; an unknown one is an error with a suggestion. Interpolations that only a node can resolve (${attr.x},
// ${node.x}, ${meta.x}, ${NOMAD_x}, ${env["x"]}) stay as they are written. Pure and thread-safe: no file or environment
// variable is read except through `functions` and what the options hold.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hcl/diagnostic.h"
#include "hcl/fwd.h"
#include "schema/job.h"

namespace drover::jobspec {

struct source_text {
  std::string name;  // as shown in messages: "cache.nomad.hcl", "<stdin>"
  std::string text;
};

// Where a variable's value comes from, weakest first: its default, the environment, variable files in order, flags in
// order.
struct parse_options {
  // NOMAD_VAR_name -> text. Others are looked at never, so passing the whole environment is fine.
  std::map<std::string, std::string> environment;
  // -var-file: "name = value" in HCL or JSON.
  std::vector<source_text> variable_files;
  // -var: name and the text after "=". Texts of variables whose type is not string are read as HCL expressions.
  std::vector<std::pair<std::string, std::string>> variables;
  // A value for a variable that no file declares is an error; otherwise a warning (-hcl2-strict=false).
  bool strict = true;
  // What file(), templatefile(), uuidv4() and the like may use. Null: functions that read files are refused (a server's
  // parse).
  const hcl::function_environment* functions = nullptr;
};

struct parse_outcome {
  std::optional<schema::job> job;  // set exactly if there are no errors
  hcl::diagnostics problems;       // errors and warnings
  // Whether the file itself names them: a -namespace flag counts only if it does not.
  bool names_namespace = false;
  bool names_region = false;
};

parse_outcome parse(source_text file, const parse_options& options = {});

// The JSON that `job run -output`, `GET /v1/job/x` and `job run -json` speak: {"Job": {...}} or the job alone.
result<schema::job> parse_api_json(std::string_view text);

}  // namespace drover::jobspec
