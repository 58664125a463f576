// job init: an example to start from.
#include "cli/command/all.h"
#include "cli/command/var.h"
#include "cli/output_file.h"
#include "jobspec/example.h"

namespace drover::cli::commands {
namespace {

constexpr std::string_view default_path = "example.nomad.hcl";

constexpr flag_spec flags[] = {
    {"short", flag_kind::boolean, "Without explanations."},
    {"connect", flag_kind::boolean, "Two services that talk through sidecar proxies."},
    {"template", flag_kind::text, "The job file that the variable nomad/job-templates/<template> holds as its item \"template\"."},
    {"list-templates", flag_kind::boolean, "List those variables."},
};

constexpr std::string_view templates = "nomad/job-templates/";

result<int> list_templates(context& c) {
  auto list = c.api.get<std::vector<schema::variable_metadata>>(api_request{.path = "/v1/vars", .query = {{"prefix", std::string(templates)}}});
  if (!list) return context::failed(fmt::format("retrieving job templates from the server; unable to read variables at path {}", templates), list.error());
  if (list->empty()) return fail(errc::not_found, "No variables in nomad/job-templates");
  c.say(fmt::format("Use {} job init -template=<template> with any of the following:", c.program));
  for (const auto& each : *list) c.say("  " + each.path.substr(templates.size()));
  return 0;
}

result<std::string> job_of_template(context& c, const std::string& name) {
  auto stored = c.api.get<schema::variable>(variable_path(std::string(templates) + name));
  if (!stored && stored.error().code() == errc::not_found)
    return fail(errc::not_found, "There is no variable {}{}: -list-templates lists those that can be used", templates, name);
  if (!stored) return context::failed("retrieving variable", stored.error());
  auto text = stored->items.find("template");
  if (text == stored->items.end()) return fail(errc::invalid, "Job template \"{}\" is malformed: the variable has no item \"template\"", name);
  c.say(fmt::format("Initializing a job template from {}", name));
  return text->second;
}

result<int> run(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes no arguments or one: <filename>");
  if (c.flags.on("list-templates")) return list_templates(c);
  auto path = c.arguments.empty() ? std::string(default_path) : c.arguments[0];
  std::string text(jobspec::example_job({.brief = c.flags.on("short"), .connect = c.flags.on("connect")}));
  if (c.flags.has("template")) {
    TRY_ASSIGN(text, job_of_template(c, c.flags.text("template")));
  }
  auto written = write_new_file(path, text);
  if (!written && written.error().code() == errc::exists) return fail(errc::exists, "Job file '{}' already exists", path);
  TRY(written);
  c.say(fmt::format("Example job file written to {}", path));
  return 0;
}

}  // namespace

const command job_init = {
    .name = "job init",
    .synopsis = "Write an example job file",
    .usage = "[options] [<filename>]",
    .help =
        "Writes a job file to start from, example.nomad.hcl unless another name is given. An existing file is left alone. Only the\n"
        "  flags about templates talk to an agent.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
