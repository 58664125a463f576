// job explain (ours): why a job waits, in plain words.
#include "cli/command/all.h"
#include "cli/format/colour.h"
#include "cli/resolve.h"
#include "schema/explain.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {json_flag, template_flag};

result<int> run(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <job>");
  TRY_ASSIGN(auto name, resolve_job(c, c.arguments[0]));
  auto answer = c.api.send({.path = "/v1/job/" + path_word(name.id) + "/explain", .namespace_ = name.namespace_});
  if (!answer) return context::failed("explaining job", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto said, api_client::decode<schema::job_explanation>(answer->body));
  std::string text = fmt::format("Job \"{}\" is {}.", said.job_id, said.status);
  for (const auto& sentence : said.sentences) text += "\n" + sentence;
  for (const auto& group : said.groups) {
    text += "\n\n" + format::bold(fmt::format("Group \"{}\"", group.name));
    for (const auto& sentence : group.sentences) text += "\n  * " + sentence;
  }
  c.say(text);
  return 0;
}

}  // namespace

const command job_explain = {.name = "job explain",
                             .synopsis = "Say why a job waits, and what would make it run",
                             .usage = "[options] <job>",
                             .help =
                                 "Looks at every node for each group that waits: which ones are unsuited and why, which ones are full, how much the\n"
                                 "  nearest lacks.",
                             .flags = flags,
                             .run = &run};

}  // namespace drover::cli::commands
