// consul-template's functions on text, the environment and time.
#include "base/text.h"
#include "base/bytes.h"
#include "templating/clock.h"
#include "templating/functions/common.h"
#include "templating/utf8.h"

namespace drover::templating {

namespace {
std::string variable(const call& c, const std::string& name) {
  auto& env = c.run.outside().env;
  auto found = env.find(name);
  return found == env.end() ? "" : found->second;
}

result<datum> must_env(const call& c) {
  auto v = variable(c, c.text(0));
  if (v.empty()) return fail(errc::invalid, "required environment variable {} is empty", c.text(0));
  return datum(std::move(v));
}

result<datum> parsed_bool(const call& c) {
  if (c.text(0).empty()) return datum(false);
  auto b = parse_bool(c.text(0));
  if (!b) return fail(errc::invalid, "parseBool: strconv.ParseBool: parsing {}: invalid syntax", go_quote(c.text(0)));
  return datum(*b);
}
result<datum> parsed_float(const call& c) {
  if (c.text(0).empty()) return datum(0.0);
  auto x = parse_double(c.text(0));
  if (!x) return fail(errc::invalid, "parseFloat: strconv.ParseFloat: parsing {}: invalid syntax", go_quote(c.text(0)));
  return datum(*x);
}
result<datum> parsed_int(const call& c) {
  auto& text = c.text(0);
  if (text.empty()) return datum(integer{0, integer_kind::int64});
  auto n = parse_int(text.starts_with('+') ? text.substr(1) : text);
  if (!n) return fail(errc::invalid, "parseInt: strconv.ParseInt: parsing {}: invalid syntax", go_quote(text));
  return datum(integer{*n, integer_kind::int64});
}
result<datum> parsed_uint(const call& c) {
  if (c.text(0).empty()) return datum(integer{0, integer_kind::uint64});
  auto n = parse_uint(c.text(0));
  if (!n) return fail(errc::invalid, "parseUint: strconv.ParseUint: parsing {}: invalid syntax", go_quote(c.text(0)));
  return datum(integer{static_cast<int64_t>(*n), integer_kind::uint64});
}

result<datum> split_list(const call& c) {
  auto text = trim_space(c.text(1));
  return text_list(text.empty() ? std::vector<std::string>() : split_text(text, c.text(0)));
}

result<datum> split_to_map(const call& c) {
  std::map<std::string, std::string> out;
  auto text = trim_space(c.text(2));
  if (text.empty()) return text_map({});
  for (auto& part : split_text(text, c.text(0))) {
    auto at = part.find(c.text(1));
    if (at != std::string::npos) out[part.substr(0, at)] = part.substr(at + c.text(1).size());
  }
  return text_map(std::move(out));
}

result<datum> indented(const call& c) {
  if (c.integer(0) < 0) return fail(errc::invalid, "indent value must be a positive integer");
  return datum(indent_text(c.text(1), static_cast<size_t>(c.integer(0)), false));
}

result<datum> now_text(const call& c) {
  if (c.size() > 1) return fail(errc::invalid, "timestamp: wrong number of arguments, expected 0 or 1, but got {}", c.size());
  moment now{c.run.outside().now};
  if (c.size() == 0) return datum(format_time(now, "2006-01-02T15:04:05Z07:00"));
  if (c.text(0) == "unix") return datum(std::to_string(now.at.unix_seconds()));
  return datum(format_time(now, c.text(0)));
}

result<datum> run_template(const call& c) {
  if (c.size() > 2) return fail(errc::invalid, "executeTemplate: wrong number of arguments, expected 1 or 2, but got {}", c.size());
  TRY_ASSIGN(auto text, c.run.execute(c.text(0), c.size() > 1 ? c[1] : datum()));
  return datum(std::move(text));
}

result<datum> socket_address(const call& c) {
  auto& expand = c.run.outside().socket_address;
  if (!expand) return fail(errc::unsupported, "sockaddr is not available here");
  TRY_ASSIGN(auto out, expand(c.size() == 0 ? "GetPrivateIP" : c.text(0)));
  return datum(std::move(out));
}

constexpr function table[] = {
    {"env", "s", [](const call& c) -> result<datum> { return datum(variable(c, c.text(0))); }},
    {"mustEnv", "s", must_env},
    {"envOrDefault", "ss",
     [](const call& c) -> result<datum> {
       auto v = variable(c, c.text(0));
       return datum(v.empty() ? c.text(1) : v);
     }},
    {"join", "sa",
     [](const call& c) -> result<datum> {
       TRY_ASSIGN(auto items, items_of(c[1], "join"));
       return datum(join(texts_of(datum(std::move(items))), c.text(0)));
     }},
    {"split", "ss", split_list},
    {"splitToMap", "sss", split_to_map},
    {"trim", "ss", [](const call& c) -> result<datum> { return datum(trim_set(c.text(1), c.text(0))); }},
    {"trimPrefix", "ss",
     [](const call& c) -> result<datum> { return datum(c.text(1).starts_with(c.text(0)) ? c.text(1).substr(c.text(0).size()) : c.text(1)); }},
    {"trimSuffix", "ss",
     [](const call& c) -> result<datum> {
       return datum(c.text(1).ends_with(c.text(0)) ? c.text(1).substr(0, c.text(1).size() - c.text(0).size()) : c.text(1));
     }},
    {"trimSpace", "s", [](const call& c) -> result<datum> { return datum(trim_space(c.text(0))); }},
    {"replaceAll", "sss", [](const call& c) -> result<datum> { return datum(c.text(0).empty() ? c.text(2) : replace_all(c.text(2), c.text(0), c.text(1))); }},
    {"regexReplaceAll", "sss",
     [](const call& c) -> result<datum> {
       TRY_ASSIGN(auto regex, compile_regex(c.text(0)));
       return datum(replace_regex(*regex, c.text(2), c.text(1)));
     }},
    {"regexMatch", "ss",
     [](const call& c) -> result<datum> {
       TRY_ASSIGN(auto regex, compile_regex(c.text(0)));
       return datum(RE2::PartialMatch(c.text(1), *regex));
     }},
    {"toLower", "s", [](const call& c) -> result<datum> { return datum(lower_text(c.text(0))); }},
    {"toUpper", "s", [](const call& c) -> result<datum> { return datum(upper_text(c.text(0))); }},
    {"toTitle", "s", [](const call& c) -> result<datum> { return datum(title_text(c.text(0))); }},
    {"indent", "is", indented},
    {"parseBool", "s", parsed_bool},
    {"parseFloat", "s", parsed_float},
    {"parseInt", "s", parsed_int},
    {"parseUint", "s", parsed_uint},
    {"timestamp", "s*", now_text},
    {"executeTemplate", "s?aa", run_template},
    {"sockaddr", "?s", socket_address},
    {"plugin", "ss*", [](const call&) -> result<datum> { return fail(errc::permission_denied, "plugin: templates do not run programs on this node"); }},
    {"writeToFile", "ssss*",
     [](const call&) -> result<datum> { return fail(errc::permission_denied, "writeToFile: templates write to their destination only"); }},
};
}  // namespace

std::span<const function> text_functions() { return table; }

}  // namespace drover::templating
