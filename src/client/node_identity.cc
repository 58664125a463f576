#include "client/node_identity.h"

#include <unistd.h>

#include "base/text.h"
#include "client/system.h"

namespace drover::client {

namespace {
result<std::string> load_id(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) {
    auto id = new_uuid();
    TRY(write_file(path, id, 0600));
    return id;
  }
  TRY_ASSIGN(auto text, read_file(path, 4096));
  auto id = std::string(trim(text));
  if (!is_uuid(id))
    return fail(errc::corrupt, "{} does not hold a node id (36 characters such as 27c8ef95-0c2f-...); restore it, or remove it to join as a new node",
                path);
  return id;
}
}  // namespace

result<node_identity> load_identity(const std::string& dir) {
  node_identity out;
  TRY_ASSIGN(out.id, load_id(dir + "/client-id"));
  TRY_ASSIGN(out.secret_id, load_id(dir + "/secret-id"));
  return out;
}

}  // namespace drover::client
