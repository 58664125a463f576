#include <sys/utsname.h>

#include "base/text.h"
#include "client/fingerprint/fingerprint.h"
#include "client/system.h"

namespace drover::client::fingerprint {

namespace {
// KEY=value or KEY="value" of /etc/os-release.
std::string release_field(const std::string& text, std::string_view key) {
  for (auto line : split(text, '\n')) {
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != '=') continue;
    auto found = trim(line.substr(key.size() + 1));
    if (found.size() >= 2 && (found.front() == '"' || found.front() == '\'')) found = found.substr(1, found.size() - 2);
    return std::string(found);
  }
  return {};
}
}  // namespace

void host(const context& c, schema::node& node) {
  utsname u{};
  ::uname(&u);
  auto& a = node.attributes;
  a["kernel.name"] = to_lower(u.sysname);
  // "6.1.0-18-amd64": people compare versions, so the flavour stays as it is.
  a["kernel.version"] = u.release;
  a["unique.hostname"] = u.nodename;
  auto text = read_file("/etc/os-release").value_or("");
  if (auto name = release_field(text, "ID"); !name.empty()) a["os.name"] = name;
  auto version = release_field(text, "VERSION_ID");
  // Debian says "12" there and "12.11" here.
  if (a["os.name"] == "debian")
    if (auto exact = read_line("/etc/debian_version"); !exact.empty() && exact[0] >= '0' && exact[0] <= '9') version = exact;
  if (!version.empty()) a["os.version"] = version;
  node.name = c.options.node_name.empty() ? u.nodename : c.options.node_name;
}

}  // namespace drover::client::fingerprint
