#include "cli/flags.h"

#include "base/text.h"
#include "base/time.h"

namespace drover::cli {

bool parsed_flags::on(std::string_view name, bool otherwise) const {
  auto found = values_.find(name);
  return found == values_.end() ? otherwise : found->second.back() == "true";
}

std::string parsed_flags::text(std::string_view name) const {
  auto found = values_.find(name);
  return found == values_.end() ? std::string() : found->second.back();
}

int64_t parsed_flags::number(std::string_view name, int64_t otherwise) const {
  auto found = values_.find(name);
  return found == values_.end() ? otherwise : parse_int(found->second.back()).value_or(otherwise);
}

std::vector<std::string> parsed_flags::list(std::string_view name) const {
  auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

namespace {

const flag_spec* find_flag(const flag_rules& rules, std::string_view name) {
  for (const auto& f : rules.own)
    if (f.name == name) return &f;
  for (const auto& f : rules.shared)
    if (f.name == name) return &f;
  return nullptr;
}

std::unexpected<error> unknown_flag(const flag_rules& rules, std::string_view name) {
  std::vector<std::string> known;
  for (const auto& f : rules.own) known.emplace_back(f.name);
  for (const auto& f : rules.shared) known.emplace_back(f.name);
  auto near = nearest(name, known);
  if (near) return fail(errc::invalid, "flag provided but not defined: -{}. Did you mean \"-{}\"?", name, *near);
  return fail(errc::invalid, "flag provided but not defined: -{}", name);
}

// The text to keep: booleans become "true" or "false".
result<std::string> checked(const flag_spec& flag, std::string text) {
  switch (flag.kind) {
    case flag_kind::boolean: {
      auto b = parse_bool(text);
      if (!b) return fail(errc::invalid, "invalid value \"{}\" for flag -{}: it must be true or false", text, flag.name);
      return std::string(*b ? "true" : "false");
    }
    case flag_kind::number:
      if (!parse_int(text)) return fail(errc::invalid, "invalid value \"{}\" for flag -{}: it must be a whole number", text, flag.name);
      return text;
    case flag_kind::duration:
      if (!parse_duration(text))
        return fail(errc::invalid, "invalid value \"{}\" for flag -{}: it must be a length of time such as \"30s\" or \"1h30m\"", text, flag.name);
      return text;
    case flag_kind::text:
    case flag_kind::list: return text;
  }
  return text;
}

}  // namespace

result<command_line> parse_command_line(std::span<const std::string> words, const flag_rules& rules) {
  command_line out;
  for (size_t i = 0; i < words.size(); i++) {
    std::string_view word = words[i];
    if (word.size() < 2 || word[0] != '-') {
      if (rules.stop_at_argument) {
        out.arguments.assign(words.begin() + static_cast<long>(i), words.end());
        return out;
      }
      out.arguments.emplace_back(word);
      continue;
    }
    if (word == "--") {
      out.arguments.insert(out.arguments.end(), words.begin() + static_cast<long>(i) + 1, words.end());
      return out;
    }
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    std::optional<std::string> text;
    if (auto equals = word.find('='); equals != std::string_view::npos) {
      text = std::string(word.substr(equals + 1));
      word = word.substr(0, equals);
    }
    if (word == "h" || word == "help") {
      out.help = true;
      continue;
    }
    const auto* flag = find_flag(rules, word);
    if (flag == nullptr) return unknown_flag(rules, word);
    if (!text) {
      if (flag->kind == flag_kind::boolean) {
        text = "true";
      } else {
        if (i + 1 == words.size()) return fail(errc::invalid, "flag needs an argument: -{}", word);
        text = words[++i];
      }
    }
    TRY_ASSIGN(auto kept, checked(*flag, *std::move(text)));
    out.flags.add(std::string(flag->name), std::move(kept));
  }
  return out;
}

std::span<const flag_spec> client_flags() {
  static constexpr flag_spec flags[] = {
      {"address", flag_kind::text, "Address of the agent, http://127.0.0.1:4646 unless NOMAD_ADDR says otherwise. unix:///path is a socket."},
      {"region", flag_kind::text, "Region to send the request to; the agent's own if empty. Also NOMAD_REGION."},
      {"namespace", flag_kind::text, "Namespace to work in, \"*\" for all where a list is shown. Also NOMAD_NAMESPACE."},
      {"token", flag_kind::text, "Secret id of an ACL token. Also NOMAD_TOKEN."},
      {"ca-cert", flag_kind::text, "PEM file of the CA that signed the agent's certificate. Also NOMAD_CACERT."},
      {"ca-path", flag_kind::text, "Directory of such files. Also NOMAD_CAPATH."},
      {"client-cert", flag_kind::text, "PEM file of the certificate to show. Also NOMAD_CLIENT_CERT."},
      {"client-key", flag_kind::text, "PEM file of its key. Also NOMAD_CLIENT_KEY."},
      {"tls-server-name", flag_kind::text, "Name expected in the agent's certificate. Also NOMAD_TLS_SERVER_NAME."},
      {"tls-skip-verify", flag_kind::boolean, "Do not verify the agent's certificate. Also NOMAD_SKIP_VERIFY."},
      {"insecure", flag_kind::boolean, "The same as -tls-skip-verify."},
      {"no-color", flag_kind::boolean, "No colours. Also NOMAD_CLI_NO_COLOR."},
      {"force-color", flag_kind::boolean, "Colours even if the output is no terminal. Also NOMAD_CLI_FORCE_COLOR."},
  };
  return flags;
}

}  // namespace drover::cli
