// consul-template's functions that need something from elsewhere: variables, services, files, keys, secrets.
#include "base/text.h"
#include "templating/functions/common.h"
#include "templating/utf8.h"

namespace drover::templating {

namespace {
using kind = data_request::kind;

bool is_name(std::string_view text, std::string_view also) {
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || also.find(c) != std::string_view::npos;
  });
}

// "path", "path@namespace", "path@namespace.region".
result<data_request> variable_request(const call& c, kind what, const std::string& text, std::string_view function) {
  data_request out{.what = what, .namespace_ = c.run.outside().namespace_, .region = c.run.outside().region};
  auto at = text.rfind('@');
  out.name = text.substr(0, at);
  if (out.name.starts_with('/')) out.name.erase(0, 1);
  auto bad = [&] { return fail(errc::invalid, "{}: invalid format: {}", function, go_quote(text)); };
  if (at != std::string::npos) {
    auto place = text.substr(at + 1);
    auto dot = place.find('.');
    out.namespace_ = place.substr(0, dot);
    if (dot != std::string::npos) out.region = place.substr(dot + 1);
    if (!is_name(out.namespace_, "-") && !(what == kind::variable_list && out.namespace_ == "*")) return bad();
    if (dot != std::string::npos && !is_name(out.region, "-")) return bad();
  }
  if (out.name.find('@') != std::string::npos || (out.name.empty() && what != kind::variable_list)) return bad();
  return out;
}

result<datum> asked(const call& c, data_request request, datum otherwise) {
  TRY_ASSIGN(auto found, c.run.ask(std::move(request)));
  return found ? *found : otherwise;
}

result<datum> variable(const call& c) {
  if (c.text(0).empty()) return datum(datum::map{});
  TRY_ASSIGN(auto request, variable_request(c, kind::variable, c.text(0), "nomad.var.get"));
  request.wait = true;
  return asked(c, std::move(request), datum(datum::map{}));
}

result<datum> variable_exists(const call& c) {
  if (c.text(0).empty()) return datum(false);
  TRY_ASSIGN(auto request, variable_request(c, kind::variable_exists, c.text(0), "nomad.var.get"));
  return asked(c, std::move(request), datum(false));
}

result<datum> variable_list(const call& c, bool safe) {
  TRY_ASSIGN(auto request, variable_request(c, kind::variable_list, c.size() > 0 ? c.text(0) : "", "nomad.var.list"));
  request.wait = safe;
  return asked(c, std::move(request), datum(datum::list{}));
}

// "name", "tag.name", "name@region".
result<data_request> service_request(const std::string& text) {
  data_request out{.what = kind::service};
  auto at = text.rfind('@');
  auto name = text.substr(0, at);
  if (at != std::string::npos) out.region = text.substr(at + 1);
  auto dot = name.rfind('.');
  if (dot != std::string::npos) out.tag = name.substr(0, dot);
  out.name = dot == std::string::npos ? name : name.substr(dot + 1);
  bool good = is_name(out.name, "-") && (dot == std::string::npos || is_name(out.tag, "=:.-")) && (at == std::string::npos || is_name(out.region, ".-"));
  if (!good) return fail(errc::invalid, "nomad.service: invalid format: {}", go_quote(text));
  return out;
}

result<datum> service(const call& c) {
  if (c.size() != 1 && c.size() != 3) return fail(errc::invalid, "expected arguments <service> or <count> <key> <service>");
  if (c.size() == 3 && !c[0].as_integer()) return fail(errc::invalid, "expected integer for <count> argument");
  if (c.size() == 3 && !c[1].as_text()) return fail(errc::invalid, "expected string for <key> argument");
  if (!c[c.size() - 1].as_text()) return fail(errc::invalid, "expected string for <service> argument");
  TRY_ASSIGN(auto request, service_request(c.text(c.size() - 1)));
  if (c.size() == 3) {
    if (c.integer(0) < 1) return fail(errc::invalid, "nomad.service: number of services must be greater than zero");
    if (c.text(1).empty()) return fail(errc::invalid, "nomad.service: key must not be empty");
    request.choose = c.integer(0);
    request.choose_key = c.text(1);
  }
  return asked(c, std::move(request), datum(datum::list{}));
}

