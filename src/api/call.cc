#include "api/call.h"

#include <algorithm>

#include "api/http_api.h"
#include "api/limits.h"
#include "api/router.h"
#include "base/ensure.h"
#include "base/text.h"
#include "codec/json.h"

namespace drover::api {

namespace {

std::string region_of(const call& c) {
  auto region = c.query("region");
  return region.empty() ? c.with.region : std::string(region);
}

std::string namespace_of(const call& c) {
  auto ns = c.query("namespace");
  return ns.empty() ? "default" : std::string(ns);
}

result<> fill_waiting(const call& c, schema::query_options& options) {
  if (auto text = c.query("index"); !text.empty()) {
    auto index = parse_uint(text);
    if (!index) return fail(errc::invalid, "Invalid index");
    options.min_query_index = *index;
  }
  if (auto text = c.query("wait"); !text.empty()) {
    auto wait = parse_duration(text);
    if (!wait || wait->ns < 0) return fail(errc::invalid, "Invalid wait time");
    options.max_query_time = *wait;
  }
  return {};
}

result<> fill_page(const call& c, schema::query_options& options) {
  options.prefix = c.query("prefix");
  options.next_token = c.query("next_token");
  TRY_ASSIGN(auto per_page, int_param(c, "per_page", 0));
  if (per_page < 0) return fail(errc::invalid, "per_page is {}; it must not be negative", per_page);
  options.per_page = static_cast<int32_t>(std::min(per_page, per_page_max));
  TRY_ASSIGN(options.reverse, bool_param(c, "reverse"));
  options.filter = c.query("filter");
  return {};
}

}  // namespace

const std::string& call::path_value(std::string_view name) const {
  for (const auto& [key, text] : path_values)
    if (key == name) return text;
  ensure_failed("path_value", "a handler asks for the values of its own path", std::source_location::current());
}

std::string_view token_of(const net::http_request& request) {
  if (auto token = request.headers.get("X-Nomad-Token"); token && !token->empty()) return *token;
  auto authorization = request.headers.get("Authorization");
  if (!authorization) return {};
  auto text = trim(*authorization);
  auto blank = text.find(' ');
  if (blank == std::string_view::npos || !equals_ignoring_case(text.substr(0, blank), "bearer")) return {};
  auto rest = trim(text.substr(blank));
  return rest.substr(0, rest.find(' '));
}

bool is_pretty(const call& c) { return c.request.query.has("pretty") && c.query("pretty") != "0"; }

reply json_reply(const call& c, schema::record_view record) {
  codec::json_style style{.pretty = is_pretty(c), .hide_redacted = (c.route.row->flags & hide_secrets) != 0, .fragments = c.with.fragments.get()};
  reply out;
  // Lists grow to what they were the last time: without it a large body is moved again and again while it grows.
  constexpr size_t reserve_bytes_max = 1 << 20;
  out.body.reserve(std::min(c.route.usual_bytes + c.route.usual_bytes / 8, reserve_bytes_max));
  bool is_empty_list = record.type->kind == schema::kind::list && record.type->list->size(record.data) == 0;
  if (is_empty_list) out.body = style.pretty ? "[]\n" : "[]";
  else codec::append_json(out.body, record, style);
  c.route.usual_bytes = out.body.size();
  return out;
}

reply text_reply(int status, std::string text) { return {.status = status, .body = std::move(text), .content_type = "text/plain; charset=utf-8"}; }

reply empty_reply() { return {.content_type = {}}; }

reply error_reply(const error& e) { return text_reply(http_status(e.code()), e.text()); }

bool body_is_empty(const call& c) {
  auto text = trim(c.request.body);
  return text.empty() || text == "null";
}

result<> decode_body(const call& c, schema::record_slot record) {
  if (body_is_empty(c)) return fail(errc::invalid, "Request body is empty");
  auto done = codec::from_json(c.request.body, record);
  if (!done) return fail(errc::invalid, "the body is not the JSON expected here: {}", done.error().text());
  return {};
}

result<> fill_options(const call& c, schema::query_options& options) {
  options.region = region_of(c);
  options.namespace_ = namespace_of(c);
  options.auth_token = token_of(c.request);
  const auto& params = c.request.query.params();
  if (params.empty()) return {};
  if (c.request.query.has("stale")) {
    TRY_ASSIGN(bool stale, bool_param(c, "stale", true));
    options.allow_stale = stale;
  }
  TRY(fill_waiting(c, options));
  return fill_page(c, options);
}

result<> fill_options(const call& c, schema::write_request& options) {
  options.region = region_of(c);
  options.namespace_ = namespace_of(c);
  options.auth_token = token_of(c.request);
  options.idempotency_token = c.query("idempotency_token");
  return {};
}

result<bool> bool_param(const call& c, std::string_view name, bool otherwise) {
  auto text = c.query(name);
  if (text.empty()) return otherwise;
  auto parsed = parse_bool(text);
  if (!parsed) return fail(errc::invalid, "Failed to parse value of \"{}\" ({}) as a bool: use true or false", name, text);
  return *parsed;
}

result<int64_t> int_param(const call& c, std::string_view name, int64_t otherwise) {
  auto text = c.query(name);
  if (text.empty()) return otherwise;
  auto parsed = parse_int(text);
  if (!parsed) return fail(errc::invalid, "Failed to parse value of \"{}\" ({}) as an integer", name, text);
  return *parsed;
}

answer_meta meta_of(const schema::query_meta& m) {
  return {.index = m.index, .known_leader = m.known_leader, .last_contact = m.last_contact, .next_token = m.next_token};
}
answer_meta meta_of(const schema::write_meta& m) { return {.index = m.index, .is_query = false}; }

result<rpc::channel*> servers_of(const call& c) {
  if (c.with.servers == nullptr) return fail(errc::unavailable, "No cluster leader");
  return c.with.servers;
}

result<node_target> target_of(const call& c, std::string_view method, const std::string* alloc_id, std::string* node_id) {
  bool is_here = false;
  if (alloc_id != nullptr) {
    if (alloc_id->empty()) return fail(errc::invalid, "Must provide an allocation ID");
    is_here = c.with.client != nullptr && c.with.client->find(*alloc_id) != nullptr;
  } else {
    if (node_id->empty()) {
      if (c.with.client == nullptr) return fail(errc::invalid, "this agent runs no client: say which node with ?node_id=");
      *node_id = c.with.client->node_id();
    }
    is_here = c.with.client != nullptr && c.with.client->node_id() == *node_id;
  }
  constexpr std::string_view through_server = "ClientAllocations.";
  // Where tokens count the way is through a server, which knows them.
  if (is_here && !c.with.acl_enabled && c.with.own != nullptr) {
    auto name = method.starts_with(through_server) ? "Allocations." + std::string(method.substr(through_server.size())) : std::string(method);
    return node_target{c.with.own, std::move(name)};
  }
  TRY_ASSIGN(auto* servers, servers_of(c));
  return node_target{servers, std::string(method)};
}

net::awaitable<result<reply>> enterprise_only(call&) { co_return fail(errc::unsupported, "Nomad Enterprise only endpoint"); }

}  // namespace drover::api
