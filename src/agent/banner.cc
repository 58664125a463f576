#include "agent/banner.h"

#include <algorithm>

#include "base/text.h"

namespace drover::agent {

std::string banner(const agent_config& config, const std::vector<std::string>& http_addresses) {
  auto triple = [](std::string http, std::string rpc, std::string serf) { return fmt::format("HTTP: {}; RPC: {}; Serf: {}", http, rpc, serf); };
  std::vector<std::pair<std::string, std::string>> rows = {
      {"Advertise Addrs", triple(advertised_address(config, &addresses_config::http), advertised_address(config, &addresses_config::rpc),
                                 advertised_address(config, &addresses_config::serf))},
      {"Bind Addrs", fmt::format("HTTP: {}", join(http_addresses, ", "))},
      {"Client", config.client.enabled ? "true" : "false"},
      {"Log Level", to_upper(config.log_level)},
      {"Region", fmt::format("{} (DC: {})", config.region, config.datacenter)},
      {"Server", config.server.enabled ? "true" : "false"},
      {"Version", DROVER_VERSION},
  };
  constexpr size_t width = 22;
  std::string out = "==> Drover agent configuration:\n\n";
  for (const auto& [name, text] : rows) out += fmt::format("{:>{}}: {}\n", name, width, text);
  return out + "\n==> Drover agent started! Log data will stream in below:\n\n";
}

}  // namespace drover::agent
