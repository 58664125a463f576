// node meta apply, read: metadata of a node that can change while it runs.
#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/table.h"
#include "cli/resolve.h"
#include "schema/node_rpc.h"

namespace drover::cli::commands {
namespace {

// "?node_id=..." for -node-id, nothing for the node of the agent that is asked.
result<std::string> node_query(context& c) {
  if (!c.flags.has("node-id")) return std::string();
  TRY_ASSIGN(auto node, find_node(c, c.flags.text("node-id")));
  return "?node_id=" + path_word(node.id);
}

constexpr flag_spec apply_flags[] = {{"unset", flag_kind::text, "Keys to take away, separated by commas; also keys of the agent's configuration."},
                                     {"node-id", flag_kind::text, "Another node than that of the agent that is asked."}};

result<int> run_apply(context& c) {
  schema::node_meta_apply_request request;
  for (const auto& pair : c.arguments) {
    auto equals = pair.find('=');
    if (equals == 0) return c.misused(fmt::format("\"{}\" has no key: write key=value", pair));
    request.meta[pair.substr(0, equals)] = equals == std::string::npos ? std::string() : pair.substr(equals + 1);
  }
  for (auto key : split(c.flags.text("unset"), ','))
    if (!trim(key).empty()) request.meta[std::string(trim(key))] = std::nullopt;
  if (request.meta.empty()) return c.misused("Must specify at least one key=value pair or use -unset");
  TRY_ASSIGN(auto query, node_query(c));
  auto done = c.api.send({.method = "POST", .path = "/v1/client/metadata" + query, .body = codec::to_json(request)});
  if (!done) return context::failed("applying dynamic node metadata", done.error());
  return 0;
}

constexpr flag_spec read_flags[] = {{"node-id", flag_kind::text, "Another node than that of the agent that is asked."}, json_flag, template_flag};

std::string text_of(const std::map<std::string, std::string>& meta) {
  format::pairs p;
  for (const auto& [key, text] : meta) p.add(key, text);
  return p.text();
}

result<int> run_read(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  TRY_ASSIGN(auto query, node_query(c));
  auto answer = c.api.send({.path = "/v1/client/metadata" + query});
  if (!answer) return context::failed("reading dynamic node metadata", answer.error());
  if (c.wants_raw()) return c.raw(answer->body);
  TRY_ASSIGN(auto meta, api_client::decode<schema::node_meta_response>(answer->body));
  std::map<std::string, std::string> dynamic;
  for (const auto& [key, text] : meta.dynamic) dynamic[key] = text.value_or("<unset>");
  c.say(fmt::format("All Meta\n{}\n\nDynamic Meta\n{}\n\nStatic Meta\n{}", text_of(meta.meta), text_of(dynamic), text_of(meta.static_)));
  return 0;
}

}  // namespace

const command node_meta_apply = {.name = "node meta apply",
                                 .synopsis = "Set or unset metadata of a node",
                                 .usage = "[options] [key=value ...]",
                                 .help = "Takes effect at once and is kept over restarts of the agent: jobs that wait for such a node are placed.",
                                 .flags = apply_flags,
                                 .run = &run_apply};
const command node_meta_read = {.name = "node meta read",
                                .synopsis = "Show the metadata of a node",
                                .usage = "[options]",
                                .help = "What is in effect, what was set while it ran, and what the agent's configuration says.",
                                .flags = read_flags,
                                .run = &run_read};

}  // namespace drover::cli::commands
