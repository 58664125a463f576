// What `operator debug` collects: the files of the archive, what could not be had, and what flows while the rest is asked for (logs, events).
//
// One thread: the streams run on the loop of the command's API client, which turns while a request is under way and in debug_streams::wait().
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "cli/command.h"

namespace drover::cli {

class debug_capture {
 public:
  explicit debug_capture(context& c) : c_(c) {}

  // The answer of a path as a file; what fails is noted and the rest goes on.
  std::optional<std::string> take(const std::string& file, api_request ask);
  void add(const std::string& file, std::string text);
  void note_failure(const std::string& file, std::string why) { failures_[file] = std::move(why); }
  // "index.json": what there is and what could not be had.
  void add_index();
  const std::map<std::string, std::string>& files() const { return files_; }
  const std::map<std::string, std::string>& failures() const { return failures_; }

 private:
  context& c_;
  std::map<std::string, std::string> files_, failures_;
};

class debug_streams {
 public:
  enum class kind { frames, events };
  explicit debug_streams(api_client& api);
  ~debug_streams();  // Requires: stop() was called
  // Into `file` until stop(); of events each gets a line of its own.
  void follow(std::string file, api_request ask, kind what);
  void wait(timestamp until);
  // What came so far goes into `to`.
  void stop(debug_capture& to);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

// Consul's and Vault's own state, where their addresses were given.
inline constexpr flag_spec debug_external_flags[] = {
    {"consul-http-addr", flag_kind::text, "Address of Consul's HTTP API; else CONSUL_HTTP_ADDR. Without either nothing of it is captured."},
    {"consul-auth", flag_kind::text, "Name and password for Consul, \"name:password\"; else CONSUL_HTTP_AUTH."},
    {"consul-token", flag_kind::text, "Token for Consul; else CONSUL_HTTP_TOKEN, else the token file."},
    {"consul-token-file", flag_kind::text, "File with a token for Consul; else CONSUL_HTTP_TOKEN_FILE."},
    {"consul-client-cert", flag_kind::text, "Certificate to show to Consul; else CONSUL_CLIENT_CERT."},
    {"consul-client-key", flag_kind::text, "Its key; else CONSUL_CLIENT_KEY."},
    {"consul-ca-cert", flag_kind::text, "CA of Consul's certificate; else CONSUL_CACERT."},
    {"consul-ca-path", flag_kind::text, "Directory of CAs of Consul's certificate; else CONSUL_CAPATH."},
    {"vault-address", flag_kind::text, "Address of Vault's HTTP API; else VAULT_ADDR. Without either nothing of it is captured."},
    {"vault-token", flag_kind::text, "Token for Vault; else VAULT_TOKEN."},
    {"vault-client-cert", flag_kind::text, "Certificate to show to Vault; else VAULT_CLIENT_CERT."},
    {"vault-client-key", flag_kind::text, "Its key; else VAULT_CLIENT_KEY."},
    {"vault-ca-cert", flag_kind::text, "CA of Vault's certificate; else VAULT_CACERT."},
    {"vault-ca-path", flag_kind::text, "Directory of CAs of Vault's certificate; else VAULT_CAPATH."},
};
void take_consul(context& c, debug_capture& to);
void take_vault(context& c, debug_capture& to);

}  // namespace drover::cli
