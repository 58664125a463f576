// volume claim list, delete: which sticky groups have their data in which dynamic host volume.
#include "cli/command/all.h"
#include "cli/format/table.h"
#include "cli/resolve.h"
#include "schema/volume.h"

namespace drover::cli::commands {
namespace {

using claim = schema::task_group_host_volume_claim;

std::string shown(const std::vector<claim>& claims, const format::style& how) {
  if (claims.empty()) return "No task group host volume claims found";
  format::table rows({"ID", "Namespace", "Job ID", "Volume ID", "Volume Name"});
  for (const auto& each : claims) rows.add({how.id(each.id), each.namespace_, each.job_id, how.id(each.volume_id), each.volume_name});
  return rows.text();
}

constexpr flag_spec list_flags[] = {
    {"job", flag_kind::text, "Only those of this job."},
    {"group", flag_kind::text, "Only those of groups of this name."},
    {"volume-name", flag_kind::text, "Only those on volumes of this name."},
    json_flag,
    template_flag,
    verbose_flag,
};

result<int> run_list(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes either no arguments or one: <id>");
  api_request ask{.path = "/v1/volumes/claims"};
  if (!c.arguments.empty()) ask.query.emplace_back("prefix", c.arguments[0]);
  for (const auto& [flag, parameter] : {std::pair("job", "job_id"), std::pair("group", "task_group"), std::pair("volume-name", "volume_name")})
    if (c.flags.has(flag)) ask.query.emplace_back(parameter, c.flags.text(flag));
  auto answer = c.api.send(std::move(ask));
  if (!answer) return context::failed("listing task group host volume claims", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto claims, api_client::decode<std::vector<claim>>(answer->body));
  c.say(shown(claims, c.style()));
  return 0;
}

constexpr flag_spec delete_flags[] = {{"y", flag_kind::boolean, "Do not ask."}, {"yes", flag_kind::boolean, "Do not ask."}};

result<int> run_delete(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command takes one argument: <claim_id>");
  const auto& wanted = c.arguments[0];
  if (wanted.empty()) return fail(errc::invalid, "The claim's ID is empty: `volume claim list` shows which there are");
  auto claims = c.api.get<std::vector<claim>>(api_request{.path = "/v1/volumes/claims", .query = {{"prefix", wanted}}});
  if (!claims) return context::failed("querying claims", claims.error());
  std::vector<std::string> ids;
  for (const auto& each : *claims) ids.push_back(each.id);
  size_t at = 0;
  auto found = choose(ids, wanted, at);
  if (found == match::none) return fail(errc::not_found, "No claim(s) with prefix \"{}\" found", wanted);
  if (found == match::many) return fail(errc::invalid, "Prefix matched multiple claims\n\n{}", shown(*claims, c.style()));
  const auto& one = (*claims)[at];
  const bool sure = c.flags.on("y") || c.flags.on("yes");
  if (!sure && c.out.ask(fmt::format("Are you sure you want to delete task group host volume claim {}? [y/N]", one.id)) != "y") {
    c.say("Cancelling claim deletion");
    return 0;
  }
  auto done = c.api.send({.method = "DELETE", .path = "/v1/volumes/claim/" + path_word(one.id), .namespace_ = one.namespace_});
  if (!done) return context::failed("deleting claim", done.error());
  c.say(fmt::format("Task group host volume claim {} successfully deleted", one.id));
  return 0;
}

}  // namespace

const command volume_claim_list = {
    .name = "volume claim list",
    .synopsis = "List the claims of sticky groups on host volumes",
    .usage = "[options] [<id>]",
    .help = "A group with a sticky volume claims the one that its allocation got: the next allocation goes there too. With the beginning of an ID: those.",
    .flags = list_flags,
    .run = &run_list,
};
const command volume_claim_delete = {
    .name = "volume claim delete",
    .synopsis = "Delete a group's claim on a host volume",
    .usage = "[options] <id>",
    .help = "The group's next allocation may then go to any volume of that name; what is in the old one stays there.",
    .flags = delete_flags,
    .run = &run_delete,
};

}  // namespace drover::cli::commands
