#include "cli/command.h"

#include <algorithm>

#include "cli/template.h"
#include "env/clock.h"

namespace drover::cli {

timestamp now() { return env::real_clock().now(); }

format::style context::style() const { return {.verbose = verbose(), .now = now()}; }

result<int> context::misused(std::string_view sentence) const {
  out.complain(fmt::format("{}\nFor additional help try '{} {} -h'", sentence, program, self.name));
  return 1;
}

std::unexpected<error> context::failed(std::string_view doing, const error& cause) { return fail(cause.code(), "Error {}: {}", doing, cause.text()); }

result<int> context::raw(std::string_view body) {
  if (flags.has("json") && flags.has("t")) return fail(errc::invalid, "Both json and template formatting are not allowed");
  auto parsed = codec::value_from_json(body);
  if (!parsed) return wrap(parsed.error(), "the agent's answer is no JSON");
  if (flags.has("t")) {
    auto text = run_template(flags.text("t"), *parsed);
    if (!text) return failed("formatting output with the template", text.error());
    out.write(*text + "\n");
    return 0;
  }
  out.write(codec::value_to_json(*parsed, {.pretty = true}));
  return 0;
}

result<int> context::raw_newest_first(std::string_view body) {
  auto parsed = codec::value_from_json(body);
  auto* list = parsed ? parsed->as_list() : nullptr;
  if (list == nullptr) return raw(body);
  auto made = [](const value& each) {
    const auto* index = each.find("CreateIndex");
    return index == nullptr || index->as_int() == nullptr ? int64_t{0} : *index->as_int();
  };
  std::ranges::sort(*list, std::ranges::greater(), made);
  return raw(codec::value_to_json(*parsed));
}

namespace {

std::string_view kind_text(flag_kind kind) {
  switch (kind) {
    case flag_kind::boolean: return "";
    case flag_kind::text: return "=<text>";
    case flag_kind::number: return "=<number>";
    case flag_kind::duration: return "=<duration>";
    case flag_kind::list: return "=<text> ...";
  }
  return "";
}

void list_flags(std::string& out, std::string_view heading, std::span<const flag_spec> flags) {
  if (flags.empty()) return;
  out += fmt::format("\n{}\n", heading);
  size_t longest = 0;
  for (const auto& f : flags) longest = std::max(longest, f.name.size() + kind_text(f.kind).size());
  for (const auto& f : flags) {
    auto left = fmt::format("-{}{}", f.name, kind_text(f.kind));
    out += fmt::format("  {:<{}}  {}\n", left, longest + 1, f.meaning);
  }
}

}  // namespace

std::string help_of(const command& c, std::string_view program) {
  auto out = fmt::format("Usage: {} {} {}\n\n  {}\n", program, c.name, c.usage, c.help);
  if (!c.local) list_flags(out, "General options:", client_flags());
  list_flags(out, "Options:", c.flags);
  out.pop_back();
  return out;
}

}  // namespace drover::cli
