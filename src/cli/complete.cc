#include "cli/complete.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/text.h"
#include "cli/registry.h"

namespace drover::cli {
namespace {

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> out;
  for (auto each : split(line, ' '))
    if (!each.empty()) out.emplace_back(each);
  return out;
}

void add_flags(const command& c, std::string_view begun, std::set<std::string>& out) {
  auto add = [&](const flag_spec& flag) {
    auto text = "-" + std::string(flag.name);
    if (text.starts_with(begun)) out.insert(text);
  };
  for (const auto& flag : c.flags) add(flag);
  if (!c.local)
    for (const auto& flag : client_flags()) add(flag);
}

// What may follow `typed` in the names of commands.
void add_words(const std::vector<std::string>& typed, std::string_view begun, std::set<std::string>& out) {
  std::string prefix;
  for (const auto& word : typed) prefix += word + " ";
  for (const auto& name : command_names()) {
    if (!name.starts_with(prefix)) continue;
    auto rest = name.substr(prefix.size());
    auto word = rest.substr(0, rest.find(' '));
    if (word.starts_with(begun)) out.insert(std::string(word));
  }
}

struct shell_file {
  std::string path, line;
};

// Those that exist; fish has a file a program.
std::vector<shell_file> shell_files(const std::string& program, const std::string& path, const std::string& home) {
  std::vector<shell_file> out;
  auto exists = [](const std::string& file) { return std::filesystem::exists(file); };
  for (auto name : {"/.bashrc", "/.bash_profile", "/.profile"}) {
    if (!exists(home + name)) continue;
    out.push_back({home + name, fmt::format("complete -C {} {}", path, program)});
    break;
  }
  if (exists(home + "/.zshrc"))
    out.push_back({home + "/.zshrc", fmt::format("autoload -U +X bashcompinit && bashcompinit; complete -o nospace -C {} {}", path, program)});
  if (exists(home + "/.config/fish"))
    out.push_back(
        {home + "/.config/fish/completions/" + program + ".fish", fmt::format("complete -c {} -f -a \"(env COMP_LINE=(commandline -p) {})\"", program, path)});
  return out;
}

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

result<> write_text(const std::string& path, const std::string& text) {
  std::error_code code;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), code);
  std::ofstream out(path, std::ios::trunc);
  out << text;
  out.flush();
  if (!out) return fail(errc::io, "{} cannot be written", path);
  return {};
}

}  // namespace

std::vector<std::string> completions(std::string_view line) {
  auto words = words_of(line);
  if (!words.empty()) words.erase(words.begin());  // the program
  std::string begun;
  if (!words.empty() && !line.ends_with(' ')) {
    begun = words.back();
    words.pop_back();
  }
  std::set<std::string> out;
  auto found = find_command(words);
  if (begun.starts_with('-')) {
    if (found) add_flags(*found->self, begun, out);
  } else if (std::ranges::none_of(words, [](const std::string& word) { return word.starts_with('-'); })) {
    add_words(words, begun, out);
  }
  return {out.begin(), out.end()};
}

result<std::string> install_completion(const std::string& program, const std::string& path, const std::string& home) {
  auto files = shell_files(program, path, home);
  if (files.empty()) return fail(errc::not_found, "no start-up file of bash, zsh or fish was found in {}", home);
  std::string done;
  for (const auto& each : files) {
    auto text = text_of(each.path);
    if (text.find(each.line) != text.npos) continue;
    if (!text.empty() && !text.ends_with('\n')) text += '\n';
    TRY(write_text(each.path, text + each.line + "\n"));
    done += (done.empty() ? "" : ", ") + each.path;
  }
  if (done.empty()) return fail(errc::exists, "completion of {} is installed already", program);
  return "Installed completion in " + done + "; it works in shells that are started from now on";
}

result<std::string> uninstall_completion(const std::string& program, const std::string& path, const std::string& home) {
  std::string done;
  for (const auto& each : shell_files(program, path, home)) {
    auto text = text_of(each.path);
    auto at = text.find(each.line + "\n");
    if (at == text.npos) continue;
    text.erase(at, each.line.size() + 1);
    TRY(write_text(each.path, text));
    done += (done.empty() ? "" : ", ") + each.path;
  }
  if (done.empty()) return fail(errc::not_found, "completion of {} is not installed", program);
  return "Removed completion from " + done;
}

}  // namespace drover::cli
