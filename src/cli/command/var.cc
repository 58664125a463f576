// var get, list, purge, init.
#include <unistd.h>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/command/var.h"
#include "cli/format/table.h"
#include "cli/output_file.h"
#include "cli/template.h"
#include "cli/variable_text.h"

namespace drover::cli::commands {

std::string variable_path(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  std::string out = "/v1/var";
  for (auto part : split(path, '/')) out += "/" + path_word(part);
  return out;
}

result<> check_one_namespace(const context& c) {
  if (c.api.options().namespace_ == "*") return fail(errc::invalid, "The wildcard namespace (\"*\") is not valid for this command.");
  return {};
}

result<output_choice> choose_output(const context& c, std::string_view on_terminal, std::initializer_list<std::string_view> formats) {
  output_choice out;
  out.format = c.flags.has("out") ? c.flags.text("out") : std::string(::isatty(STDOUT_FILENO) == 1 ? on_terminal : "json");
  out.source = c.flags.text("template");
  std::vector<std::string> names(formats.begin(), formats.end());
  bool known = false;
  for (const auto& name : names) known |= name == out.format;
  if (!known) return fail(errc::invalid, "Invalid value for \"-out\"; valid values are [{}]", join(names, ", "));
  if (out.format == "go-template" && out.source.empty())
    return fail(errc::invalid, "A template must be supplied using '-template' when using go-template formatting");
  if (out.format != "go-template" && !out.source.empty()) return fail(errc::invalid, "The '-template' flag is only valid when using 'go-template' formatting");
  return out;
}

result<> show_variable(context& c, const schema::variable& v, const output_choice& how) {
  if (how.format == "json") c.say(variable_as_json(v));
  if (how.format == "hcl") c.say(variable_as_hcl(v));
  if (how.format == "table") c.say(variable_as_table(v));
  if (how.format == "go-template") {
    TRY_ASSIGN(auto text, variable_by_template(v, how.source));
    c.say(text);
  }
  return {};
}

result<std::optional<uint64_t>> check_index_flag(const context& c) {
  if (!c.flags.has("check-index")) return std::nullopt;
  auto index = parse_uint(c.flags.text("check-index"));
  if (!index) return fail(errc::invalid, "Invalid -check-index value \"{}\": not parsable as uint64", c.flags.text("check-index"));
  return index;
}

result<int> report_conflict(context& c, uint64_t check_index, std::string_view body) {
  TRY_ASSIGN(auto conflict, api_client::decode<schema::variable>(body));
  c.out.complain("\nCheck-and-Set conflict\n");
  if (check_index == conflict.modify_index && conflict.items.empty()) {
    c.out.complain("    The variable is locked; only the holder of the lock may change it.\n");
    return 1;
  }
  std::string last;
  if (conflict.modify_index > 0) last = fmt::format("    The server-side item was last updated on {}.\n", format::clock_time(conflict.modify_time));
  c.out.complain(
      fmt::format("    Your provided check-index ({}) does not match the server-side index ({}).\n{}"
                  "    If you are sure you want to perform this operation, add the -force or\n"
                  "    -check-index={} flag before the positional arguments.\n",
                  check_index, conflict.modify_index, last, conflict.modify_index));
  return 1;
}

namespace {

constexpr flag_spec get_flags[] = {{"out", flag_kind::text, "go-template, hcl, json, none or table. On a terminal: table; otherwise: json."},
                                   {"item", flag_kind::text, "Print this item's value alone."},
                                   {"template", flag_kind::text, "Go template for -out=go-template."},
                                   {"ui", flag_kind::boolean, "Say where the web page of the variable is."}};

result<int> run_get(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <path>");
  TRY(check_one_namespace(c));
  TRY_ASSIGN(auto how, choose_output(c, "table", {"go-template", "hcl", "json", "none", "table"}));
  auto answer = c.api.send({.path = variable_path(c.arguments[0])});
  if (!answer && answer.error().code() == errc::not_found) {
    c.out.complain("Variable not found");
    return 1;
  }
  if (!answer) return context::failed("retrieving variable", answer.error());
  TRY_ASSIGN(auto v, api_client::decode<schema::variable>(answer->body));
  if (c.flags.has("item")) {
    auto item = v.items.find(c.flags.text("item"));
    if (item == v.items.end()) return fail(errc::not_found, "Variable does not contain \"{}\" item", c.flags.text("item"));
    c.out.write(item->second);
    return 0;
  }
  TRY(show_variable(c, v, how));
  return 0;
}

constexpr flag_spec list_flags[] = {{"out", flag_kind::text, "go-template, json, table or terse. On a terminal: table; otherwise: json."},
                                    {"per-page", flag_kind::number, "How many at once."},
                                    {"page-token", flag_kind::text, "Where the page before ended."},
                                    {"filter", flag_kind::text, "Only those that match this expression."},
                                    {"template", flag_kind::text, "Go template for -out=go-template."},
                                    {"ui", flag_kind::boolean, "Say where the web page of the variables is."}};

std::string list_text(const context& c, const std::vector<schema::variable_metadata>& list, std::string_view how) {
  if (how == "terse") {
    std::vector<std::string> lines;
    for (const auto& v : list) lines.push_back(c.api.options().namespace_ == "*" ? v.namespace_ + "|" + v.path : v.path);
    return join(lines, "\n");
  }
  format::table t({"Namespace", "Path", "Last Updated"});
  for (const auto& v : list) t.add({v.namespace_, v.path, format::clock_time(v.modify_time)});
  return t.empty() ? "No matching variables found" : t.text();
}

result<int> run_list(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes flags and either no arguments or one: <prefix>");
  TRY_ASSIGN(auto how, choose_output(c, "table", {"go-template", "json", "table", "terse"}));
  api_request request{.path = "/v1/vars"};
  auto add = [&](std::string name, std::string text) {
    if (!text.empty()) request.query.emplace_back(std::move(name), std::move(text));
  };
  add("prefix", c.arguments.empty() ? "" : c.arguments[0]);
  add("filter", c.flags.text("filter"));
  add("next_token", c.flags.text("page-token"));
  bool pages = c.flags.number("per-page") > 0;
  if (pages) add("per_page", std::to_string(c.flags.number("per-page")));
  auto answer = c.api.send(std::move(request));
  if (!answer) return context::failed("retrieving vars", answer.error());
  TRY_ASSIGN(auto body, codec::value_from_json(answer->body));
  if (how.format == "json") {
    if (pages) {
      value::object meta, page;
      meta.set("NextToken", answer->next_token);
      page.set("Data", std::move(body));
      page.set("QueryMeta", std::move(meta));
      body = std::move(page);
    }
    c.out.write(codec::value_to_json(body, {.pretty = true}));
    return 0;
  }
  if (how.format == "go-template") {
    TRY_ASSIGN(auto text, run_template(how.source, body));
    c.say(text);
  } else {
    TRY_ASSIGN(auto list, api_client::decode<std::vector<schema::variable_metadata>>(answer->body));
    c.say(list_text(c, list, how.format));
  }
  if (!answer->next_token.empty()) c.out.complain("Next page token: " + answer->next_token);
  return 0;
}

constexpr flag_spec purge_flags[] = {check_index_spec};

result<int> run_purge(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <path>");
  TRY(check_one_namespace(c));
  TRY_ASSIGN(auto index, check_index_flag(c));
  api_request request{.method = "DELETE", .path = variable_path(c.arguments[0])};
  if (index) request.query.emplace_back("cas", std::to_string(*index));
  request.any_status = true;
  auto answer = c.api.send(std::move(request));
  if (!answer) return context::failed("purging variable", answer.error());
  if (answer->status == 409) return report_conflict(c, index.value_or(0), answer->body);
  if (answer->status >= 300) return fail(errc::unknown, "Error purging variable: Unexpected response code: {} ({})", answer->status, answer->body);
  c.say(fmt::format("Successfully purged variable \"{}\"!", c.arguments[0]));
  return 0;
}

constexpr flag_spec init_flags[] = {{"out", flag_kind::text, "hcl (default) or json."}, {"quiet", flag_kind::boolean, "Say nothing."}};

result<int> run_init(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes no arguments or one: <filename>");
  auto format = c.flags.has("out") ? c.flags.text("out") : std::string("hcl");
  if (format != "hcl" && format != "json") return fail(errc::invalid, "Invalid value for \"-out\"; valid values are [hcl, json]");
  auto name = c.arguments.empty() ? "spec.nv." + format : c.arguments[0];
  if (auto written = write_new_file(name, example_variable(format), 0660); !written) {
    if (written.error().code() == errc::exists) return fail(errc::exists, "File \"{}\" already exists", name);
    return fail(std::move(written).error());
  }
  if (!c.flags.on("quiet")) c.say(fmt::format("Example variable specification written to {}", name));
  return 0;
}

}  // namespace

const command var_get = {.name = "var get",
                         .synopsis = "Read a variable",
                         .usage = "[options] <path>",
                         .help = "The variable with its items, as the flag -out says.",
                         .flags = get_flags,
                         .run = &run_get};
const command var_list = {.name = "var list",
                          .synopsis = "List variables",
                          .usage = "[options] [prefix]",
                          .help = "Every variable whose path begins so and that the token may see. Their items are not shown.",
                          .flags = list_flags,
                          .run = &run_list};
const command var_purge = {.name = "var purge",
                           .synopsis = "Delete a variable",
                           .usage = "[options] <path>",
                           .help = "It is gone for good. With -check-index only if nobody has changed it meanwhile.",
                           .flags = purge_flags,
                           .run = &run_purge};
const command var_init = {.name = "var init",
                          .synopsis = "Write an example of a variable",
                          .usage = "[options] [filename]",
                          .help = "A specification to fill in, for `var put @spec.nv.hcl`.",
                          .flags = init_flags,
                          .run = &run_init,
                          .local = true};

}  // namespace drover::cli::commands
