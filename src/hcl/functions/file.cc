// Functions that look at files, each through the function_environment; paths alone are plain text work.
#include <algorithm>

#include "base/bytes.h"
#include "base/text.h"
#include "hcl/functions/common.h"

namespace drover::hcl {
namespace {

std::unexpected<error> no_files() { return fail(errc::invalid, "it is not available here: no files may be read"); }

// "~" and "~/x" with the home directory in place of the tilde.
result<std::string> expand_home(const std::string& path, const function_environment& environment) {
  if (path != "~" && !path.starts_with("~/")) return path;
  if (!environment.home_directory) return no_files();
  TRY_ASSIGN(std::string home, environment.home_directory());
  return home + path.substr(1);
}

result<std::string> read(arguments a, const function_environment& environment) {
  if (!environment.read_file) return no_files();
  TRY_ASSIGN(std::string path, expand_home(text_at(a, 0), environment));
  return environment.read_file(path);
}

result<value> file(arguments a, const function_environment& environment) {
  TRY_ASSIGN(std::string data, read(a, environment));
  if (!is_valid_utf8(data)) return fail(errc::invalid, "{} is not UTF-8 text; filebase64() reads any file", quoted(text_at(a, 0)));
  return value(std::move(data));
}

result<value> filebase64(arguments a, const function_environment& environment) {
  TRY_ASSIGN(std::string data, read(a, environment));
  return value(base64_encode(data));
}

result<value> fileexists(arguments a, const function_environment& environment) {
  if (!environment.file_exists) return no_files();
  TRY_ASSIGN(std::string path, expand_home(text_at(a, 0), environment));
  TRY_ASSIGN(bool there, environment.file_exists(path));
  return value(there);
}

result<value> abspath(arguments a, const function_environment& environment) {
  if (!environment.absolute_path) return no_files();
  TRY_ASSIGN(std::string path, environment.absolute_path(text_at(a, 0)));
  return value(std::move(path));
}

result<value> pathexpand(arguments a, const function_environment& environment) {
  TRY_ASSIGN(std::string path, expand_home(text_at(a, 0), environment));
  return value(std::move(path));
}

// Go's filepath.Base and Dir.
result<value> basename(arguments a, const function_environment&) {
  std::string_view path = text_at(a, 0);
  if (path.empty()) return value(".");
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path == "/") return value("/");
  return value(path.substr(path.rfind('/') + 1));
}

std::string clean(std::string_view path) {
  bool absolute = path.starts_with('/');
  std::vector<std::string> parts;
  for (auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") parts.pop_back();
    else if (part != ".." || !absolute) parts.emplace_back(part);
  }
  std::string out = (absolute ? "/" : "") + join(parts, "/");
  return out.empty() ? "." : out;
}

result<value> dirname(arguments a, const function_environment&) {
  std::string_view path = text_at(a, 0);
  size_t slash = path.rfind('/');
  return value(clean(slash == std::string_view::npos ? "" : path.substr(0, slash + 1)));
}

// One part of a path against one part of a pattern: "*", "?" and "[a-z]".
bool matches_part(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  // The length of the class at p if it holds c; 0 if it does not.
  auto matches_class = [&](char c) -> size_t {
    size_t i = p + 1;
    bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^'), found = false;
    i += negated;
    for (size_t first = i; i < pattern.size() && (pattern[i] != ']' || i == first); ++i) {
      char low = pattern[i], high = low;
      if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') high = pattern[i += 2];
      found = found || (low <= c && c <= high);
    }
    return i < pattern.size() && found != negated ? i + 1 - p : 0;
  };
  while (t < text.size()) {
    size_t step = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
      continue;
    }
    if (p < pattern.size()) step = pattern[p] == '[' ? matches_class(text[t]) : pattern[p] == '?' || pattern[p] == text[t];
    if (step > 0) {
      p += step;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// "**" is any number of directories. Row i of the table: which prefixes of the path the first i parts of the pattern
// match.
bool matches_path(const std::vector<std::string_view>& pattern, const std::vector<std::string_view>& path) {
  std::vector<char> row(path.size() + 1, 0);
  row[0] = 1;
  for (auto part : pattern) {
    std::vector<char> next(path.size() + 1, 0);
    for (size_t j = 0; j <= path.size(); ++j) {
      if (part == "**") next[j] = row[j] || (j > 0 && next[j - 1]);
      else next[j] = j > 0 && row[j - 1] && matches_part(part, path[j - 1]);
    }
    row = std::move(next);
  }
  return row.back();
}

// "{a,b}" alternatives, one after the other; bounded.
result<std::vector<std::string>> expand_braces(const std::string& pattern) {
  constexpr size_t patterns_max = 256;
  std::vector<std::string> out{pattern};
  for (size_t i = 0; i < out.size();) {
    size_t open = out[i].find('{'), close = open == std::string::npos ? open : out[i].find('}', open);
    if (close == std::string::npos) {
      ++i;
      continue;
    }
    std::string whole = out[i];
    out.erase(out.begin() + static_cast<ptrdiff_t>(i));
    for (auto choice : split(std::string_view(whole).substr(open + 1, close - open - 1), ','))
      out.push_back(whole.substr(0, open) + std::string(choice) + whole.substr(close + 1));
    if (out.size() > patterns_max) return fail(errc::invalid, "the pattern stands for more than {} patterns", patterns_max);
  }
  return out;
}

result<value> fileset(arguments a, const function_environment& environment) {
  if (!environment.list_files) return no_files();
  TRY_ASSIGN(auto patterns, expand_braces(text_at(a, 1)));
  TRY_ASSIGN(std::string directory, expand_home(text_at(a, 0), environment));
  TRY_ASSIGN(auto files, environment.list_files(directory));
  value::list out;
  for (const auto& name : files) {
    auto parts = split(name, '/');
    if (std::ranges::any_of(patterns, [&](const std::string& p) { return matches_path(split(p, '/'), parts); })) out.emplace_back(name);
  }
  return value(to_set(std::move(out)));
}

}  // namespace

std::span<const function> file_functions() {
  using enum parameter;
  static const function table[] = {
      {"abspath", {string}, {}, abspath},         {"basename", {string}, {}, basename},
      {"dirname", {string}, {}, dirname},         {"file", {string}, {}, file},
      {"filebase64", {string}, {}, filebase64},   {"fileexists", {string}, {}, fileexists},
      {"fileset", {string, string}, {}, fileset}, {"pathexpand", {string}, {}, pathexpand},
  };
  return table;
}

}  // namespace drover::hcl
