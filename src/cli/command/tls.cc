// tls ca create, tls ca info, tls cert create, tls cert info: a cluster's certificates, under the names that its configuration files expect.
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <span>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/table.h"
#include "cli/job_file.h"
#include "cli/output_file.h"
#include "crypto/certificate.h"
#include "crypto/role_name.h"

namespace drover::cli::commands {
namespace {

constexpr std::string_view default_domain = "nomad";
constexpr int key_mode = 0600;

std::string or_default(const context& c, std::string_view flag, std::string_view otherwise) {
  return c.flags.has(flag) ? c.flags.text(flag) : std::string(otherwise);
}

// "2031-11-20 12:02:44 +0000 UTC".
std::string utc_time(timestamp t) {
  auto at = to_civil(t);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} +0000 UTC", at.year, at.month, at.day, at.hour, at.minute, at.second);
}

std::string bracketed(const std::vector<std::string>& items) { return "[" + join(items, " ") + "]"; }

struct output_pair {
  std::string certificate_path, key_path;
  std::string_view certificate_is, key_is;  // for "... 'x' already exists"
};

result<> check_absent(const output_pair& paths) {
  if (::access(paths.certificate_path.c_str(), F_OK) == 0)
    return fail(errc::exists, "{} file '{}' already exists", paths.certificate_is, paths.certificate_path);
  if (::access(paths.key_path.c_str(), F_OK) == 0) return fail(errc::exists, "{} file '{}' already exists", paths.key_is, paths.key_path);
  return {};
}

// The key first: a certificate without its key is of no use, and its presence would stop the next attempt.
result<> write_pair(const output_pair& paths, const crypto::certified_key& pair) {
  TRY(write_new_file(paths.key_path, pair.key, key_mode));
  auto written = write_new_file(paths.certificate_path, pair.certificate);
  if (!written) ::unlink(paths.key_path.c_str());
  return written;
}

constexpr flag_spec ca_create_flags[] = {
    {"additional-domain", flag_kind::list, "One more DNS zone that certificates may name. With -name-constraint; may be given many times."},
    {"common-name", flag_kind::text, "Common name; \"Nomad Agent CA\" unless the CA is customized."},
    {"country", flag_kind::text, "Country, two letters."},
    {"days", flag_kind::number, "How long it is valid: 1825 days unless this says otherwise."},
    {"domain", flag_kind::text, "Domain of the cluster, \"nomad\". With -name-constraint."},
    {"locality", flag_kind::text, "Town."},
    {"name-constraint", flag_kind::boolean, "Its certificates may name only hosts of -domain, -additional-domain and localhost."},
    {"organization", flag_kind::text, "Organization."},
    {"organizational-unit", flag_kind::text, "Organizational unit."},
    {"postal-code", flag_kind::text, "Postal code."},
    {"province", flag_kind::text, "Province or state."},
    {"street-address", flag_kind::text, "Street and number."},
};

// All of a customized subject, or none of it. Nothing: a sentence was printed.
std::optional<crypto::subject_name> subject_of(context& c) {
  constexpr std::string_view parts[] = {"common-name", "country",  "organization", "organizational-unit",
                                        "postal-code", "province", "locality",     "street-address"};
  constexpr size_t needed = 4;
  if (std::ranges::none_of(parts, [&](std::string_view part) { return c.flags.has(part); }))
    return crypto::subject_name{.common_name = "Nomad Agent CA", .organization = "Drover", .organizational_unit = "Nomad"};
  for (auto part : std::span(parts).first(needed)) {
    if (!c.flags.text(part).empty()) continue;
    (void)c.misused(fmt::format("Please provide the -{} flag when customizing the CA", part));
    return std::nullopt;
  }
  return crypto::subject_name{.common_name = c.flags.text("common-name"),
                              .country = c.flags.text("country"),
                              .postal_code = c.flags.text("postal-code"),
                              .province = c.flags.text("province"),
                              .locality = c.flags.text("locality"),
                              .street_address = c.flags.text("street-address"),
                              .organization = c.flags.text("organization"),
                              .organizational_unit = c.flags.text("organizational-unit")};
}

result<int> run_ca_create(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  auto domain = or_default(c, "domain", default_domain);
  bool constrained = c.flags.on("name-constraint");
  if (constrained && domain == default_domain) return fail(errc::invalid, "Please provide the -domain flag if you want to enable custom domain constraints");
  if (!constrained && (domain != default_domain || c.flags.has("additional-domain")))
    return fail(errc::invalid, "Please provide the -name-constraint flag to use a custom domain constraint");
  auto subject = subject_of(c);
  if (!subject) return 1;
  output_pair paths{domain + "-agent-ca.pem", domain + "-agent-ca-key.pem", "CA certificate", "CA key"};
  TRY(check_absent(paths));
  crypto::authority_request request{.subject = *subject, .from = now(), .days = c.flags.number("days", 1825)};
  if (constrained) {
    request.permitted_domains = {domain, "localhost", std::string(default_domain)};
    for (auto& each : c.flags.list("additional-domain")) request.permitted_domains.push_back(each);
  }
  TRY_ASSIGN(auto made, crypto::make_authority(request));
  TRY(write_pair(paths, made));
  c.say(fmt::format("==> CA certificate saved to: {}", paths.certificate_path));
  c.say(fmt::format("==> CA certificate key saved to: {}", paths.key_path));
  return 0;
}

constexpr flag_spec cert_create_flags[] = {
    {"additional-dnsname", flag_kind::list, "One more DNS name; localhost is always there. May be given many times."},
    {"additional-ipaddress", flag_kind::list, "One more IP address; servers and clients always have 127.0.0.1. May be given many times."},
    {"ca", flag_kind::text, "PEM file of the CA; DOMAIN-agent-ca.pem unless this says otherwise."},
    {"cli", flag_kind::boolean, "A certificate for people and their tools."},
    {"client", flag_kind::boolean, "A certificate for a client agent."},
    {"days", flag_kind::number, "How long it is valid: 365 days unless this says otherwise."},
    {"domain", flag_kind::text, "Last part of the name, \"nomad\": agents accept no other, but files are called by it."},
    {"key", flag_kind::text, "PEM file of the CA's key; DOMAIN-agent-ca-key.pem unless this says otherwise."},
    {"region", flag_kind::text, "Region of the agent, \"global\" unless this or NOMAD_REGION says otherwise."},
    {"server", flag_kind::boolean, "A certificate for a server agent."},
};

struct role {
  std::string_view name, certificate_shown, key_shown;
};
constexpr role roles[] = {{"server", "Server", "Server"}, {"client", "Client", "Client"}, {"cli", "Cli", "CLI"}};

const role* chosen_role(const context& c) {
  const role* out = nullptr;
  for (const auto& each : roles) {
    if (!c.flags.on(each.name)) continue;
    if (out != nullptr) return nullptr;
    out = &each;
  }
  return out;
}

constexpr std::string_view server_warning =
    "==> WARNING: Server Certificates grants authority to become a\n"
    "    server and access all state in the cluster including root keys\n"
    "    and all ACL tokens. Do not distribute them to production hosts\n"
    "    that are not server nodes. Store them as securely as CA keys.";

result<int> run_cert_create(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  const auto* chosen = chosen_role(c);
  if (chosen == nullptr) return fail(errc::invalid, "Please provide either -server, -client, or -cli");
  auto domain = or_default(c, "domain", default_domain);
  const auto& region_setting = c.api.options().region;
  auto region = region_setting.empty() ? std::string("global") : region_setting;
  auto prefix = fmt::format("{}-{}-{}", region, chosen->name, domain);
  output_pair paths{prefix + ".pem", prefix + "-key.pem", "Certificate", "Key"};
  TRY(check_absent(paths));
  auto ca_path = or_default(c, "ca", domain + "-agent-ca.pem"), ca_key_path = or_default(c, "key", domain + "-agent-ca-key.pem");
  auto ca_text = read_input(ca_path);
  if (!ca_text) return context::failed("reading CA", ca_text.error());
  auto ca_key_text = read_input(ca_key_path);
  if (!ca_key_text) return context::failed("reading CA key", ca_key_text.error());
  if (chosen->name == "server") c.out.complain(server_warning);
  c.say(fmt::format("==> Using CA file {} and CA key {}", ca_path, ca_key_path));
  crypto::certificate_request request{.common_name = crypto::role_name(chosen->name, region, domain),
                                      .dns_names = c.flags.list("additional-dnsname"),
                                      .addresses = c.flags.list("additional-ipaddress"),
                                      .from = now(),
                                      .days = c.flags.number("days", 365)};
  request.dns_names.push_back(request.common_name);
  request.dns_names.emplace_back("localhost");
  if (chosen->name != "cli") request.addresses.emplace_back("127.0.0.1");
  TRY_ASSIGN(auto made, crypto::make_certificate({*ca_text, *ca_key_text}, request));
  TRY(write_pair(paths, made));
  c.say(fmt::format("==> {} Certificate saved to {}", chosen->certificate_shown, paths.certificate_path));
  c.say(fmt::format("==> {} Certificate key saved to {}", chosen->key_shown, paths.key_path));
  return 0;
}

format::table about(const crypto::certificate_info& info) {
  format::table t({"Serial Number", info.serial_number});
  t.add({"Issuer CN", info.issuer_common_name});
  t.add({"Common Name", info.subject});
  t.add({"Expiry Date", utc_time(info.not_after)});
  return t;
}

result<int> run_ca_info(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <CA file>");
  auto text = read_input(c.arguments[0]);
  if (!text) return context::failed("reading CA file", text.error());
  TRY_ASSIGN(auto info, crypto::read_certificate(*text));
  auto t = about(info);
  t.add({"Permitted DNS Domains", bracketed(info.permitted_domains)});
  c.say(t.text());
  return 0;
}

result<int> run_cert_info(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <certificate file>");
  auto text = read_input(c.arguments[0]);
  if (!text) return context::failed("reading certificate file", text.error());
  TRY_ASSIGN(auto info, crypto::read_certificate(*text));
  auto t = about(info);
  t.add({"DNS Names", bracketed(info.dns_names)});
  t.add({"IP Addresses", bracketed(info.addresses)});
  c.say(t.text());
  return 0;
}

}  // namespace