result<datum> services(const call& c) {
  auto text = c.size() > 0 ? c.text(0) : "";
  data_request request{.what = kind::service_list};
  if (!text.empty()) {
    if (text[0] != '@' || !is_name(std::string_view(text).substr(1), ".-")) return fail(errc::invalid, "nomad.services: invalid format: {}", go_quote(text));
    request.region = text.substr(1);
  }
  return asked(c, std::move(request), datum(datum::list{}));
}

// Consul's service: the tasks of this cluster are registered with the same names.
result<datum> catalogue_service(const call& c) {
  TRY_ASSIGN(auto request, service_request(c.text(0).substr(0, c.text(0).find('|'))));
  return asked(c, std::move(request), datum(datum::list{}));
}

result<datum> key(const call& c, bool wait, datum otherwise) {
  if (c.text(0).empty()) return otherwise;
  return asked(c, {.what = kind::key, .name = c.text(0), .wait = wait}, std::move(otherwise));
}

// What belongs to a part that is not there.
template <const char* What>
result<datum> unavailable(const call&) {
  return fail(errc::unsupported, "{}", What);
}
constexpr char no_catalogue[] = "no Consul is configured on this node; nomadService and nomadServices read this cluster's own services";
constexpr char no_keys[] = "no key/value store is configured on this node; nomadVar reads this cluster's own variables";

constexpr function table[] = {
    {"file", "s", [](const call& c) -> result<datum> { return c.text(0).empty() ? datum("") : asked(c, {.what = kind::file, .name = c.text(0)}, datum("")); }},
    {"nomadVar", "s", variable},
    {"nomadVarExists", "s", variable_exists},
    {"nomadVarList", "?s", [](const call& c) { return variable_list(c, false); }},
    {"nomadVarListSafe", "?s", [](const call& c) { return variable_list(c, true); }},
    {"nomadService", "a?aa", service},
    {"nomadServices", "?s", services},
    {"service", "s?s", catalogue_service},
    {"services", "?s", services},
    {"key", "s", [](const call& c) { return key(c, true, datum("")); }},
    {"keyExists", "s",
     [](const call& c) -> result<datum> {
       TRY_ASSIGN(auto found, key(c, false, datum()));
       return datum(!found.is_nil());
     }},
    {"keyOrDefault", "ss",
     [](const call& c) -> result<datum> {
       TRY_ASSIGN(auto found, key(c, false, c[1]));
       return found.is_nil() ? c[1] : found;
     }},
    {"secret", "ss*", [](const call& c) { return asked(c, {.what = kind::secret, .name = c.text(0), .wait = true}, datum(datum::map{})); }},
    {"ls", "s", unavailable<no_keys>},
    {"safeLs", "s", unavailable<no_keys>},
    {"tree", "s", unavailable<no_keys>},
    {"safeTree", "s", unavailable<no_keys>},
    {"secrets", "s", [](const call& c) { return asked(c, {.what = kind::secret, .name = c.text(0)}, datum(datum::list{})); }},
    {"pkiCert", "ss*", [](const call& c) { return asked(c, {.what = kind::secret, .name = c.text(0)}, datum(datum::map{})); }},
    {"datacenters", "?b", unavailable<no_catalogue>},
    {"node", "?s", unavailable<no_catalogue>},
    {"nodes", "?s", unavailable<no_catalogue>},
    {"partitions", "", unavailable<no_catalogue>},
    {"peerings", "?s", unavailable<no_catalogue>},
    {"exportedServices", "?s", unavailable<no_catalogue>},
    {"importedServices", "?s", unavailable<no_catalogue>},
    {"connect", "s", unavailable<no_catalogue>},
    {"caRoots", "", unavailable<no_catalogue>},
    {"caLeaf", "s", unavailable<no_catalogue>},
    {"byMeta", "sa", unavailable<no_catalogue>},
};
}  // namespace

std::span<const function> source_functions() { return table; }

}  // namespace drover::templating
