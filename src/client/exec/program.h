// Runs a helper program (a plugin of host volumes, CNI, git ...) to its end. Blocks: for the blocking pool. Any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace drover::exec {

struct program_request {
  // The first is the program: a path, or a name that is looked for in PATH.
  std::vector<std::string> command;
  // Replaces the agent's own environment; PATH and HOME of the agent are kept where it does not name them.
  std::map<std::string, std::string> env;
  bool with_own_env = false;  // all of the agent's environment goes along, below `env`
  std::string directory;      // empty: the agent's
  std::string input;
  duration timeout = seconds(60);
  size_t output_bytes_max = 1 << 20;  // of each stream; what is beyond it is an error
};

// With the agent's environment.
inline program_request with_own_env(std::vector<std::string> command) {
  program_request out;
  out.command = std::move(command);
  out.with_own_env = true;
  return out;
}

struct program_result {
  int code = 0;
  int signal = 0;
  std::string out, err;
  bool ok() const { return code == 0 && signal == 0; }
  // For an error: how it ended, and the last line that it said.
  std::string how() const;
};

// not_found: there is no such program; permission: it may not be run; timeout: it and all that it started in its group were killed; too_large: it said too
// much and was killed. That it ended with a code other than 0 is no error here.
result<program_result> run_program(const program_request& request);
// Of a program that must end well: what it said, and on its error stream too if wanted. invalid: it did not; the sentence is the program's.
result<std::string> output_of(const program_request& request, bool with_errors = false);

// Starts it with these descriptors as its input, output and error stream, in a process group of its own, and returns its id. Whoever starts it
// waits for its end; timeout, input and limits of the request are not looked at.
result<int> start_program(const program_request& request, int in, int out, int err);

}  // namespace drover::exec
