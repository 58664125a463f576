#include "cli/man.h"

#include <algorithm>

#include "base/text.h"
#include "cli/registry.h"

namespace drover::cli {
namespace {

// Text that roff reads as it is: no escapes, no requests at a line's beginning, hyphens that can be copied.
std::string plain(std::string_view text) {
  std::string out;
  bool begins = true;
  for (char c : text) {
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    begins = c == '\n';
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else out += c;
  }
  return out;
}

std::string heading(std::string_view name) { return fmt::format(".TH {} 1 \"\" Drover \"Drover commands\"\n", plain(to_upper(name))); }

std::string_view placeholder(flag_kind kind) {
  switch (kind) {
    case flag_kind::boolean: return "";
    case flag_kind::number: return "=number";
    case flag_kind::duration: return "=duration";
    default: return "=text";
  }
}

void add_flags(std::string& out, std::string_view title, std::span<const flag_spec> flags) {
  if (flags.empty()) return;
  out += fmt::format(".SH {}\n", title);
  for (const auto& f : flags)
    out += fmt::format(".TP\n\\fB{}\\fR{}\n{}{}\n", plain("-" + std::string(f.name)), plain(placeholder(f.kind)), plain(f.meaning),
                       f.kind == flag_kind::list ? " May be given several times." : "");
}

}  // namespace

std::string man_name(std::string_view program, std::string_view command) {
  auto out = fmt::format("{} {}", program, command);
  std::ranges::replace(out, ' ', '-');
  return out;
}

std::string man_page(const command& c, std::string_view program) {
  auto name = man_name(program, c.name);
  auto out = heading(name);
  out += fmt::format(".SH NAME\n{} \\- {}\n", plain(name), plain(c.synopsis));
  out += fmt::format(".SH SYNOPSIS\n\\fB{} {}\\fR {}\n", plain(program), plain(c.name), plain(c.usage));
  out += fmt::format(".SH DESCRIPTION\n{}\n", plain(c.help));
  add_flags(out, "OPTIONS", c.flags);
  if (!c.local) add_flags(out, "GENERAL OPTIONS", client_flags());
  out += fmt::format(".SH SEE ALSO\n\\fB{}\\fR(1)\n", plain(program));
  return out;
}

std::string man_overview(std::string_view program) {
  auto out = heading(program);
  out += fmt::format(".SH NAME\n{} \\- workload orchestrator\n.SH SYNOPSIS\n\\fB{}\\fR command [options] [arguments]\n", plain(program), plain(program));
  out += ".SH DESCRIPTION\nRuns services, batch jobs and system jobs on a cluster of machines, and is the agent that each of them runs.\n.SH COMMANDS\n";
  for (const auto* c : all_commands()) out += fmt::format(".TP\n\\fB{}\\fR(1)\n{}\n", plain(man_name(program, c->name)), plain(c->synopsis));
  return out;
}

}  // namespace drover::cli
