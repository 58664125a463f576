// fmt: job files and configuration files in the usual layout.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "cli/command/all.h"
#include "cli/job_file.h"
#include "hcl/format.h"
#include "hcl/parser.h"

namespace drover::cli::commands {
namespace {

constexpr flag_spec flags[] = {
    {"check", flag_kind::boolean, "Change nothing; exit code 1 if something would be changed."},
    {"list", flag_kind::boolean, "Print the names of files that are changed (default)."},
    {"recursive", flag_kind::boolean, "Directories with all that is below them."},
    {"write", flag_kind::boolean, "Write the files (default); with -write=false print the result."},
};

bool is_hcl(const std::filesystem::path& path) {
  auto name = path.filename().string();
  return name.ends_with(".hcl") || name.ends_with(".nomad");
}

template <class Iterator>
result<> add_folder(const std::filesystem::path& folder, std::vector<std::string>& out) {
  std::error_code code;
  for (const auto& each : Iterator(folder, code))
    if (each.is_regular_file(code) && is_hcl(each.path())) out.push_back(each.path().string());
  if (code) return fail(errc::io, "{} cannot be read: {}", folder.string(), code.message());
  return {};
}

result<std::vector<std::string>> files_of(const context& c) {
  std::vector<std::string> out;
  auto paths = c.arguments.empty() ? std::vector<std::string>{"."} : c.arguments;
  for (const auto& path : paths) {
    if (path == "-") {
      if (paths.size() > 1) return fail(errc::invalid, "\"-\" for standard input stands alone");
      out.push_back(path);
    } else if (!std::filesystem::is_directory(path)) {
      if (!is_hcl(path)) return fail(errc::invalid, "{} is no file with HCL: its name ends in .hcl or .nomad", path);
      out.push_back(path);
    } else if (c.flags.on("recursive")) {
      TRY(add_folder<std::filesystem::recursive_directory_iterator>(path, out));
    } else {
      TRY(add_folder<std::filesystem::directory_iterator>(path, out));
    }
  }
  std::ranges::sort(out);
  return out;
}

result<> write_over(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::trunc | std::ios::binary);
  out << text;
  out.flush();
  if (!out) return fail(errc::io, "{} cannot be written", path);
  return {};
}

// Whether the file was not in the usual layout. Text that is no HCL is left alone.
result<bool> format_one(context& c, const std::string& path) {
  TRY_ASSIGN(auto text, read_input(path));
  if (auto parsed = hcl::parse(path, text); parsed.problems.has_errors()) return fail(errc::invalid, "{}", parsed.problems.lines());
  auto formatted = hcl::format(text);
  const bool differs = formatted != text, from_stdin = path == "-";
  const bool check = c.flags.on("check");
  if (!check && (from_stdin || !c.flags.on("write", true))) {
    c.out.write(formatted);
    return differs;
  }
  if (!differs) return false;
  if (c.flags.on("list", true) && !from_stdin) c.say(path);
  if (!check) TRY(write_over(path, formatted));
  return true;
}

result<int> run(context& c) {
  TRY_ASSIGN(auto files, files_of(c));
  bool changed = false, failed = false;
  for (const auto& path : files) {
    auto one = format_one(c, path);
    if (!one) c.out.complain(one.error().text());
    failed = failed || !one;
    changed = changed || one.value_or(false);
  }
  return failed || (c.flags.on("check") && changed) ? 1 : 0;
}

}  // namespace

const command fmt_command = {.name = "fmt",
                             .synopsis = "Lay out HCL files in the usual way",
                             .usage = "[options] [paths ...]",
                             .help = "Rewrites job files and configuration files of the directory, or those that are named. \"-\" is standard input.",
                             .flags = flags,
                             .run = &run,
                             .local = true};

}  // namespace drover::cli::commands
