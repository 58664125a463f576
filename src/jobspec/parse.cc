#include "jobspec/parse.h"

#include <algorithm>
#include <tuple>

#include "base/text.h"
#include "codec/json.h"
#include "hcl/decode.h"
#include "hcl/parser.h"
#include "jobspec/read_body.h"
#include "jobspec/variables.h"
#include "jobspec/written_job.h"

namespace drover::jobspec {
namespace {

// What the job's expressions see: var, local, the functions; other names are for the node and stay as they are.
// `secrets` receives the texts of sensitive variables.
hcl::context_ptr context_of(hcl::decoder& root, const parse_options& options, hcl::diagnostics& problems, std::vector<std::string>& secrets) {
  auto context =
      std::make_shared<hcl::eval_context>(hcl::unknown_names::are_kept, options.functions != nullptr ? *options.functions : hcl::function_environment{});
  variables vars(options, problems);
  for (const auto& block : root.blocks("variable", 1)) vars.declare(block);
  auto set = [&](std::string name, value v) {
    if (auto done = context->set(name, std::move(v)); !done) problems.error({}, fmt::format("Values of {} are too large", name), done.error().text());
  };
  set("var", vars.resolve());
  secrets = vars.secrets();
  auto locals = root.blocks("locals");
  // A missing variable would only be reported again wherever it is used.
  if (!problems.has_errors()) set("local", resolve_locals(locals, context, problems));
  return context;
}

// Blocks are read by kind, people read from the top; and no message repeats a secret.
hcl::diagnostics presentable(const hcl::diagnostics& problems, const std::vector<std::string>& secrets) {
  std::vector<const hcl::diagnostic*> sorted;
  for (const auto& problem : problems) sorted.push_back(&problem);
  std::ranges::sort(sorted, {}, [](const auto* p) { return std::tie(p->file, p->start.byte, p->summary, p->detail); });
  hcl::diagnostics out;
  for (const auto* problem : sorted) {
    auto shown = *problem;
    for (const auto& secret : secrets) shown.detail = replace_all(shown.detail, secret, "(sensitive value)");
    out.add(std::move(shown));
  }
  return out;
}

void read_job(hcl::decoder& root, const hcl::context_ptr& context, parse_outcome& out) {
  auto blocks = root.blocks("job", 1);
  root.finish();
  if (blocks.empty()) {
    if (!out.problems.has_errors())
      out.problems.error(root.where(), "Missing job block", "A job file needs one block that describes the job.", "Write job \"name\" { ... }.");
    return;
  }
  if (blocks.size() > 1) out.problems.error(blocks[1].header, "Duplicate job block", "A job file describes one job; this is a second one.");
  if (out.problems.has_errors()) return;
  written_job job;
  job.id = job.name = blocks[0].labels[0].text;
  blocks[0].context = context;
  hcl::decoder body(blocks[0], out.problems);
  read_body(body, job_rules(), &job);
  if (out.problems.has_errors()) return;
  out.names_namespace = job.names_namespace;
  out.names_region = job.names_region;
  out.job = std::move(static_cast<schema::job&>(job));
}

}  // namespace

parse_outcome parse(source_text file, const parse_options& options) {
  parse_outcome out;
  auto parsed = hcl::parse_any(std::move(file.name), std::move(file.text));
  out.problems = std::move(parsed.problems);
  if (out.problems.has_errors()) return out;
  hcl::decoder root(parsed.root, std::make_shared<hcl::eval_context>(), out.problems);
  std::vector<std::string> secrets;
  auto context = context_of(root, options, out.problems, secrets);
  read_job(root, context, out);
  out.problems = presentable(out.problems, secrets);
  return out;
}

result<schema::job> parse_api_json(std::string_view text) {
  TRY_ASSIGN(auto tree, codec::value_from_json(text));
  const auto* object = tree.as_object();
  if (object == nullptr) return fail(errc::invalid, "the job is {}; an object is needed: {{\"Job\": {{...}}}}", tree.kind());
  const value* inner = &tree;
  for (const auto& [key, member] : *object) {
    if (!equals_ignoring_case(key, "job")) continue;
    if (member.as_object() == nullptr) return fail(errc::invalid, "\"Job\" is {}; an object is needed", member.kind());
    inner = &member;
  }
  schema::job job;
  TRY(codec::from_value(*inner, schema::slot(job)));
  return job;
}

}  // namespace drover::jobspec
