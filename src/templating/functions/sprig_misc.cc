// sprig's functions on types, times, versions and URLs.
#include <algorithm>
#include <array>
#include <optional>

#include "base/bytes.h"
#include "base/text.h"
#include "env/time_zone.h"
#include "templating/clock.h"
#include "templating/functions/common.h"
#include "templating/functions/semver.h"
#include "templating/utf8.h"

namespace drover::templating {

namespace {
// Times, and numbers of seconds since 1970; now otherwise.
moment moment_of(const call& c, const datum& d) {
  if (auto* t = as_time(d)) return *t;
  if (auto* n = d.as_integer()) return {timestamp(n->n * 1'000'000'000)};
  return {c.run.outside().now};
}

// A duration as text, or as what sprig calls a number of nanoseconds.
duration duration_of(const datum& d) {
  if (auto* n = d.as_integer()) return duration(n->n);
  if (auto* s = d.as_text()) return parse_duration(*s).value_or(duration());
  return {};
}

result<datum> date(const call& c, const std::string& layout, const datum& when, const std::string& zone) {
  auto m = moment_of(c, when);
  auto found = env::time_zone::named(zone == "Local" || zone.empty() ? "UTC" : zone);
  if (!found) return datum(format_time(m, layout));
  auto offset = (found->to_local(m.at) - m.at).ns / 1'000'000'000;
  return datum(format_time({m.at, static_cast<int>(offset), offset == 0 ? "UTC" : ""}, layout));
}

result<datum> modified_date(const call& c, bool must) {
  auto by = parse_duration(c.text(0).starts_with('+') ? c.text(0).substr(1) : c.text(0));
  if (!by && must) return fail(errc::invalid, "time: invalid duration {}", go_quote(c.text(0)));
  auto m = moment_of(c, c[1]);
  if (by) m.at = m.at + *by;
  return time_datum(std::move(m));
}

result<datum> to_date(const call& c, bool must) {
  auto m = parse_time(c.text(0), c.text(1));
  if (!m && must) return fail(m.error());
  return m ? time_datum(std::move(*m)) : datum();
}

result<datum> rounded_duration(const call& c) {
  auto d = as_time(c[0]) ? c.run.outside().now - as_time(c[0])->at : duration_of(c[0]);
  auto size = d.ns < 0 ? 0 - static_cast<uint64_t>(d.ns) : static_cast<uint64_t>(d.ns);
  constexpr uint64_t second = 1'000'000'000, day = 86'400 * second;
  static constexpr std::pair<uint64_t, std::string_view> units[] = {{365 * day, "y"},     {30 * day, "mo"},   {day, "d"},
                                                                    {3600 * second, "h"}, {60 * second, "m"}, {second, "s"}};
  for (auto& [length, name] : units)
    if (size > length) return datum(fmt::format("{}{}", size / length, name));
  return datum("0s");
}

struct url_parts {
  std::string scheme, userinfo, host, path, query, opaque, fragment;
};

std::string decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    auto byte = text[i] == '%' && i + 2 < text.size() + 0 ? hex_decode(text.substr(i + 1, 2)) : result<std::string>(fail(errc::invalid, ""));
    if (byte) out += *byte, i += 2;
    else out += text[i];
  }
  return out;
}

url_parts cut_url(std::string_view text) {
  url_parts out;
  auto take_after = [&](char mark, std::string& into) {
    auto at = text.find(mark);
    if (at == std::string_view::npos) return;
    into = text.substr(at + 1);
    text = text.substr(0, at);
  };
  take_after('#', out.fragment);
  take_after('?', out.query);
  auto colon = text.find(':');
  bool scheme = colon != std::string_view::npos && colon > 0 && std::ranges::all_of(text.substr(0, colon), [](char c) {
                  return is_letter(static_cast<uint8_t>(c)) || is_digit(static_cast<uint8_t>(c)) || c == '+' || c == '-' || c == '.';
                });
  if (scheme) {
    out.scheme = lower_text(text.substr(0, colon));
    text.remove_prefix(colon + 1);
    if (!text.starts_with('/')) {
      out.opaque = text;
      return out;
    }
  }
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    auto slash = std::min(text.find('/'), text.size());
    auto authority = text.substr(0, slash);
    text.remove_prefix(slash);
    if (auto at = authority.rfind('@'); at != std::string_view::npos) {
      out.userinfo = authority.substr(0, at);
      authority.remove_prefix(at + 1);
    }
    out.host = authority;
  }
  out.path = decoded(text);
  return out;
}

result<datum> url_parse(const call& c) {
  auto u = cut_url(c.text(0));
  auto host = std::string_view(u.host);
  if (host.starts_with('[')) host = host.substr(1, host.find(']') == std::string_view::npos ? host.size() : host.find(']') - 1);
  else host = host.substr(0, host.rfind(':'));
  return datum(datum::map{{"scheme", u.scheme},
                          {"host", u.host},
                          {"hostname", host},
                          {"path", u.path},
                          {"query", u.query},
                          {"opaque", u.opaque},
                          {"fragment", u.fragment},
                          {"userinfo", u.userinfo}});
}

result<datum> url_join(const call& c) {
  auto part = [&](const char* name) {
    auto found = c.map(0).find(name);
    return found == c.map(0).end() ? std::string() : text_of(found->second);
  };
  std::string out;
  if (auto scheme = part("scheme"); !scheme.empty()) out = scheme + ":";
  if (auto opaque = part("opaque"); !opaque.empty()) {
    out += opaque;
  } else {
    auto host = part("host"), user = part("userinfo"), path = part("path");
    if (!host.empty() || !user.empty()) out += "//" + (user.empty() ? "" : user + "@") + host;
    if (!path.empty() && path[0] != '/' && !host.empty()) out += '/';
    for (char ch : path) {
      bool plain = is_letter(static_cast<uint8_t>(ch)) || is_digit(static_cast<uint8_t>(ch)) ||
                   std::string_view("-_.~/$&+,:;=@!'()*").find(ch) != std::string_view::npos;
      out += plain ? std::string(1, ch) : fmt::format("%{:02X}", static_cast<uint8_t>(ch));
    }
  }
  if (auto query = part("query"); !query.empty()) out += "?" + query;
  if (auto fragment = part("fragment"); !fragment.empty()) out += "#" + fragment;
  return datum(std::move(out));
}

result<datum> uuid(const call& c) {
  if (!c.run.outside().random) return fail(errc::unsupported, "no randomness is available here");
  auto bytes = c.run.outside().random(16);
  uint8_t raw[16];
  std::ranges::copy(bytes, reinterpret_cast<char*>(raw));
  raw[6] = static_cast<uint8_t>((raw[6] & 0x0f) | 0x40);
  raw[8] = static_cast<uint8_t>((raw[8] & 0x3f) | 0x80);
  return datum(format_uuid(raw));
}

result<datum> makes_secrets(const call&) {
  return fail(errc::unsupported, "this function would make a new secret each time the template is rendered; make it once and keep it in a variable (nomadVar)");
}

result<datum> type_is(const call& c) { return datum(c.text(0) == (c[1].is_nil() ? "<nil>" : c[1].type_name())); }

constexpr function table[] = {
    {"typeOf", "a", [](const call& c) -> result<datum> { return datum(c[0].type_name()); }},
    {"typeIs", "sa", type_is},
    {"typeIsLike", "sa", [](const call& c) -> result<datum> { return datum(c.text(0) == c[1].type_name() || "*" + c.text(0) == c[1].type_name()); }},
    {"kindOf", "a", [](const call& c) -> result<datum> { return datum(c[0].kind_name()); }},
    {"kindIs", "sa", [](const call& c) -> result<datum> { return datum(c.text(0) == c[1].kind_name()); }},
    {"deepEqual", "aa", [](const call& c) -> result<datum> { return datum(deep_equal(c[0], c[1])); }},
    {"fail", "s", [](const call& c) -> result<datum> { return fail(errc::invalid, "{}", c.text(0)); }},
    {"now", "", [](const call& c) -> result<datum> { return time_datum({c.run.outside().now}); }},
    {"date", "sa", [](const call& c) { return date(c, c.text(0), c[1], "UTC"); }},
    {"dateInZone", "sas", [](const call& c) { return date(c, c.text(0), c[1], c.text(2)); }},
    {"date_in_zone", "sas", [](const call& c) { return date(c, c.text(0), c[1], c.text(2)); }},
    {"htmlDate", "a", [](const call& c) { return date(c, "2006-01-02", c[0], "UTC"); }},
    {"htmlDateInZone", "as", [](const call& c) { return date(c, "2006-01-02", c[0], c.text(1)); }},
    {"dateModify", "sa", [](const call& c) { return modified_date(c, false); }},
    {"date_modify", "sa", [](const call& c) { return modified_date(c, false); }},
    {"mustDateModify", "sa", [](const call& c) { return modified_date(c, true); }},
    {"must_date_modify", "sa", [](const call& c) { return modified_date(c, true); }},
    {"toDate", "ss", [](const call& c) { return to_date(c, false); }},
    {"mustToDate", "ss", [](const call& c) { return to_date(c, true); }},
    {"unixEpoch", "a", [](const call& c) -> result<datum> { return datum(std::to_string(moment_of(c, c[0]).at.unix_seconds())); }},
    {"ago", "a",
     [](const call& c) -> result<datum> {
       auto d = c.run.outside().now - moment_of(c, c[0]).at;
       return datum(to_string(seconds((d.ns + (d.ns < 0 ? -500'000'000 : 500'000'000)) / 1'000'000'000)));
     }},
    {"duration", "a",
     [](const call& c) -> result<datum> {
       auto n = c[0].as_text()                                                        ? parse_int(*c[0].as_text()).value_or(0)
                : c[0].as_integer() && c[0].as_integer()->kind == integer_kind::int64 ? c[0].as_integer()->n
                                                                                      : 0;
       return datum(to_string(seconds(std::clamp<int64_t>(n, -9'000'000'000, 9'000'000'000))));
     }},
    {"durationRound", "a", rounded_duration},
    {"semver", "s", [](const call& c) { return semver_datum(c.text(0)); }},
    {"semverCompare", "ss",
     [](const call& c) -> result<datum> {
       TRY_ASSIGN(bool fits, semver_matches(c.text(0), c.text(1)));
       return datum(fits);
     }},
    {"urlParse", "s", url_parse},
    {"urlJoin", "m", url_join},
    {"uuidv4", "", uuid},
    {"genPrivateKey", "a*", makes_secrets},
    {"genCA", "a*", makes_secrets},
    {"genCAWithKey", "a*", makes_secrets},
    {"genSelfSignedCert", "a*", makes_secrets},
    {"genSelfSignedCertWithKey", "a*", makes_secrets},
    {"genSignedCert", "a*", makes_secrets},
    {"genSignedCertWithKey", "a*", makes_secrets},
    {"bcrypt", "a*", makes_secrets},
    {"htpasswd", "a*", makes_secrets},
    {"encryptAES", "a*", makes_secrets},
};
}  // namespace

std::span<const function> sprig_misc_functions() { return table; }

}  // namespace drover::templating
