#include "client/logs/log_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "codec/json.h"

namespace drover::client {

namespace {
constexpr std::string_view facilities[] = {"kern", "user", "mail", "daemon", "auth",   "syslog", "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
                                           "",     "",     "",     "",       "local0", "local1", "local2", "local3", "local4", "local5", "local6",   "local7"};
constexpr int default_facility = 16, informational = 6, failure = 3;

// The names in a message's head: printable, without blanks, of limited length; "-" for nothing.
std::string head_word(std::string_view text, size_t most) {
  std::string out;
  for (char c : text.substr(0, most)) out += c > ' ' && c < 127 ? c : '_';
  return out.empty() ? "-" : out;
}

void add_parameter(std::string& out, std::string_view name, std::string_view text) {
  out.append(" ").append(name).append("=\"");
  for (char c : text) {
    if (c == '"' || c == '\\' || c == ']') out += '\\';
    out += c;
  }
  out += '"';
}
}  // namespace

std::vector<std::string> line_splitter::add(std::string_view data) {
  std::vector<std::string> out;
  while (!data.empty()) {
    auto end = data.find('\n');
    auto room = line_bytes_max - rest_.size();
    auto piece = data.substr(0, std::min(end, room));
    rest_ += piece;
    data.remove_prefix(piece.size());
    bool ended = !data.empty() && data.front() == '\n';
    if (ended) data.remove_prefix(1);
    if (ended || rest_.size() == line_bytes_max) out.push_back(std::exchange(rest_, {}));
  }
  return out;
}

std::string line_splitter::take_rest() { return std::exchange(rest_, {}); }

std::string json_line(const log_labels& from, std::string_view stream, timestamp time, const std::string& line) {
  value::object out;
  out.append("time", to_rfc3339(time));
  out.append("stream", std::string(stream));
  out.append("message", line);
  out.append("namespace", from.namespace_);
  out.append("job", from.job);
  out.append("group", from.group);
  out.append("task", from.task);
  out.append("alloc", from.alloc_id);
  out.append("node", from.node);
  return codec::value_to_json(value(std::move(out))) + "\n";
}

result<int> syslog_facility(std::string_view name) {
  if (name.empty()) return default_facility;
  auto found = std::ranges::find(facilities, name);
  if (found == std::end(facilities)) return fail(errc::invalid, "\"{}\" is no syslog facility such as \"daemon\" or \"local0\"", name);
  return static_cast<int>(found - std::begin(facilities));
}

std::string syslog_message(const log_labels& from, std::string_view stream, timestamp time, int facility, std::string_view line) {
  int priority = facility * 8 + (stream == "stderr" ? failure : informational);
  // Six digits of a second are the most that it may have.
  auto when = to_rfc3339(timestamp(time.ns / 1000 * 1000));
  auto out = fmt::format("<{}>1 {} {} {} {} {} [drover@32473", priority, when, head_word(from.node, 255), head_word(from.task, 48),
                         head_word(from.alloc_id.substr(0, 8), 128), head_word(stream, 32));
  add_parameter(out, "namespace", from.namespace_);
  add_parameter(out, "job", from.job);
  add_parameter(out, "group", from.group);
  add_parameter(out, "task", from.task);
  add_parameter(out, "alloc", from.alloc_id);
  out.append("] ").append(line);
  return out;
}

std::string octet_counted(const std::string& message) { return std::to_string(message.size()) + " " + message; }

}  // namespace drover::client
