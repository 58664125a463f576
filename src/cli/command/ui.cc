// ui: opens the agent's page in a browser, or says where it is.
#include <utility>

#include "base/text.h"
#include "cli/browser.h"
#include "cli/command/all.h"
#include "codec/json.h"
#include "schema/operator_rpc.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec ui_flags[] = {{"authenticate", flag_kind::boolean, "Log the browser in with a token that can be used once."},
                                  {"show-url", flag_kind::boolean, "Print the address instead of opening it."}};

// Where the page of a node, allocation or job is whose id begins so.
result<std::string> page_of(context& c, const std::string& id) {
  value::object body;
  body.set("Prefix", value(id));
  body.set("Context", value("all"));
  TRY_ASSIGN(auto answer, c.api.send({.method = "POST", .path = "/v1/search", .body = codec::value_to_json(value(std::move(body)))}));
  TRY_ASSIGN(auto found, codec::from_json<schema::search_response>(answer.body));
  std::string out;
  size_t count = 0;
  for (const auto& [context, page] : {std::pair("jobs", "jobs"), std::pair("allocs", "allocations"), std::pair("nodes", "clients")}) {
    const auto& matches = found.matches[context];
    if (!matches.empty() && matches[0] == id) return fmt::format("/ui/{}/{}", page, path_word(id));
    count += matches.size();
    if (matches.size() == 1) out = fmt::format("/ui/{}/{}", page, path_word(matches[0]));
  }
  if (count > 1) return fail(errc::invalid, "Multiple matches found for id \"{}\"", id);
  if (count == 0) return fail(errc::not_found, "Unable to resolve ID: \"{}\"", id);
  return out;
}

result<std::string> one_time_secret(context& c) {
  auto answer = c.api.send({.method = "POST", .path = "/v1/acl/token/onetime"});
  if (!answer) return fail(errc::unknown, "Could not get one-time token: {}", answer.error().text());
  TRY_ASSIGN(auto read, codec::value_from_json(answer->body));
  const auto* token = read.find("OneTimeToken");
  const auto* secret = token == nullptr ? nullptr : token->find("OneTimeSecretID");
  if (secret == nullptr || secret->as_string() == nullptr) return fail(errc::unknown, "the agent answered without a one-time token");
  return *secret->as_string();
}

result<int> run_ui(context& c) {
  if (c.arguments.size() > 1) return c.misused("This command takes no or one optional argument, [<identifier>]");
  const auto& options = c.api.options();
  if (options.address.starts_with("unix:")) return fail(errc::invalid, "The agent is reached through a Unix socket; a browser needs an HTTP address.");
  std::string page = "/ui/";
  if (!c.arguments.empty()) {
    TRY_ASSIGN(page, page_of(c, c.arguments[0]));
  }
  std::string query;
  auto add = [&](std::string_view name, const std::string& text) {
    if (!text.empty()) query += fmt::format("{}{}={}", query.empty() ? '?' : '&', name, path_word(text));
  };
  add("namespace", options.namespace_);
  add("region", options.region);
  auto shown = options.address + page + query;
  auto opened = shown;
  if (c.flags.on("authenticate")) {
    TRY_ASSIGN(auto secret, one_time_secret(c));
    add("ott", secret);
    opened = options.address + page + query;
  }
  if (c.flags.on("show-url")) {
    c.say("URL for web UI: " + opened);
    return 0;
  }
  c.say(fmt::format("Opening URL \"{}\"{}", shown, c.flags.on("authenticate") ? " with one-time token" : ""));
  c.out.flush();
  if (!open_browser(opened)) return fail(errc::unknown, "Error opening URL: no browser could be started (xdg-open); -show-url prints it");
  return 0;
}

}  // namespace

const command ui = {.name = "ui",
                    .synopsis = "Open the web interface",
                    .usage = "[options] [<identifier>]",
                    .help = "The page of the agent, or that of a job, an allocation or a node.",
                    .flags = ui_flags,
                    .run = &run_ui};

}  // namespace drover::cli::commands
