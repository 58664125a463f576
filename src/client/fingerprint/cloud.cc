// What a cloud says about the machine that it lends: only where the agent's configuration asks for it (a block such as fingerprint "env_aws" {} in
// the client block), because elsewhere nobody answers at the address and the agent would wait for nothing. The variables AWS_ENV_URL, GCE_ENV_URL,
// AZURE_ENV_URL and DO_ENV_URL name another address.
#include <curl/curl.h>

#include <cstdlib>
#include <memory>

#include "base/log.h"
#include "base/text.h"
#include "client/fingerprint/fingerprint.h"
#include "codec/json.h"

namespace drover::client::fingerprint {

namespace {

constexpr long connect_ms_max = 1000, answer_ms_max = 2000;
constexpr size_t answer_bytes_max = 256 * 1024;

struct field {
  const char* name;  // "unique.": it tells one machine from another
  const char* path;
};

class metadata_server {
 public:
  metadata_server(std::string url, std::vector<std::string> headers)
      : url_(std::move(url)), headers_(std::move(headers)), curl_(::curl_easy_init(), &::curl_easy_cleanup) {
    if (!url_.ends_with('/')) url_ += '/';
  }
  // Nothing: there is no such value.
  result<std::string> get(const std::string& path) const { return request("GET", path); }
  result<std::string> put(const std::string& path) const { return request("PUT", path); }
  void add_header(std::string header) { headers_.push_back(std::move(header)); }
  const std::string& url() const { return url_; }
  void set_url(std::string url) { url_ = std::move(url); }

 private:
  result<std::string> request(const char* method, const std::string& path) const;

  std::string url_;
  std::vector<std::string> headers_;
  std::unique_ptr<CURL, void (*)(CURL*)> curl_;
};

size_t collect(char* data, size_t size, size_t count, void* into) {
  auto* out = static_cast<std::string*>(into);
  if (out->size() + size * count > answer_bytes_max) return 0;
  out->append(data, size * count);
  return size * count;
}

result<std::string> metadata_server::request(const char* method, const std::string& path) const {
  auto* curl = curl_.get();
  if (curl == nullptr) return fail(errc::unavailable, "no HTTP client");
  std::string body, url = url_ + path;
  curl_slist* list = nullptr;
  for (const auto& header : headers_) list = ::curl_slist_append(list, header.c_str());
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> owned(list, &::curl_slist_free_all);
  ::curl_easy_reset(curl);
  ::curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
  ::curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
  ::curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms_max);
  ::curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, answer_ms_max);
  ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &collect);
  ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  auto code = ::curl_easy_perform(curl);
  if (code != CURLE_OK) return fail(errc::unavailable, "{}: {}", url, ::curl_easy_strerror(code));
  long status = 0;
  ::curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return fail(errc::not_found, "{} answered with status {}", url, status);
  return body;
}

std::string address_of(const char* variable, const char* usual) {
  const char* given = std::getenv(variable);
  return given != nullptr && *given != '\0' ? given : usual;
}

// "a/b" is "a.b" in an attribute.
std::string attribute(std::string_view platform, std::string_view name) {
  bool unique = name.starts_with("unique.");
  std::string last(unique ? name.substr(7) : name);
  for (auto& c : last)
    if (c == '/') c = '.';
  return fmt::format("{}platform.{}.{}", unique ? "unique." : "", platform, last);
}

// A server that stops answering ends it: each further question would wait.
result<> read_fields(const metadata_server& from, std::string_view platform, std::span<const field> fields, std::string_view suffix, schema::node& node) {
  for (const auto& each : fields) {
    auto text = from.get(each.path + std::string(suffix));
    if (!text && text.error().code() == errc::unavailable) return fail(text.error());
    auto value = text ? std::string(trim(*text)) : std::string();
    if (!value.empty()) node.attributes[attribute(platform, each.name)] = value;
  }
  return {};
}

std::string known(const schema::node& node, const std::string& name) {
  auto found = node.attributes.find(name);
  return found == node.attributes.end() ? "" : found->second;
}

result<value> read_json(const metadata_server& from, const std::string& path) {
  TRY_ASSIGN(auto text, from.get(path));
  return codec::value_from_json(text);
}

void use_address(schema::node& node, const std::string& from) {
  if (auto address = known(node, from); !address.empty()) node.attributes["unique.network.ip-address"] = address;
}

