// GET /v1/openapi.json: the routes and their records as an OpenAPI 3.1 document, made from the tables that serve them.
#include <map>
#include <set>

#include "api/call.h"
#include "base/text.h"
#include "codec/json.h"

namespace drover::api {
namespace {

using schema::kind;

value object_of(std::vector<std::pair<std::string, value>> members) {
  value::object out;
  for (auto& [name, member] : members) out.append(name, std::move(member));
  return value(std::move(out));
}

// Records by name; each is described once and referred to.
class schemas {
 public:
  value of(const schema::type_info& type) {
    switch (type.kind) {
      case kind::boolean: return object_of({{"type", "boolean"}});
      case kind::string: return object_of({{"type", "string"}});
      case kind::bytes: return object_of({{"type", "string"}, {"format", "byte"}});
      case kind::timestamp: return object_of({{"type", "string"}, {"format", "date-time"}});
      case kind::duration: return object_of({{"type", "integer"}, {"description", "nanoseconds"}});
      case kind::float64: return object_of({{"type", "number"}});
      case kind::value: return value(value::object());
      case kind::optional:
      case kind::shared: return of(type.element());
      case kind::list: return object_of({{"type", "array"}, {"items", of(type.element())}});
      case kind::map: return object_of({{"type", "object"}, {"additionalProperties", of(type.element())}});
      case kind::record: return reference(type);
      default: return object_of({{"type", "integer"}});
    }
  }
  value::object take() && {
    value::object out;
    for (auto& [name, shape] : shapes_) out.append(name, std::move(shape));
    return out;
  }

 private:
  value reference(const schema::type_info& type) {
    std::string name(type.name);
    if (known_.insert(name).second) {
      value::object properties;
      for (const auto& field : type.record->fields()) properties.append(field.wire, of(field.type()));
      shapes_[name] = object_of({{"type", "object"}, {"properties", value(std::move(properties))}});
    }
    return object_of({{"$ref", "#/components/schemas/" + name}});
  }
  std::set<std::string> known_;
  std::map<std::string, value> shapes_;
};

value parameter(std::string_view name, std::string_view where, std::string_view type, std::string_view meaning) {
  std::vector<std::pair<std::string, value>> members{{"name", value(std::string(name))}, {"in", value(std::string(where))}};
  if (where == "path") members.emplace_back("required", value(true));
  if (!meaning.empty()) members.emplace_back("description", value(std::string(meaning)));
  members.emplace_back("schema", object_of({{"type", value(std::string(type))}}));
  return object_of(std::move(members));
}

// "/v1/job/:job_id+/plan" -> "/v1/job/{job_id}/plan".
std::string openapi_path(std::string_view path, value::list& parameters) {
  std::string out;
  for (auto part : path_parts(path)) {
    if (!part.starts_with(':')) {
      out += "/" + std::string(part);
      continue;
    }
    part.remove_prefix(1);
    if (part.ends_with('+')) part.remove_suffix(1);
    parameters.push_back(parameter(part, "path", "string", {}));
    out += "/{" + std::string(part) + "}";
  }
  return out.empty() ? "/" : out;
}

void add_query(const route& row, value::list& parameters) {
  auto add = [&](std::string_view name, std::string_view type, std::string_view meaning) { parameters.push_back(parameter(name, "query", type, meaning)); };
  add("region", "string", "Which region answers; the agent's own by default.");
  if (row.acl.starts_with("ns:")) add("namespace", "string", "\"default\" by default; \"*\" for all where a list is read.");
  if (row.flags & blocking) {
    add("index", "integer", "Answer when the state has passed this index.");
    add("wait", "string", "For so long at most, such as 30s.");
    add("stale", "boolean", "Any server may answer.");
  }
  if (row.flags & list) {
    add("prefix", "string", "Only what begins so.");
    add("per_page", "integer", "Size of a page.");
    add("next_token", "string", "Where the page begins: X-Nomad-NextToken of the one before.");
    add("filter", "string", "A filter expression.");
    add("reverse", "boolean", "Backwards.");
  }
  for (auto text : split(row.params, ' '))
    if (!text.empty()) add(text.substr(0, text.find('=')), "string", {});
}

value answers_of(const route& row, schemas& all) {
  value::object ok;
  ok.append("description", "What was asked for.");
  if (row.rpc.response != nullptr && row.answer != "-") {
    const auto& type = row.rpc.response();
    const auto* member = row.answer.empty() ? nullptr : type.record->find_member(row.answer);
    ok.append("content", object_of({{"application/json", object_of({{"schema", all.of(member != nullptr ? member->type() : type)}})}}));
  }
  return object_of({{"200", value(std::move(ok))}, {"default", object_of({{"description", "A sentence that says what is wrong."}})}});
}

value operation(const route& row, std::string_view method, value::list parameters, schemas& all) {
  value::object out;
  auto name = to_lower(method) + replace_all(replace_all(replace_all(std::string(row.path), "/", "_"), ":", ""), "+", "");
  out.append("operationId", value(name));
  if (!row.rpc.method.empty()) out.append("summary", value(std::string(row.rpc.method)));
  if (!row.acl.empty()) out.append("description", value("Needs the capability " + std::string(row.acl) + "."));
  add_query(row, parameters);
  out.append("parameters", value(std::move(parameters)));
  if ((row.flags & (body_required | body_optional)) != 0 && row.rpc.request != nullptr)
    out.append("requestBody", object_of({{"required", value((row.flags & body_required) != 0)},
                                         {"content", object_of({{"application/json", object_of({{"schema", all.of(row.rpc.request())}})}})}}));
  out.append("responses", answers_of(row, all));
  return value(std::move(out));
}

value document() {
  schemas all;
  std::map<std::string, std::map<std::string, value>> paths;
  for (const auto& row : routes()) {
    value::list parameters;
    auto path = openapi_path(row.path, parameters);
    for (auto method : split(row.methods, ' ')) paths[path].try_emplace(to_lower(method), operation(row, method, parameters, all));
  }
  value::object shown;
  for (auto& [path, methods] : paths) {
    value::object each;
    for (auto& [method, what] : methods) each.append(method, std::move(what));
    shown.append(path, value(std::move(each)));
  }
  auto token = object_of({{"type", "apiKey"}, {"in", "header"}, {"name", "X-Nomad-Token"}});
  return object_of({{"openapi", "3.1.0"},
                    {"info", object_of({{"title", "Drover HTTP API"}, {"version", DROVER_VERSION}})},
                    {"paths", value(std::move(shown))},
                    {"components", object_of({{"schemas", value(std::move(all).take())}, {"securitySchemes", object_of({{"token", std::move(token)}})}})}});
}

net::awaitable<result<reply>> openapi(call& c) {
  // The tables do not change while the program runs.
  static const std::string compact = codec::value_to_json(document()), pretty = codec::value_to_json(document(), {.pretty = true});
  co_return reply{.body = is_pretty(c) ? pretty : compact};
}

}  // namespace

void add_openapi_routes(std::vector<route>& t) {
  t.push_back({.methods = "GET", .path = "/v1/openapi.json", .acl = "", .flags = of_agent, .handle = &openapi});
}

}  // namespace drover::api
