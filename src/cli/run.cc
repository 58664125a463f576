#include "cli/run.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "cli/complete.h"
#include "cli/registry.h"

namespace drover::cli {
namespace {

constexpr int unknown_command_exit = 127;

std::string program_name(const char* path) {
  std::string_view name = path == nullptr ? "drover" : path;
  if (auto slash = name.rfind('/'); slash != std::string_view::npos) name.remove_prefix(slash + 1);
  return std::string(name);
}

std::string setting(const parsed_flags& flags, std::string_view flag, const char* variable) {
  if (flags.has(flag)) return flags.text(flag);
  const char* text = std::getenv(variable);
  return text == nullptr ? std::string() : std::string(text);
}

api_options options_of(const parsed_flags& flags) {
  api_options out;
  if (auto address = setting(flags, "address", "NOMAD_ADDR"); !address.empty()) out.address = address;
  while (out.address.size() > 1 && out.address.ends_with('/')) out.address.pop_back();
  out.region = setting(flags, "region", "NOMAD_REGION");
  out.namespace_ = setting(flags, "namespace", "NOMAD_NAMESPACE");
  out.token = setting(flags, "token", "NOMAD_TOKEN");
  if (const char* auth = std::getenv("NOMAD_HTTP_AUTH")) out.basic_auth = auth;
  out.ca_file = setting(flags, "ca-cert", "NOMAD_CACERT");
  if (out.ca_file.empty()) out.ca_directory = setting(flags, "ca-path", "NOMAD_CAPATH");
  out.certificate_file = setting(flags, "client-cert", "NOMAD_CLIENT_CERT");
  out.key_file = setting(flags, "client-key", "NOMAD_CLIENT_KEY");
  out.tls_server_name = setting(flags, "tls-server-name", "NOMAD_TLS_SERVER_NAME");
  const char* skip = std::getenv("NOMAD_SKIP_VERIFY");
  out.tls_verify = !(flags.on("tls-skip-verify") || flags.on("insecure") || (skip != nullptr && parse_bool(skip).value_or(false)));
  return out;
}

int run_command(const command& c, std::string program, std::span<const std::string> words, const agent_functions& agent) {
  flag_rules rules{.own = c.flags, .shared = client_flags(), .stop_at_argument = c.stop_at_argument};
  auto line = parse_command_line(words, rules);
  if (!line) {
    terminal out(false);
    out.complain(fmt::format("{}\nFor additional help try '{} {} -h'", line.error().message(), program, c.name));
    return 1;
  }
  terminal out(terminal::wants_colours(line->flags.on("no-color"), line->flags.on("force-color")));
  if (line->help) {
    out.say(help_of(c, program));
    return 0;
  }
  api_client api(options_of(line->flags));
  context with{.self = c,
               .program = std::move(program),
               .flags = std::move(line->flags),
               .arguments = std::move(line->arguments),
               .out = out,
               .api = api,
               .agent = agent};
  auto code = c.run(with);
  if (!code) {
    out.complain(code.error().text());
    return 1;
  }
  return *code;
}

// The shell asks with the line in the environment; or the shells are told to.
std::optional<int> complete(const std::string& program, const std::vector<std::string>& words) {
  if (const char* line = std::getenv("COMP_LINE"); line != nullptr && words.size() <= 3) {
    terminal out(false);
    for (const auto& each : completions(line)) out.say(each);
    return 0;
  }
  if (words.size() != 1 || (words[0] != "-autocomplete-install" && words[0] != "-autocomplete-uninstall")) return std::nullopt;
  terminal out(false);
  const char* home = std::getenv("HOME");
  std::error_code code;
  auto path = std::filesystem::read_symlink("/proc/self/exe", code).string();
  auto done = words[0] == "-autocomplete-install" ? install_completion(program, path, home == nullptr ? "" : home)
                                                  : uninstall_completion(program, path, home == nullptr ? "" : home);
  if (done) out.say(*done);
  else out.complain(done.error().text());
  return done ? 0 : 1;
}

}  // namespace

int run(int argc, char** argv, const agent_functions& agent) {
  auto program = program_name(argc > 0 ? argv[0] : nullptr);
  bool is_doctor = argc > 2 && std::string_view(argv[2]) == "doctor";
  if (argc > 1 && std::string_view(argv[1]) == "agent" && !is_doctor) return agent.run(argc - 2, argv + 2);
  // A closed pipe is the end of output, not of us: exec must restore the terminal.
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (auto code = complete(program, words)) return *code;
  if (!words.empty() && (words[0] == "-v" || words[0] == "-version" || words[0] == "--version")) words[0] = "version";
  terminal out(false);
  if (words.empty() || words[0] == "-h" || words[0] == "-help" || words[0] == "--help" || words[0] == "help") {
    (words.empty() ? out.complain(overview(program)) : out.say(overview(program)));
    return words.empty() ? unknown_command_exit : 0;
  }
  if (auto found = find_command(words)) return run_command(*found->self, std::move(program), std::span(words).subspan(found->words), agent);
  std::string group;
  for (const auto& word : words) {
    auto longer = group.empty() ? word : group + " " + word;
    if (members_of(longer).empty()) break;
    group = longer;
  }
  bool only_group = !group.empty() && (split(group, ' ').size() == words.size() || words[split(group, ' ').size()].starts_with('-'));
  if (only_group) {
    out.say(group_overview(program, group));
    // Asked for, or all that could be done.
    return split(group, ' ').size() == words.size() ? 1 : 0;
  }
  auto hint = did_you_mean(words);
  out.complain(fmt::format("{}: \"{}\" is no command.{}\n\n{}", program, join(words, " "), hint.empty() ? "" : " Did you mean \"" + hint + "\"?",
                           group.empty() ? overview(program) : group_overview(program, group)));
  return unknown_command_exit;
}

}  // namespace drover::cli
