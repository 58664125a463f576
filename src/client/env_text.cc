// The env file format that templates with env = true write.
#include "base/text.h"
#include "client/task_templates.h"

namespace drover::client {

namespace {
// The value after "=": 'as it is', "with \n and \" inside", or plain up to " #".
result<std::string> env_value(std::string_view& rest, size_t line) {
  if (rest.starts_with('\'')) {
    auto end = rest.find('\'', 1);
    if (end == std::string_view::npos) return fail(errc::invalid, "line {}: a quote is not closed", line);
    auto out = std::string(rest.substr(1, end - 1));
    rest.remove_prefix(end + 1);
    return out;
  }
  if (!rest.starts_with('"')) {
    auto end = std::min(rest.find('\n'), rest.size());
    auto plain = rest.substr(0, end);
    rest.remove_prefix(end);
    if (auto comment = plain.find(" #"); comment != std::string_view::npos) plain = plain.substr(0, comment);
    return std::string(trim(plain));
  }
  std::string out;
  for (size_t i = 1; i < rest.size(); i++) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return out;
    }
    if (rest[i] != '\\' || i + 1 == rest.size()) {
      out += rest[i];
      continue;
    }
    char c = rest[++i];
    if (c == 'n') out += '\n';
    else if (c == 'r') out += '\r';
    else if (c == 't') out += '\t';
    else out += c;
  }
  return fail(errc::invalid, "line {}: a quote is not closed", line);
}
}  // namespace

result<std::map<std::string, std::string>> parse_env_text(std::string_view text) {
  std::map<std::string, std::string> out;
  size_t line = 1;
  while (!text.empty()) {
    auto start = text;
    auto end = std::min(text.find('\n'), text.size());
    auto head = trim(text.substr(0, end));
    if (head.empty() || head[0] == '#') {
      text.remove_prefix(std::min(end + 1, text.size()));
      ++line;
      continue;
    }
    auto equals = text.find('=');
    if (equals == std::string_view::npos || equals > end) return fail(errc::invalid, "line {}: \"{}\" has no \"=\"", line, head);
    auto key = trim(text.substr(0, equals));
    if (key.starts_with("export ")) key = trim(key.substr(7));
    if (key.empty() || key.find_first_of(" \t\"'") != std::string_view::npos) return fail(errc::invalid, "line {}: \"{}\" is no name of a variable", line, key);
    text.remove_prefix(equals + 1);
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    TRY_ASSIGN(auto v, env_value(text, line));
    out[std::string(key)] = std::move(v);
    // What follows a closing quote can only be a comment.
    end = std::min(text.find('\n'), text.size());
    auto rest = trim(text.substr(0, end));
    if (!rest.empty() && rest[0] != '#') return fail(errc::invalid, "line {}: \"{}\" stands behind the value", line, rest);
    text.remove_prefix(std::min(end + 1, text.size()));
    for (char c : start.substr(0, start.size() - text.size())) line += c == '\n';
  }
  return out;
}

}  // namespace drover::client
