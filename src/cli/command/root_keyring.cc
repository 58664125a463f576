// operator root keyring list, rotate, remove.
#include <algorithm>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/format/table.h"
#include "schema/acl.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec list_flags[] = {verbose_flag};

std::string key_table(const std::vector<schema::root_key_meta>& keys, const format::style& how) {
  format::table t({"Key", "State", "Create Time", "Publish Time"});
  t.when_empty("");
  for (const auto& key : keys)
    t.add({how.id(key.key_id), key.state, format::clock_time(key.create_time),
           key.publish_time > 0 ? format::clock_time(key.publish_time) : std::string("<none>")});
  return t.text();
}

result<std::vector<schema::root_key_meta>> get_keys(context& c) {
  auto keys = c.api.get<std::vector<schema::root_key_meta>>("/v1/operator/keyring/keys");
  if (!keys) return fail(errc::unknown, "error: {}", keys.error().text());
  return keys;
}

result<int> run_list(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  TRY_ASSIGN(auto keys, get_keys(c));
  c.say(key_table(keys, c.style()));
  return 0;
}

constexpr flag_spec rotate_flags[] = {{"full", flag_kind::boolean, "Seal every variable anew, so that older keys can be removed."},
                                      {"now", flag_kind::boolean, "The new key signs at once. For a key that has leaked."},
                                      {"prepublish", flag_kind::duration, "The new key signs after this time, so that others learn of it before."},
                                      verbose_flag};

result<int> run_rotate(context& c) {
  if (!c.arguments.empty()) return c.misused("This command takes no arguments");
  duration wait;
  if (c.flags.has("prepublish")) {
    TRY_ASSIGN(wait, parse_duration(c.flags.text("prepublish")));
  }
  if (c.flags.on("now") == (wait.ns != 0))
    return fail(errc::invalid,
                "One of \"-now\" or \"-prepublish\" must be used: -now if a key has leaked, otherwise -prepublish <duration>, so that the new key does "
                "not sign before those who check signatures know of it.");
  if (wait.ns < 0) return fail(errc::invalid, "invalid value \"{}\" for flag -prepublish: it is negative", c.flags.text("prepublish"));
  api_request request{.method = "PUT", .path = "/v1/operator/keyring/rotate"};
  if (c.flags.on("full")) request.query.emplace_back("full", "true");
  if (wait.ns > 0) request.query.emplace_back("publish_time", std::to_string((now() + wait).ns));
  auto done = c.api.get<schema::keyring_rotate_root_key_response>(std::move(request));
  if (!done) return fail(errc::unknown, "error: {}", done.error().text());
  std::vector<schema::root_key_meta> keys;
  if (done->key) keys.push_back(*done->key);
  c.say(key_table(keys, c.style()));
  return 0;
}

constexpr flag_spec remove_flags[] = {{"force", flag_kind::boolean, "Although variables are sealed with it; nobody will ever read them again."}};

result<int> run_remove(context& c) {
  if (c.arguments.size() != 1) return c.misused("This command requires one argument: <key ID>");
  const auto& wanted = c.arguments[0];
  TRY_ASSIGN(auto keys, get_keys(c));
  std::erase_if(keys, [&](const auto& key) { return !key.key_id.starts_with(wanted); });
  if (keys.empty() || wanted.empty()) return fail(errc::not_found, "No encryption key(s) with prefix or ID \"{}\" found", wanted);
  if (keys.size() > 1) return fail(errc::invalid, "Prefix matched multiple keys\n\n{}", key_table(keys, {.verbose = true}));
  api_request request{.method = "DELETE", .path = "/v1/operator/keyring/key/" + keys[0].key_id};
  if (c.flags.on("force")) request.query.emplace_back("force", "true");
  auto done = c.api.send(std::move(request));
  if (!done) return fail(errc::unknown, "error: {}", done.error().text());
  c.say(fmt::format("Removed encryption key {}", keys[0].key_id));
  return 0;
}

}  // namespace

const command operator_root_keyring_list = {.name = "operator root keyring list",
                                            .synopsis = "List the root keys",
                                            .usage = "[options]",
                                            .help = "The keys that seal variables and sign identities. One of them is active.",
                                            .flags = list_flags,
                                            .run = &run_list};
const command operator_root_keyring_rotate = {.name = "operator root keyring rotate",
                                              .synopsis = "Make a new root key",
                                              .usage = "[options]",
                                              .help = "What older keys sealed and signed stays good.",
                                              .flags = rotate_flags,
                                              .run = &run_rotate};
const command operator_root_keyring_remove = {.name = "operator root keyring remove",
                                              .synopsis = "Remove a root key",
                                              .usage = "[options] <key id>",
                                              .help = "Only a key that is not active. Identities that it signed are refused from then on.",
                                              .flags = remove_flags,
                                              .run = &run_remove};

}  // namespace drover::cli::commands
