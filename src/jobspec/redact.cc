#include "jobspec/redact.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <set>

#include "base/secret_name.h"

namespace drover::jobspec {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_quote(char c) { return c == '"' || c == '\''; }

// Where the value begins that follows a name that ends at `at`; npos: none does.
size_t value_after(std::string_view text, size_t at) {
  if (at < text.size() && is_quote(text[at])) ++at;
  while (at < text.size() && is_blank(text[at])) ++at;
  if (at >= text.size() || (text[at] != '=' && text[at] != ':')) return text.npos;
  ++at;
  if (at < text.size() && (text[at] == '=' || text[at] == '>')) ++at;
  while (at < text.size() && is_blank(text[at])) ++at;
  return at < text.size() && text[at] != '\n' && text[at] != '\r' ? at : text.npos;
}

// A quoted value ends with its quote, another one with its line.
size_t end_of_value(std::string_view text, size_t at) {
  const auto line = std::min(text.find('\n', at), text.size());
  if (!is_quote(text[at])) return line;
  for (auto end = at + 1; end < text.size(); ++end) {
    if (text[end] == '\\') ++end;
    else if (text[end] == text[at]) return end + 1;
  }
  return text.size();
}

// What is fetched or put in when the task starts.
bool is_reference(std::string_view whole) {
  if (is_quote(whole.front())) whole = whole.substr(1, whole.size() - 2 < whole.size() ? whole.size() - 2 : 0);
  whole = trim(whole);
  return (whole.starts_with("{{") && whole.ends_with("}}")) || (whole.starts_with("${") && whole.ends_with('}'));
}

// Copies one value, or what stands for it; the new place in the text.
size_t pass_value(std::string& out, std::string_view text, size_t at) {
  const auto end = end_of_value(text, at);
  const auto whole = text.substr(at, end - at);
  if (is_reference(whole)) {
    out += whole;
  } else if (is_quote(text[at])) {
    out += text[at];
    out += redacted_text;
    out += text[at];
  } else {
    out += redacted_text;
  }
  return end;
}

// "postgres://user:password@host": the part before the @ that closes it.
std::string without_passwords(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto scheme = text.find("://", at);
    const auto begin = scheme == text.npos ? text.size() : scheme + 3;
    out += text.substr(at, begin - at);
    at = begin;
    const auto end = std::min(text.find_first_of("/?# \t\r\n\"'", at), text.size());
    const auto authority = text.substr(at, end - at);
    const auto sign = authority.rfind('@');
    const auto colon = authority.find(':');
    if (sign == authority.npos || colon > sign) continue;
    out += authority.substr(0, colon + 1);
    out += redacted_text;
    at += sign;
  }
  return out;
}

void redact_list(value::list& list);

void redact_value(value& v, bool secret);

void redact_object(value::object& object, bool secret) {
  for (auto& [name, each] : object) redact_value(each, secret || names_secret(name));
}

void redact_value(value& v, bool secret) {
  if (auto* list = v.as_list()) {
    if (!secret) return redact_list(*list);
    for (auto& each : *list) redact_value(each, true);
  } else if (auto* object = v.as_object()) {
    redact_object(*object, secret);
  } else if (const auto* text = v.as_string()) {
    v = secret && !text->empty() ? value(redacted_text) : value(redacted_lines(*text));
  }
}

// "--token" or "-p": the next argument is its value.
bool is_secret_flag(std::string_view text) { return text.starts_with('-') && !text.contains('=') && !text.contains(' ') && names_secret(text); }

void redact_list(value::list& list) {
  bool next = false;
  for (auto& each : list) {
    const auto* text = each.as_string();
    const bool flag = text != nullptr && is_secret_flag(*text);
    redact_value(each, next);
    next = flag;
  }
}

void redact_texts(std::vector<std::string>& texts) {
  bool next = false;
  for (auto& each : texts) {
    const bool flag = is_secret_flag(each);
    each = next ? std::string(redacted_text) : redacted_lines(each);
    next = flag;
  }
}