const command tls_ca_create = {
    .name = "tls ca create",
    .synopsis = "Make a certificate authority",
    .usage = "[options]",
    .help = "Writes DOMAIN-agent-ca.pem and its key, DOMAIN-agent-ca-key.pem. Whoever has the key can make certificates for the whole cluster.",
    .flags = ca_create_flags,
    .run = &run_ca_create,
    .local = true,
};
const command tls_ca_info = {.name = "tls ca info",
                             .synopsis = "Show a certificate authority",
                             .usage = "<CA file>",
                             .help = "What the certificate of an authority says.",
                             .flags = {},
                             .run = &run_ca_info,
                             .local = true};
const command tls_cert_create = {
    .name = "tls cert create",
    .synopsis = "Make a certificate for an agent or the command line",
    .usage = "(-server | -client | -cli) [options]",
    .help = "Writes REGION-ROLE-DOMAIN.pem and its key, REGION-ROLE-DOMAIN-key.pem, signed by the authority of `tls ca create`.",
    .flags = cert_create_flags,
    .run = &run_cert_create,
    .local = true,
};
const command tls_cert_info = {.name = "tls cert info",
                               .synopsis = "Show a certificate",
                               .usage = "<certificate file>",
                               .help = "What a certificate says.",
                               .flags = {},
                               .run = &run_cert_info,
                               .local = true};

}  // namespace drover::cli::commands
