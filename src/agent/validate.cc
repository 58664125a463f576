#include "agent/validate.h"

#include "agent/config.h"
#include "agent/tls.h"

namespace drover::agent {

result<std::vector<std::string>> validate_config(const std::vector<std::string>& paths) {
  auto config = default_config();
  for (const auto& path : paths) TRY(apply_path(config, path));
  TRY(finish(config));
  std::vector<std::string> out;
  // The certificates may be on another machine than these files.
  if (auto tls = agent_tls::create(config); !tls) out.push_back(tls.error().text());
  if (!config.tls.http || !config.tls.rpc) out.emplace_back("mTLS is not configured - Nomad is not secure without mTLS!");
  if (config.server.enabled && config.server.bootstrap_expect == 1) out.emplace_back("Bootstrap mode enabled! Potentially unsafe operation.");
  for (auto& sentence : unused_settings(config)) out.push_back(std::move(sentence));
  return out;
}

}  // namespace drover::agent
