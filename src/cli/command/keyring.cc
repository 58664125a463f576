// operator gossip keyring generate, list, install, use, remove: the keys that encrypt the gossip between servers.
#include "base/bytes.h"
#include "cli/command/all.h"
#include "cli/format/table.h"
#include "env/random.h"

namespace drover::cli::commands {
namespace {

constexpr size_t key_bytes = 32;

result<int> run_generate(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  std::string key(key_bytes, '\0');
  env::real_random().fill(key.data(), key.size());
  c.say(base64_encode(key));
  return 0;
}

std::unexpected<error> failed(const error& cause) { return fail(cause.code(), "error: {}", cause.text()); }

result<int> run_list(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  c.say("Gathering installed encryption keys...");
  auto answer = c.api.send({.path = "/v1/agent/keyring/list"});
  if (!answer) return failed(answer.error());
  TRY_ASSIGN(auto body, codec::value_from_json(answer->body));
  format::table t({"Key"});
  if (const auto* keys = body.find("Keys"); keys != nullptr && keys->as_object() != nullptr)
    for (const auto& [key, members] : *keys->as_object()) t.add({key});
  c.say(t.text());
  return 0;
}

result<int> change(context& c, std::string_view what, std::string_view doing) {
  if (c.arguments.size() != 1) return c.misused("This command requires one argument: <key>");
  c.say(doing);
  value::object body;
  body.append("Key", c.arguments[0]);
  auto done = c.api.send({.method = "PUT", .path = fmt::format("/v1/agent/keyring/{}", what), .body = codec::value_to_json(value(std::move(body)))});
  if (!done) return failed(done.error());
  return 0;
}

result<int> run_install(context& c) { return change(c, "install", "Installing new gossip encryption key..."); }
result<int> run_use(context& c) { return change(c, "use", "Changing primary gossip encryption key..."); }
result<int> run_remove(context& c) { return change(c, "remove", "Removing gossip encryption key..."); }

}  // namespace

const command operator_gossip_keyring_generate = {.name = "operator gossip keyring generate",
                                                  .synopsis = "Make a new key",
                                                  .usage = "",
                                                  .help = "For server.encrypt in every server's configuration. Nothing is changed by it.",
                                                  .flags = {},
                                                  .run = &run_generate,
                                                  .local = true};
const command operator_gossip_keyring_list = {.name = "operator gossip keyring list",
                                              .synopsis = "List the keys",
                                              .usage = "[options]",
                                              .help = "Every key that a member of the pool accepts.",
                                              .flags = {},
                                              .run = &run_list};
const command operator_gossip_keyring_install = {.name = "operator gossip keyring install",
                                                 .synopsis = "Add a key on all servers",
                                                 .usage = "[options] <key>",
                                                 .help = "They accept it from then on; see `use`.",
                                                 .flags = {},
                                                 .run = &run_install};
const command operator_gossip_keyring_use = {.name = "operator gossip keyring use",
                                             .synopsis = "Encrypt with another key",
                                             .usage = "[options] <key>",
                                             .help = "A key that is installed everywhere becomes the one that is sent with.",
                                             .flags = {},
                                             .run = &run_use};
const command operator_gossip_keyring_remove = {.name = "operator gossip keyring remove",
                                                .synopsis = "Remove a key from all servers",
                                                .usage = "[options] <key>",
                                                .help = "Not the one that is in use.",
                                                .flags = {},
                                                .run = &run_remove};

}  // namespace drover::cli::commands
