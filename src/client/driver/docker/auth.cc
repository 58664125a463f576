#include "client/driver/docker/auth.h"

#include <fstream>

#include "base/bytes.h"
#include "base/text.h"
#include "client/driver/docker/api.h"
#include "client/driver/docker/limits.h"
#include "client/exec/program.h"
#include "codec/json.h"

namespace drover::client::docker {

namespace {
constexpr std::string_view hub_key = "https://index.docker.io/v1/";

std::string key_of(const std::string& registry) { return registry == "docker.io" ? std::string(hub_key) : registry; }

// "https://host/v1/" and "host" are the same registry.
std::string_view host_of(std::string_view key) {
  for (std::string_view scheme : {"https://", "http://"})
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  return key.substr(0, key.find('/'));
}

result<std::string> read_limited(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(errc::not_found, "cannot open {}", path);
  std::string text(limits::auth_file_bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > limits::auth_file_bytes_max) return fail(errc::too_large, "{} is larger than {} bytes", path, limits::auth_file_bytes_max);
  return text;
}

result<registry_auth> decode_entry(const value& entry, const std::string& path) {
  registry_auth out{.username = text_at(entry, "username"), .password = text_at(entry, "password"), .email = text_at(entry, "email"), .server_address = {}};
  if (auto encoded = text_at(entry, "auth"); !encoded.empty()) {
    auto plain = base64_decode(encoded);
    auto colon = plain ? plain->find(':') : std::string::npos;
    if (colon == std::string::npos) return fail(errc::invalid, "{}: an \"auth\" in it is not the base64 form of NAME:PASSWORD", path);
    out.username = plain->substr(0, colon);
    out.password = plain->substr(colon + 1);
    while (out.password.ends_with('\0')) out.password.pop_back();
  }
  return out;
}
}  // namespace

result<registry_auth> auth_from_helper(const std::string& helper, const std::string& registry) {
  auto program = "docker-credential-" + helper;
  auto key = key_of(registry);
  auto ask = exec::with_own_env({program, "get"});
  ask.input = key;
  ask.timeout = limits::helper_timeout;
  TRY_ASSIGN(auto text, exec::output_of(ask));
  auto answer = codec::value_from_json(text);
  if (!answer) return fail(errc::invalid, "{} did not answer in JSON", program);
  registry_auth out{.username = text_at(*answer, "Username"), .password = text_at(*answer, "Secret"), .email = {}, .server_address = registry};
  return out;
}

result<registry_auth> auth_from_file(const std::string& path, const std::string& registry) {
  TRY_ASSIGN(auto text, read_limited(path));
  auto decoded = codec::value_from_json(text);
  if (!decoded) return fail(errc::invalid, "{} is not JSON: {}", path, decoded.error().text());
  auto key = key_of(registry);
  if (auto* helpers = decoded->find("credHelpers"); helpers && helpers->as_object())
    for (auto& [name, helper] : *helpers->as_object())
      if (host_of(name) == host_of(key) && helper.as_string()) return auth_from_helper(*helper.as_string(), registry);
  if (auto* auths = decoded->find("auths"); auths && auths->as_object())
    for (auto& [name, entry] : *auths->as_object()) {
      if (host_of(name) != host_of(key)) continue;
      TRY_ASSIGN(auto found, decode_entry(entry, path));
      found.server_address = registry;
      if (!found.empty()) return found;
    }
  if (auto store = text_at(*decoded, "credsStore"); !store.empty()) return auth_from_helper(store, registry);
  return registry_auth{};
}

std::string auth_header(const registry_auth& auth) {
  value::object out;
  out.set("username", auth.username);
  out.set("password", auth.password);
  if (!auth.email.empty()) out.set("email", auth.email);
  if (!auth.server_address.empty()) out.set("serveraddress", auth.server_address);
  // The alphabet for URLs.
  auto text = base64_encode(codec::value_to_json(value(std::move(out))));
  for (auto& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

}  // namespace drover::client::docker
