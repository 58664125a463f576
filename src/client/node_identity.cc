#include "client/node_identity.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"
#include "client/system.h"
#include "crypto/digest.h"

namespace drover::client {

namespace {
// The machine's id is told to everybody who reads the node list, so it is hashed. Empty: the machine has none.
std::string host_uuid() {
  auto own = read_line("/sys/class/dmi/id/product_uuid");
  if (own.empty()) own = read_line("/etc/machine-id");
  if (own.empty()) return {};
  auto hex = hex_encode(crypto::sha256("drover node " + to_lower(own)));
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4), hex.substr(16, 4), hex.substr(20, 12));
}

result<std::string> load_id(const std::string& path, const std::string& first) {
  if (::access(path.c_str(), F_OK) != 0) {
    auto id = first.empty() ? new_uuid() : first;
    TRY(write_file(path, id, 0600));
    return id;
  }
  TRY_ASSIGN(auto text, read_file(path, 4096));
  auto id = std::string(trim(text));
  if (!is_uuid(id))
    return fail(errc::corrupt, "{} does not hold a node id (36 characters such as 27c8ef95-0c2f-...); restore it, or remove it to join as a new node", path);
  return id;
}
}  // namespace

result<node_identity> load_identity(const std::string& dir, bool from_host) {
  node_identity out;
  TRY_ASSIGN(out.id, load_id(dir + "/client-id", from_host ? host_uuid() : std::string()));
  TRY_ASSIGN(out.secret_id, load_id(dir + "/secret-id", {}));
  return out;
}

}  // namespace drover::client
