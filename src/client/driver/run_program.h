// Runs a short program and gives what it says: versions of emulators, credential helpers. Blocking; call it on the blocking pool.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace drover::client {

struct program_call {
  // The first is looked for in PATH.
  std::vector<std::string> words;
  std::string_view input{};
  duration limit = seconds(30);
  // What it says on its error stream belongs to the answer too.
  bool with_errors = false;
};
// not_found: there is no such program. invalid: it ended with an error; the sentence is the program's.
result<std::string> run_program(const program_call& call);

}  // namespace drover::client
