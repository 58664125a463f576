// status: whatever the beginning of an id means.
#include <algorithm>

#include "cli/command/all.h"
#include "schema/operator_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {verbose_flag, json_flag, template_flag};

// The command that shows what a search context holds.
const command* shown_by(std::string_view kind) {
  if (kind == "jobs") return &job_status;
  if (kind == "allocs") return &alloc_status;
  if (kind == "nodes") return &node_status;
  if (kind == "evals") return &eval_status;
  if (kind == "deployment") return &deployment_status;
  if (kind == "namespaces") return &namespace_status;
  if (kind == "node_pools") return &node_pool_info;
  return nullptr;
}

result<int> run_as(context& c, const command& other) {
  context again{.self = other, .program = c.program, .flags = c.flags, .arguments = c.arguments, .out = c.out, .api = c.api, .agent = c.agent};
  return other.run(again);
}

result<int> run(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes either no arguments or one: <prefix>");
  if (c.arguments.empty()) return run_as(c, job_status);
  const auto wanted = c.arguments[0];
  schema::search_request request;
  request.prefix = wanted;
  request.context = "all";
  auto found = c.api.get<schema::search_response>(api_request{.method = "PUT", .path = "/v1/search", .body = codec::to_json(request)});
  if (!found) return context::failed("querying search with id", found.error());
  std::vector<std::string> kinds, exact;
  for (const auto& [kind, ids] : found->matches) {
    if (ids.empty() || shown_by(kind) == nullptr) continue;
    kinds.push_back(kind);
    if (std::find(ids.begin(), ids.end(), wanted) != ids.end()) exact.push_back(kind);
  }
  if (kinds.empty()) return fail(errc::not_found, "No matches found for id \"{}\"", wanted);
  if (exact.size() == 1) kinds = exact;
  if (kinds.size() == 1) return run_as(c, *shown_by(kinds[0]));
  std::string text = fmt::format("Multiple matches found for id \"{}\"\n", wanted);
  for (const auto& kind : kinds) {
    text += fmt::format("\n{}:\n", kind);
    for (const auto& id : found->matches.at(kind)) text += fmt::format("{}\n", kind == "jobs" || c.verbose() ? id : format::style{}.id(id));
  }
  text.pop_back();
  return fail(errc::invalid, "{}", text);
}

}  // namespace

const command status = {
    .name = "status",
    .synopsis = "Show whatever an id means",
    .usage = "[options] [<id>]",
    .help =
        "Finds the job, allocation, node, evaluation, deployment, namespace or node pool whose id begins so, and shows it.\n"
        "  Without argument: the list of jobs.",
    .flags = flags,
    .run = &run,
};

}  // namespace drover::cli::commands
