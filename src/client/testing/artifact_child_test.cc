// A test program that fetches an artifact is started again as the process that fetches, as the agent is: that must not run the tests.
#include <unistd.h>

#include <string_view>

#include "client/artifact/child.h"

namespace drover::client {
namespace {

__attribute__((constructor)) void be_the_child(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == artifact_child_word) _exit(run_artifact_child());
}

}  // namespace
}  // namespace drover::client