std::string last_part(std::string_view path) { return std::string(trim(path.substr(path.rfind('/') + 1))); }

// Tags and attributes whose names begin with "unique." keep that before the whole name.
std::string named(std::string_view prefix, std::string_view name) {
  return name.starts_with("unique.") ? fmt::format("unique.{}{}", prefix, name.substr(7)) : fmt::format("{}{}", prefix, name);
}

result<> aws(schema::node& node) {
  constexpr field fields[] = {{"ami-id", "ami-id"},
                              {"unique.hostname", "hostname"},
                              {"unique.instance-id", "instance-id"},
                              {"instance-life-cycle", "instance-life-cycle"},
                              {"instance-type", "instance-type"},
                              {"unique.local-hostname", "local-hostname"},
                              {"unique.local-ipv4", "local-ipv4"},
                              {"unique.public-hostname", "public-hostname"},
                              {"unique.public-ipv4", "public-ipv4"},
                              {"unique.mac", "mac"},
                              {"placement/availability-zone", "placement/availability-zone"}};
  metadata_server server(address_of("AWS_ENV_URL", "http://169.254.169.254/latest/"), {"X-aws-ec2-metadata-token-ttl-seconds: 60"});
  // Instances with the newer service answer only to those who show a session's token; the older one has none to give.
  auto token = server.put("api/token");
  if (token) server.add_header("X-aws-ec2-metadata-token: " + std::string(trim(*token)));
  else if (token.error().code() == errc::unavailable) return fail(token.error());
  server.set_url(server.url() + "meta-data/");
  TRY(server.get("ami-id"));
  TRY(read_fields(server, "aws", fields, "", node));
  use_address(node, "unique.platform.aws.local-ipv4");
  if (auto mac = known(node, "unique.platform.aws.mac"); !mac.empty())
    if (auto text = server.get("network/interfaces/macs/" + mac + "/ipv6s"); text && !trim(*text).empty())
      node.attributes["unique.platform.aws.public-ipv6"] = trim(std::string_view(*text).substr(0, text->find('\n')));
  node.links["aws.ec2"] = known(node, "platform.aws.placement.availability-zone") + "." + known(node, "unique.platform.aws.instance-id");
  return {};
}

void gce_networks(const value& list, schema::node& node) {
  if (list.as_list() == nullptr) return;
  for (const auto& each : *list.as_list()) {
    const auto *network = each.find("network"), *ip = each.find("ip"), *access = each.find("accessConfigs");
    if (network == nullptr || network->as_string() == nullptr) continue;
    auto name = "platform.gce.network." + last_part(*network->as_string());
    node.attributes[name] = "true";
    if (ip != nullptr && ip->as_string() != nullptr) node.attributes["unique." + name + ".ip"] = *ip->as_string();
    if (access == nullptr || access->as_list() == nullptr) continue;
    for (size_t i = 0; const auto& config : *access->as_list()) {
      const auto* external = config.find("externalIp");
      if (external != nullptr && external->as_string() != nullptr) node.attributes[fmt::format("unique.{}.external-ip.{}", name, i)] = *external->as_string();
      ++i;
    }
  }
}

result<> gce(schema::node& node) {
  constexpr field fields[] = {{"unique.hostname", "hostname"},
                              {"unique.id", "id"},
                              {"cpu-platform", "cpu-platform"},
                              {"scheduling/automatic-restart", "scheduling/automatic-restart"},
                              {"scheduling/on-host-maintenance", "scheduling/on-host-maintenance"},
                              {"scheduling/preemptible", "scheduling/preemptible"}};
  metadata_server server(address_of("GCE_ENV_URL", "http://169.254.169.254/computeMetadata/v1/instance/"), {"Metadata-Flavor: Google"});
  TRY_ASSIGN(auto machine, server.get("machine-type"));
  if (machine.find("/machineTypes/") == std::string::npos) return fail(errc::not_found, "\"{}\" is no machine type of GCE", machine);
  TRY(read_fields(server, "gce", fields, "", node));
  node.attributes["platform.gce.machine-type"] = last_part(machine);
  if (auto zone = server.get("zone")) node.attributes["platform.gce.zone"] = last_part(*zone);
  if (auto networks = read_json(server, "network-interfaces/?recursive=true")) gce_networks(*networks, node);
  if (auto tags = read_json(server, "tags"); tags && tags->as_list() != nullptr)
    for (const auto& tag : *tags->as_list())
      if (tag.as_string() != nullptr) node.attributes[named("platform.gce.tag.", *tag.as_string())] = "true";
  if (auto all = read_json(server, "attributes/?recursive=true"); all && all->as_object() != nullptr)
    for (const auto& [key, text] : *all->as_object())
      if (text.as_string() != nullptr) node.attributes[named("platform.gce.attr.", key)] = trim(*text.as_string());
  if (auto id = known(node, "unique.platform.gce.id"); !id.empty()) node.links["gce"] = id;
  return {};
}

