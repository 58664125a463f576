#include <sys/utsname.h>

#include "client/fingerprint/fingerprint.h"

namespace drover::client::fingerprint {

// Go's names, which jobs compare with.
void arch(const context&, schema::node& node) {
  utsname u{};
  ::uname(&u);
  std::string machine = u.machine;
  node.attributes["kernel.arch"] = machine;
  if (machine == "x86_64") machine = "amd64";
  else if (machine == "aarch64") machine = "arm64";
  else if (machine == "i686" || machine == "i386") machine = "386";
  node.attributes["cpu.arch"] = machine;
}

}  // namespace drover::client::fingerprint
