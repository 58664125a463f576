// var put.
#include "base/text.h"
#include "cli/command/all.h"
#include "cli/command/var.h"
#include "cli/job_file.h"
#include "cli/variable_text.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {{"force", flag_kind::boolean, "Whatever the variable's index is."},
                               check_index_spec,
                               {"in", flag_kind::text, "hcl or json (default): what a specification from stdin, or from a file of another name, is."},
                               {"out", flag_kind::text, "go-template, hcl, json, none or table. On a terminal: none; otherwise: json."},
                               {"template", flag_kind::text, "Go template for -out=go-template."},
                               {"verbose", flag_kind::boolean, "Say more, on stderr."},
                               {"ui", flag_kind::boolean, "Say where the web page of the variable is."}};

bool is_source(const std::string& word) { return word == "-" || word.starts_with('@'); }

result<std::string> read_whole(const std::string& path) { return read_input(path); }

// PATH, @FILE or "-", then perhaps a source, then K=V: what is to be stored.
result<schema::variable> variable_of(const context& c) {
  std::vector<std::string> words = c.arguments;
  std::string path;
  if (!is_source(words[0])) {
    path = words[0];
    while (path.starts_with('/')) path.erase(0, 1);
    words.erase(words.begin());
  }
  auto format = c.flags.has("in") ? c.flags.text("in") : std::string("json");
  if (format != "hcl" && format != "json") return fail(errc::invalid, "Invalid value for \"-in\"; valid values are [hcl, json]");
  schema::variable v;
  if (!words.empty() && is_source(words[0])) {
    auto name = words[0] == "-" ? words[0] : words[0].substr(1);
    TRY_ASSIGN(auto text, read_input(name));
    auto parsed = parse_variable(format_of_file(name, format), name, std::move(text));
    if (!parsed) return wrap(std::move(parsed).error(), "Failed to parse variable data");
    v = *std::move(parsed);
    words.erase(words.begin());
  }
  auto changes = parse_items(words, &read_whole);
  if (!changes) return wrap(std::move(changes).error(), "Failed to parse K=V data");
  for (auto& [key, text] : *changes) {
    if (text.empty()) v.items.erase(key);
    else v.items[key] = std::move(text);
  }
  if (!path.empty()) v.path = path;
  if (v.path.empty()) return fail(errc::invalid, "Failed to parse variable data: the path is missing; give it as the first argument or in the specification");
  return v;
}

result<int> run(context& c) {
  if (c.arguments.empty()) return c.misused("Not enough arguments (expected >1, got 0)");
  if (c.arguments.size() == 1 && !is_source(c.arguments[0])) return c.misused("Must supply data");
  TRY(check_one_namespace(c));
  TRY_ASSIGN(auto index, check_index_flag(c));
  TRY_ASSIGN(auto how, choose_output(c, "none", {"go-template", "hcl", "json", "none", "table"}));
  TRY_ASSIGN(auto v, variable_of(c));
  if (index) v.modify_index = *index;
  api_request request{.method = "PUT", .path = variable_path(v.path), .body = codec::to_json(v)};
  if (!c.flags.on("force")) request.query.emplace_back("cas", std::to_string(v.modify_index));
  // The specification's namespace counts where no flag says another one.
  if (c.api.options().namespace_.empty()) request.namespace_ = v.namespace_;
  request.any_status = true;
  auto answer = c.api.send(std::move(request));
  if (!answer) return context::failed("creating variable", answer.error());
  if (answer->status == 409) return report_conflict(c, v.modify_index, answer->body);
  if (answer->status >= 300) return fail(errc::unknown, "Error creating variable: Unexpected response code: {} ({})", answer->status, answer->body);
  TRY_ASSIGN(auto stored, api_client::decode<schema::variable>(answer->body));
  auto done = fmt::format("Created variable \"{}\" with modify index {}", stored.path, stored.modify_index);
  for (const auto& [key, text] : stored.items)
    if (key.find_first_of(".- ") != std::string::npos)
      c.out.complain(fmt::format("Warning: \"{}\" contains characters that are awkward in templates; use letters, digits and \"_\"", key));
  if (how.format == "none") c.say(done);
  else if (c.verbose()) c.out.complain(done);
  TRY(show_variable(c, stored, how));
  return 0;
}

}  // namespace

const command var_put = {.name = "var put",
                         .synopsis = "Create or update a variable",
                         .usage = "[options] <path or @file or -> [@file or -] [<key>=<value>]...",
                         .help =
                             "Items come from a specification, from pairs, or both; then the pairs win. A value may be \"@file\" or \"-\" (stdin); an "
                             "empty one removes the item. Nothing is overwritten that somebody else has changed meanwhile, unless -force is given.",
                         .flags = flags,
                         .run = &run};

}  // namespace drover::cli::commands
