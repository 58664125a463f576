// Runs a program to its end, with text in and text out. Blocking; any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace drover::client {

struct program_run {
  std::string path;
  std::map<std::string, std::string> env;
  std::string input;
  duration timeout;
  size_t output_bytes_max = 0;
};
struct program_end {
  int code = 0;  // 128 and more: a signal
  std::string output, errors;
};
// timeout: it was killed; too_large: it says too much and was killed.
result<program_end> run_program(const program_run& run);

}  // namespace drover::client
