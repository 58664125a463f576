// operator debug: what Consul and Vault say of themselves.
#include <fstream>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/command/debug_capture.h"
#include "cli/other_api.h"

namespace drover::cli {
namespace {

std::string consul_token(const parsed_flags& given) {
  if (auto token = flag_or_environment(given, "consul-token", "CONSUL_HTTP_TOKEN"); !token.empty()) return token;
  auto path = flag_or_environment(given, "consul-token-file", "CONSUL_HTTP_TOKEN_FILE");
  std::ifstream file(path);
  std::string line;
  if (!path.empty() && file) std::getline(file, line);
  return std::string(trim(line));
}

bool take(other_api& api, debug_capture& to, const std::string& file, std::string path) {
  auto answer = api.send({.path = path});
  if (!answer) {
    to.note_failure(file, fmt::format("{}: {}", path, answer.error().text()));
    return false;
  }
  to.add(file, std::move(answer->body));
  return true;
}

}  // namespace

void take_consul(context& c, debug_capture& to) {
  auto address = flag_or_environment(c.flags, "consul-http-addr", "CONSUL_HTTP_ADDR");
  if (address.empty()) return;
  if (address.find("://") == address.npos && flag_or_environment(c.flags, "", "CONSUL_HTTP_SSL") == "true") address = "https://" + address;
  c.say("Consul - Collecting Consul API data from: " + address);
  other_api_options options{.address = address,
                            .ca_file = flag_or_environment(c.flags, "consul-ca-cert", "CONSUL_CACERT"),
                            .ca_directory = flag_or_environment(c.flags, "consul-ca-path", "CONSUL_CAPATH"),
                            .certificate_file = flag_or_environment(c.flags, "consul-client-cert", "CONSUL_CLIENT_CERT"),
                            .key_file = flag_or_environment(c.flags, "consul-client-key", "CONSUL_CLIENT_KEY")};
  if (auto token = consul_token(c.flags); !token.empty()) options.headers.emplace_back("X-Consul-Token", token);
  if (auto auth = flag_or_environment(c.flags, "consul-auth", "CONSUL_HTTP_AUTH"); !auth.empty())
    options.headers.emplace_back("Authorization", "Basic " + base64_encode(auth));
  auto api = other_api::create(std::move(options));
  if (!api) return to.note_failure("cluster/consul-leader.json", api.error().text());
  if (!take(**api, to, "cluster/consul-leader.json", "/v1/status/leader")) {
    c.say("Unable to contact Consul leader, skipping: " + to.failures().at("cluster/consul-leader.json"));
    return;
  }
  for (std::string_view part : {"host", "members", "metrics", "self"})
    take(**api, to, fmt::format("cluster/consul-agent-{}.json", part), fmt::format("/v1/agent/{}", part));
}

void take_vault(context& c, debug_capture& to) {
  auto address = flag_or_environment(c.flags, "vault-address", "VAULT_ADDR");
  if (address.empty()) return;
  c.say("Vault - Collecting Vault API data from: " + address);
  other_api_options options{.address = address,
                            .ca_file = flag_or_environment(c.flags, "vault-ca-cert", "VAULT_CACERT"),
                            .ca_directory = flag_or_environment(c.flags, "vault-ca-path", "VAULT_CAPATH"),
                            .certificate_file = flag_or_environment(c.flags, "vault-client-cert", "VAULT_CLIENT_CERT"),
                            .key_file = flag_or_environment(c.flags, "vault-client-key", "VAULT_CLIENT_KEY")};
  if (auto token = flag_or_environment(c.flags, "vault-token", "VAULT_TOKEN"); !token.empty()) options.headers.emplace_back("X-Vault-Token", token);
  auto api = other_api::create(std::move(options));
  if (!api) return to.note_failure("cluster/vault-sys-health.json", api.error().text());
  take(**api, to, "cluster/vault-sys-health.json", "/v1/sys/health");
}

}  // namespace drover::cli
