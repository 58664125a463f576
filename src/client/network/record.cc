#include "client/network/record.h"

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/text.h"
#include "client/system.h"
#include "codec/json.h"
#include "schema/describe_macros.h"

namespace drover::client {

using namespace schema;

#define SELF network_record
DESCRIBE(network_record, "NetworkRecord", BASES(), FIELD(alloc_id), FIELD(mode), FIELD(namespace_path), FIELD(driver), FIELD(labels), FIELD(link),
         FIELD(address), FIELD(address_ipv6), FIELD(interface_name), FIELD(ports), FIELD(wildcard_ports), FIELD(cni_list), FIELD(cni_arguments),
         FIELD(cni_result), FIELD(dns_servers), FIELD(dns_searches), FIELD(dns_options))
#undef SELF

namespace {
constexpr std::string_view suffix = ".json";
}

bool network_records::any() const {
  std::error_code failed;
  std::filesystem::directory_iterator found(directory_, failed);
  return !failed && found != std::filesystem::directory_iterator();
}

std::vector<network_record> network_records::all() const {
  std::vector<network_record> out;
  std::error_code failed;
  for (auto& entry : std::filesystem::directory_iterator(directory_, failed)) {
    auto name = entry.path().filename().string();
    if (!name.ends_with(suffix)) continue;
    auto record = find(name.substr(0, name.size() - suffix.size()));
    if (record) out.push_back(std::move(*record));
    else ::unlink(entry.path().c_str());
  }
  return out;
}

result<network_record> network_records::find(const std::string& alloc_id) const {
  TRY_ASSIGN(auto text, read_file(fmt::format("{}/{}{}", directory_, alloc_id, suffix)));
  return codec::from_json<network_record>(text);
}

result<> network_records::put(const network_record& record) const {
  TRY(make_directories(directory_, 0700));
  return write_file(fmt::format("{}/{}{}", directory_, record.alloc_id, suffix), codec::to_json(record), 0600);
}

result<> network_records::remove(const std::string& alloc_id) const {
  auto path = fmt::format("{}/{}{}", directory_, alloc_id, suffix);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail(system_error(errno, "removing " + path));
  return {};
}

}  // namespace drover::client
