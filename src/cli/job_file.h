// From a job file's name to a job: reads, parses, gives each problem its place. Reads files and the environment.
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/limits.h"
#include "schema/eval.h"
#include "schema/job.h"

namespace drover::cli {

struct job_file {
  schema::job job;                    // as written: not canonical
  schema::job_submission submission;  // the text itself, for the server to keep
  std::string warnings;
};

inline constexpr flag_spec file_json_flag = {"json", flag_kind::boolean, "The file holds a job as JSON, as `job inspect` prints it."};
inline constexpr flag_spec strict_flag = {"hcl2-strict", flag_kind::boolean, "A value for a variable that the file does not declare is an error (default)."};
inline constexpr flag_spec var_flag = {"var", flag_kind::list, "Value for a variable of the file, name=value. May be given many times."};
inline constexpr flag_spec var_file_flag = {"var-file", flag_kind::list, "File with values for variables. May be given many times."};

// Path "-" is stdin. Uses the flags above, and -namespace and -region where the file names none.
result<job_file> read_job_file(context& c, const std::string& path);
// "-" is stdin.
result<std::string> read_input(const std::string& path, size_t bytes_max = input_bytes_max);

}  // namespace drover::cli
