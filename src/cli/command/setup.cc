#include "cli/command/setup.h"

#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "cli/job_file.h"
#include "codec/json.h"

namespace drover::cli {
namespace {

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

// Who declines one part gets a cluster that does not work: better none of it.
result<int> declined(context& c, std::string_view where, const std::vector<setup_part>& parts) {
  c.out.complain(fmt::format("\nWithout all of its parts {} lets no workload in.\n", where));
  int code = 0;
  if (says_yes(c, "Remove everything this command creates? [Y/n]")) {
    TRY_ASSIGN(code, take_away(c, where, parts));
  }
  c.say(fmt::format("\n{} is not set up. Run the command again to finish.", where));
  return code;
}

}  // namespace

result<> check_interactive(const context& c) {
  if (c.flags.on("y") || (::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1)) return {};
  return fail(errc::invalid, "This command requires -y option when running in non-interactive mode");
}

bool says_yes(context& c, std::string_view question) {
  if (c.flags.on("y")) return true;
  auto answer = to_lower(trim(c.out.ask(fmt::format("{} ", question))));
  return answer.empty() || answer == "y" || answer == "yes";
}

result<int> set_up(context& c, std::string_view where, const std::vector<setup_part>& parts) {
  for (const auto& part : parts) {
    auto there = part.exists();
    if (!there) return fail(errc::unknown, "[✘] {} \"{}\" cannot be looked up in {}: {}", capitalised(part.kind), part.name, where, there.error().text());
    if (*there) {
      c.say(fmt::format("[✔] {} \"{}\" already exists.", capitalised(part.kind), part.name));
      continue;
    }
    TRY_ASSIGN(auto shown, part.shown());
    c.say(fmt::format("\nThe {} \"{}\":\n\n{}\n", part.kind, part.name, trim(shown)));
    if (!says_yes(c, fmt::format("Create this {} in your {} cluster? [Y/n]", part.kind, where))) return declined(c, where, parts);
    if (auto made = part.make(shown); !made)
      return fail(errc::unknown, "[✘] Could not create {} {} \"{}\": {}", where, part.kind, part.name, made.error().text());
    c.say(fmt::format("[✔] Created {} \"{}\".", part.kind, part.name));
  }
  return 0;
}

result<int> take_away(context& c, std::string_view where, const std::vector<setup_part>& parts) {
  std::vector<const setup_part*> there;
  std::string list;
  for (const auto& part : parts) {
    auto exists = part.exists();
    if (!exists) return fail(errc::unknown, "[✘] {} \"{}\" cannot be looked up in {}: {}", capitalised(part.kind), part.name, where, exists.error().text());
    if (!*exists) continue;
    there.push_back(&part);
    list += fmt::format("  * {}: {}\n", capitalised(part.kind), part.name);
  }
  if (there.empty()) {
    c.say("Nothing to delete.");
    return 0;
  }
  if (!c.flags.on("y")) c.out.complain("The following items will be deleted:\n" + list);
  if (!says_yes(c, "Remove all the items listed above? [Y/n]")) return 0;
  int code = 0;
  std::ranges::reverse(there);
  for (const auto* part : there) {
    if (auto removed = part->remove(); removed) {
      c.say(fmt::format("[✔] Deleted {} \"{}\".", part->kind, part->name));
    } else {
      c.out.complain(fmt::format("[✘] Failed to delete {} \"{}\": {}", part->kind, part->name, removed.error().text()));
      code = 1;
    }
  }
  return code;
}

result<jwks_source> jwks_of(const context& c) {
  jwks_source out{.url = c.flags.has("jwks-url") ? c.flags.text("jwks-url") : "http://localhost:4646/.well-known/jwks.json", .ca = {}};
  if (!c.flags.has("jwks-ca-file")) return out;
  auto text = read_input(c.flags.text("jwks-ca-file"));
  if (!text) return fail(errc::invalid, "could not read -jwks-ca-file: {}", text.error().text());
  out.ca = *std::move(text);
  return out;
}

result<other_api_answer> ask_other(other_api& api, other_api_request request) {
  TRY_ASSIGN(auto answer, api.send(std::move(request)));
  if (answer.status < 400) return answer;
  return fail(answer.status == 404   ? errc::not_found
              : answer.status == 403 ? errc::permission_denied
                                     : errc::unknown,
              "Unexpected response code: {} ({})", answer.status, trim(answer.body));
}

result<value> read_other(other_api& api, std::string path) {
  auto answer = ask_other(api, {.path = path});
  if (!answer && answer.error().code() == errc::not_found) return value();
  if (!answer) return fail(std::move(answer).error());
  auto read = codec::value_from_json(answer->body);
  if (!read) return fail(errc::invalid, "{} answers with something else than JSON", path);
  return read;
}

bool has_text(const value* list, std::string_view text) {
  const auto* items = list == nullptr ? nullptr : list->as_list();
  return items != nullptr && std::ranges::any_of(*items, [&](const value& each) { return each.as_string() != nullptr && *each.as_string() == text; });
}

}  // namespace drover::cli
