// Who this node is: an id and a secret, made once and kept on disk. Blocking; used once at start.
#pragma once

#include <string>

#include "base/result.h"

namespace drover::client {

struct node_identity {
  std::string id;
  std::string secret_id;
};
// Reads or makes DIR/client-id and DIR/secret-id. An unreadable or malformed file is an error: a new identity would orphan all tasks.
// With `from_host` a new id is made from the machine's own (DMI product UUID or /etc/machine-id), the same each time; the secret never is.
result<node_identity> load_identity(const std::string& dir, bool from_host = false);

}  // namespace drover::client