void redact_service(schema::service& service) {
  redact(service.meta);
  redact(service.canary_meta);
  for (auto& check : service.checks) {
    redact_texts(check.args);
    check.body = redacted_lines(check.body);
    for (auto& [name, values] : check.header)
      for (auto& each : values) each = names_secret(name) ? std::string(redacted_text) : redacted_lines(each);
  }
}

void redact_task(schema::task& task) {
  for (auto& [name, each] : task.config) redact_value(each, names_secret(name));
  redact(task.env);
  redact(task.meta);
  for (auto& each : task.services) redact_service(each);
  for (auto& each : task.secrets) {
    redact(each.env);
    for (auto& [name, v] : each.config) redact_value(v, names_secret(name));
  }
  for (auto& each : task.templates) each.embedded_tmpl = redacted_lines(each.embedded_tmpl);
  for (auto& each : task.artifacts) {
    each.getter_source = redacted_lines(each.getter_source);
    redact(each.getter_options);
    redact(each.getter_headers);
  }
  for (auto& each : task.actions) redact_texts(each.args);
}

// "Config[args][3]" -> "Config[args][4]"; empty: no place in a list.
std::string next_place(std::string_view name) {
  const auto open = name.rfind('[');
  if (open == name.npos || !name.ends_with(']')) return {};
  const auto number = parse_uint(name.substr(open + 1, name.size() - open - 2));
  return number ? fmt::format("{}[{}]", name.substr(0, open), *number + 1) : std::string();
}

void redact_fields(std::vector<schema::field_diff>& fields, bool secret) {
  // What stands behind a flag such as --token in a list of arguments.
  std::set<std::string, std::less<>> values_of_flags;
  for (const auto& each : fields)
    if (is_secret_flag(each.old) || is_secret_flag(each.new_)) values_of_flags.insert(next_place(each.name));
  for (auto& each : fields) {
    const bool hidden = secret || names_secret(each.name) || values_of_flags.contains(each.name);
    for (auto* text : {&each.old, &each.new_}) {
      if (text->empty()) continue;
      // Arguments of actions and checks are compared without their places: any of them may stand behind such a flag.
      const bool anywhere = each.name == "Args" && !text->starts_with('-');
      *text = hidden || anywhere ? std::string(redacted_text) : redacted_lines(*text);
    }
  }
}

void redact_objects(std::vector<schema::object_diff>& objects, bool secret) {
  for (auto& each : objects) {
    const bool hidden = secret || names_secret(each.name);
    redact_fields(each.fields, hidden);
    redact_objects(each.objects, hidden);
  }
}

}  // namespace

std::string redacted_lines(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    if (!is_word(text[at])) {
      out += text[at++];
      continue;
    }
    auto end = at;
    while (end < text.size() && is_word(text[end])) ++end;
    const auto name = text.substr(at, end - at);
    const auto begins = names_secret(name) ? value_after(text, end) : text.npos;
    const auto next = begins == text.npos ? end : begins;
    out += text.substr(at, next - at);
    at = begins == text.npos ? end : pass_value(out, text, begins);
  }
  return without_passwords(out);
}

void redact(std::map<std::string, std::string>& named) {
  for (auto& [name, text] : named) text = names_secret(name) && !text.empty() ? std::string(redacted_text) : redacted_lines(text);
}

schema::ref<schema::job> redacted(const schema::ref<schema::job>& job) {
  if (!job) return job;
  auto out = std::make_shared<schema::job>(*job);
  redact(out->meta);
  if (!out->payload.data.empty()) out->payload = bytes(std::string(redacted_text));
  for (auto& group : out->task_groups) {
    redact(group.meta);
    for (auto& each : group.services) redact_service(each);
    for (auto& each : group.tasks) redact_task(each);
  }
  return out;
}

void redact(schema::job_diff& diff) {
  redact_fields(diff.fields, false);
  redact_objects(diff.objects, false);
  for (auto& group : diff.task_groups) {
    redact_fields(group.fields, false);
    redact_objects(group.objects, false);
    for (auto& task : group.tasks) {
      redact_fields(task.fields, false);
      redact_objects(task.objects, false);
    }
  }
}

}  // namespace drover::jobspec
