#include "base/text.h"
#include "client/exec/isolation.h"
#include "client/fingerprint/fingerprint.h"

namespace drover::client::fingerprint {

void signal(const context&, schema::node& node) { node.attributes["os.signals"] = join(exec::signal_names(), ","); }

}  // namespace drover::client::fingerprint