result<> azure(schema::node& node) {
  constexpr field fields[] = {{"unique.id", "compute/vmId"},
                              {"unique.name", "compute/name"},
                              {"location", "compute/location"},
                              {"resource-group", "compute/resourceGroupName"},
                              {"scale-set", "compute/vmScaleSetName"},
                              {"vm-size", "compute/vmSize"},
                              {"zone", "compute/zone"},
                              {"unique.local-ipv4", "network/interface/0/ipv4/ipAddress/0/privateIpAddress"},
                              {"unique.public-ipv4", "network/interface/0/ipv4/ipAddress/0/publicIpAddress"},
                              {"unique.local-ipv6", "network/interface/0/ipv6/ipAddress/0/privateIpAddress"},
                              {"unique.public-ipv6", "network/interface/0/ipv6/ipAddress/0/publicIpAddress"},
                              {"unique.mac", "network/interface/0/macAddress"}};
  constexpr std::string_view query = "?api-version=2019-06-04&format=";
  metadata_server server(address_of("AZURE_ENV_URL", "http://169.254.169.254/metadata/instance/"), {"Metadata: true"});
  TRY(server.get("compute/azEnvironment" + std::string(query) + "text"));
  TRY(read_fields(server, "azure", fields, std::string(query) + "text", node));
  use_address(node, "unique.platform.azure.local-ipv4");
  auto tags = read_json(server, "compute/tagsList" + std::string(query) + "json");
  if (tags && tags->as_list() != nullptr)
    for (const auto& tag : *tags->as_list()) {
      const auto *name = tag.find("name"), *text = tag.find("value");
      if (name != nullptr && name->as_string() != nullptr && text != nullptr && text->as_string() != nullptr)
        node.attributes[named("platform.azure.tag.", *name->as_string())] = *text->as_string();
    }
  if (auto id = known(node, "unique.platform.azure.id"); !id.empty()) node.links["azure"] = id;
  return {};
}

result<> digitalocean(schema::node& node) {
  constexpr field fields[] = {{"unique.id", "id"},
                              {"unique.hostname", "hostname"},
                              {"region", "region"},
                              {"unique.private-ipv4", "interfaces/private/0/ipv4/address"},
                              {"unique.public-ipv4", "interfaces/public/0/ipv4/address"},
                              {"unique.private-ipv6", "interfaces/private/0/ipv6/address"},
                              {"unique.public-ipv6", "interfaces/public/0/ipv6/address"},
                              {"unique.mac", "interfaces/public/0/mac"}};
  metadata_server server(address_of("DO_ENV_URL", "http://169.254.169.254/metadata/v1/"), {});
  TRY(server.get("region"));
  TRY(read_fields(server, "digitalocean", fields, "", node));
  if (auto id = known(node, "unique.platform.digitalocean.id"); !id.empty()) node.links["digitalocean"] = id;
  return {};
}

}  // namespace

void cloud(const context& c, schema::node& node) {
  struct row {
    const char* name;
    result<> (*run)(schema::node&);
  };
  for (auto& each : {row{"env_aws", &aws}, row{"env_gce", &gce}, row{"env_azure", &azure}, row{"env_digitalocean", &digitalocean}}) {
    auto wanted = c.options.options.find(std::string("fingerprint.") + each.name);
    if (wanted == c.options.options.end() || !parse_bool(wanted->second).value_or(false)) continue;
    // Half of what a cloud says is no more than nothing: it is taken whole, or as far as it came, but never stops the agent.
    if (auto done = each.run(node); !done)
      log::logger("client.fingerprint").warn("the cloud's metadata cannot be read", {{"fingerprinter", each.name}, {"error", done.error().text()}});
  }
}

}  // namespace drover::client::fingerprint
