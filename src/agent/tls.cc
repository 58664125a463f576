#include "agent/tls.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "agent/limits.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "crypto/limits.h"
#include "crypto/role_name.h"

namespace drover::agent {
namespace {

constexpr std::string_view versions[] = {"", "tls10", "tls11", "tls12", "tls13"};

net::tls_options options_of(const tls_config& rules) {
  return {.certificate_file = rules.cert_file,
          .key_file = rules.key_file,
          .ca_file = rules.ca_file,
          .min_version = rules.tls_min_version,
          .cipher_suites = rules.tls_cipher_suites};
}

std::string shown(std::span<const std::string> names) {
  return names.empty() ? "nobody (no certificate)" : join(std::vector<std::string>(names.begin(), names.end()), ", ");
}

result<std::string> read_pem(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(errc::invalid, "TLS certificate {}: {}", path, std::system_category().message(errno));
  std::string text(crypto::pem_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

}  // namespace

result<> check_tls(const tls_config& config) {
  auto missing = [&](const std::string& value, std::string_view key, std::string_view needed_by) -> result<> {
    if (!value.empty()) return {};
    return fail(errc::invalid, "tls.{} is true, so tls.{} must name a PEM file: `tls ca create` and `tls cert create` make one", needed_by, key);
  };
  if (config.rpc) {
    TRY(missing(config.ca_file, "ca_file", "rpc"));
    TRY(missing(config.cert_file, "cert_file", "rpc"));
    TRY(missing(config.key_file, "key_file", "rpc"));
  }
  if (config.http) {
    TRY(missing(config.cert_file, "cert_file", "http"));
    TRY(missing(config.key_file, "key_file", "http"));
    if (config.verify_https_client) TRY(missing(config.ca_file, "ca_file", "verify_https_client"));
  }
  if (std::ranges::find(versions, config.tls_min_version) == std::end(versions))
    return fail(errc::invalid, "tls.tls_min_version is \"{}\": use tls10, tls11, tls12 or tls13", config.tls_min_version);
  return {};
}

result<std::unique_ptr<agent_tls>> agent_tls::create(const agent_config& config, const env::clock& clock) {
  auto made = std::unique_ptr<agent_tls>(new agent_tls(config.region, clock));
  TRY_ASSIGN(made->now_, made->load(config.tls));
  if (!made->is_used()) return made;
  if (auto expires = made->valid_until(config.tls)) made->say_loaded(*expires);
  else made->logger_.error("nobody will accept the TLS certificate", {{"error", expires.error().text()}});
  return made;
}

result<> agent_tls::reload(const agent_config& config) {
  TRY_ASSIGN(auto fresh, load(config.tls));
  bool used = config.tls.rpc || config.tls.http;
  timestamp expires;
  if (used) {
    TRY_ASSIGN(expires, valid_until(config.tls));
  }
  now_ = std::move(fresh);
  by_region_.clear();
  if (used) say_loaded(expires);
  return {};
}

result<agent_tls::loaded> agent_tls::load(const tls_config& rules) const {
  TRY(check_tls(rules));
  loaded out{.rules = rules, .outgoing = {}, .incoming = {}, .https = {}, .to_nodes = {}};
  if (rules.rpc) {
    auto options = options_of(rules);
    options.verify_name = false;
    TRY_ASSIGN(out.outgoing, net::tls_context::client(options));
    options = options_of(rules);
    if (rules.verify_server_hostname)
      options.check_peer = [region = region_](const std::vector<std::string>& names) -> result<> {
        if (crypto::may_connect(names, region)) return {};
        return fail(errc::permission_denied, "invalid role or region for certificate: it must be for {} or {}, and is for {}",
                    crypto::role_name("server", region), crypto::role_name("client", region), shown(names));
      };
    TRY_ASSIGN(out.incoming, net::tls_context::server(options));
  }
  if (rules.http) {
    auto options = options_of(rules);
    if (!rules.verify_https_client) options.ca_file.clear();
    TRY_ASSIGN(out.https, net::tls_context::server(options));
    options = options_of(rules);
    options.verify_name = false;
    options.check_peer = [region = region_](const std::vector<std::string>& names) -> result<> {
      if (crypto::is_client_of(names, region) || crypto::is_server_of(names, region)) return {};
      return fail(errc::permission_denied, "the certificate must be for {} or {}, and is for {}", crypto::role_name("client", region),
                  crypto::role_name("server", region), shown(names));
    };
    TRY_ASSIGN(out.to_nodes, net::tls_context::client(options));
  }
  return out;
}

result<timestamp> agent_tls::valid_until(const tls_config& rules) const {
  TRY_ASSIGN(auto text, read_pem(rules.cert_file));
  auto info = crypto::read_certificate(text);
  if (!info) return wrap(info.error(), "TLS certificate " + rules.cert_file);
  auto now = clock_.now();
  if (info->not_after <= now) return fail(errc::invalid, "TLS certificate {} expired at {}", rules.cert_file, to_rfc3339(info->not_after));
  if (info->not_before > now)
    return fail(errc::invalid, "TLS certificate {} is valid from {} on; is the clock right?", rules.cert_file, to_rfc3339(info->not_before));
  return info->not_after;
}

void agent_tls::say_loaded(timestamp expires) const {
  if (expires - clock_.now() < certificate_warning)
    logger_.warn("the TLS certificate expires soon", {{"certificate", now_.rules.cert_file}, {"expires", to_rfc3339(expires)}});
  else logger_.info("TLS certificates loaded", {{"certificate", now_.rules.cert_file}, {"expires", to_rfc3339(expires)}});
}

std::shared_ptr<const net::tls_context> agent_tls::outgoing(const std::string& region) const {
  if (!now_.outgoing || !now_.rules.verify_server_hostname) return now_.outgoing;
  // Regions come from requests and gossip: what is kept of them has an end.
  if (by_region_.size() >= tls_regions_max && !by_region_.contains(region)) by_region_.clear();
  auto& known = by_region_[region];
  if (!known) known = now_.outgoing->expecting(crypto::role_name("server", region));
  return known;
}

result<> agent_tls::may_speak_raft(std::span<const std::string> names) const {
  if (!verifies_names() || now_.rules.rpc_upgrade_mode || crypto::is_server_of(names, region_)) return {};
  return fail(errc::permission_denied, "unauthorized raft connection: the certificate must be for {}, and is for {}", crypto::role_name("server", region_),
              shown(names));
}

result<> agent_tls::may_call_as_server(std::span<const std::string> names) const {
  if (!verifies_names() || crypto::is_server_of(names, region_)) return {};
  return fail(errc::permission_denied, "invalid certificate, {} not in {}", crypto::role_name("server", region_), shown(names));
}

result<> agent_tls::may_call_as_node(std::span<const std::string> names) const {
  if (!verifies_names() || crypto::is_client_of(names, region_) || crypto::is_server_of(names, region_)) return {};
  return fail(errc::permission_denied, "invalid certificate, {} not in {}", crypto::role_name("client", region_), shown(names));
}

}  // namespace drover::agent
