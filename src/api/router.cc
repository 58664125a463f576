#include "api/router.h"

#include "base/ensure.h"
#include "base/text.h"

namespace drover::api {
namespace {

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (auto word : split(text, ' '))
    if (!word.empty()) out.push_back(word);
  return out;
}

// "resources=fields.resources": the members on the way to what the parameter sets.
compiled_route::param compile_param(std::string_view text, const schema::type_info& request) {
  auto equals = text.find('=');
  compiled_route::param out{.name = text.substr(0, equals), .members = {}};
  auto path = equals == std::string_view::npos ? text : text.substr(equals + 1);
  const schema::type_info* type = &request;
  for (auto name : split(path, '.')) {
    if (type->kind == schema::kind::optional) type = &type->element();
    ENSURE(type->kind == schema::kind::record, "a parameter leads through records");
    const auto* member = type->record->find_member(name);
    ENSURE(member != nullptr, "a parameter of a route names a member of its request");
    out.members.push_back(member);
    type = &member->type();
  }
  return out;
}

const schema::field_info* answer_member(const route& row, std::string_view name) {
  if (name.empty()) return nullptr;
  const auto* member = row.rpc.response().record->find_member(name);
  ENSURE(member != nullptr, "a route names a member of its answer");
  return member;
}

compiled_route compile(const route& row) {
  compiled_route out{.row = &row, .parts = {}, .params = {}, .path_members = {}};
  for (auto text : path_parts(row.path)) {
    bool is_value = text.starts_with(':');
    bool takes_many = is_value && text.ends_with('+');
    if (is_value) text = text.substr(1, text.size() - (takes_many ? 2 : 1));
    out.parts.push_back({text, is_value, takes_many});
  }
  if (row.rpc.request == nullptr) return out;
  const auto& request = row.rpc.request();
  for (auto text : words(row.params)) out.params.push_back(compile_param(text, request));
  for (const auto& part : out.parts)
    if (part.is_value && request.kind == schema::kind::record)
      if (const auto* member = request.record->find_member(part.text)) out.path_members.push_back({part.text, member});
  out.answer = row.answer == "-" ? nullptr : answer_member(row, row.answer);
  if (!row.absent.empty()) out.absent = row.absent_member.empty() ? out.answer : answer_member(row, row.absent_member);
  return out;
}

std::string joined(const std::vector<std::string>& path, size_t from, size_t count) {
  std::string out = path[from];
  for (size_t i = 1; i < count; ++i) (out += '/') += path[from + i];
  return out;
}

bool fits(const compiled_route& route, const std::vector<std::string>& path, std::vector<std::pair<std::string_view, std::string>>& values) {
  bool takes_many = false;
  for (const auto& part : route.parts) takes_many |= part.takes_many;
  if (takes_many ? path.size() < route.parts.size() : path.size() != route.parts.size()) return false;
  size_t extra = path.size() - route.parts.size();
  size_t at = 0;
  for (const auto& part : route.parts) {
    size_t count = part.takes_many ? 1 + extra : 1;
    if (!part.is_value && path[at] != part.text) return false;
    at += count;
  }
  values.clear();
  at = 0;
  for (const auto& part : route.parts) {
    size_t count = part.takes_many ? 1 + extra : 1;
    if (part.is_value) values.emplace_back(part.text, joined(path, at, count));
    at += count;
  }
  return true;
}

std::string_view noun_of(const std::vector<std::string>& path) { return path.size() < 2 ? std::string_view() : std::string_view(path[1]); }

}  // namespace

std::vector<std::string_view> path_parts(std::string_view path) { return split(path.substr(1), '/'); }

bool compiled_route::allows(std::string_view method) const {
  if (method == "HEAD") method = "GET";
  for (auto word : split(row->methods, ' '))
    if (word == method) return true;
  return false;
}

router::router(std::span<const route> table) {
  routes_.reserve(table.size());
  for (const auto& row : table) routes_.push_back(compile(row));
  for (const auto& route : routes_) {
    auto noun = route.parts.size() < 2 ? std::string_view() : route.parts[1].text;
    ENSURE(route.parts.size() < 2 || !route.parts[1].is_value || route.parts[0].text == "ui", "the second part of a route is a literal");
    by_noun_[route.parts.size() >= 2 && route.parts[1].is_value ? std::string_view() : noun].push_back(&route);
  }
}

route_match router::find(std::string_view method, const std::vector<std::string>& path) const {
  route_match out;
  for (auto key : {noun_of(path), std::string_view()}) {
    auto it = by_noun_.find(key);
    if (it == by_noun_.end()) continue;
    std::string_view pattern;  // the first that fits decides what the path means; only its rows count then
    for (const auto* route : it->second) {
      if (!pattern.empty() && route->row->path != pattern) continue;
      if (!fits(*route, path, out.values)) continue;
      out.path_known = true;
      pattern = route->row->path;
      if (!route->allows(method)) continue;
      out.route = route;
      return out;
    }
    if (out.path_known || key.empty()) break;
  }
  out.values.clear();
  return out;
}

}  // namespace drover::api
