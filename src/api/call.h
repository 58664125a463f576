// One HTTP request on its way through a route, and its answer. Loop thread; lives as long as the handler's coroutine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/route.h"
#include "net/http_server.h"
#include "rpc/channel.h"

namespace drover::api {

struct services;
struct compiled_route;

struct call {
  services& with;
  net::http_exchange& exchange;
  net::http_request& request;
  const compiled_route& route;
  // Path parameters by name, in the path's order.
  std::vector<std::pair<std::string_view, std::string>> path_values;

  const std::string& path_value(std::string_view name) const;
  std::string_view query(std::string_view name) const { return request.query.get(name).value_or(std::string_view()); }
};

// What X-Nomad-Index and its companions say.
struct answer_meta {
  uint64_t index = 0;
  bool is_query = true;  // writes have an index only
  bool known_leader = false;
  duration last_contact{};
  std::string next_token{};
};

struct reply {
  int status = 200;
  std::string body{};
  // Empty: no Content-Type.
  std::string_view content_type = "application/json";
  std::optional<answer_meta> meta{};
  net::http_headers headers{};
  // The handler has sent everything itself.
  bool answered = false;
};

// JSON as the request's ?pretty wants it.
reply json_reply(const call& c, schema::record_view record);
reply text_reply(int status, std::string text);
// 200 without a body.
reply empty_reply();
reply error_reply(const error& e);

// The body as a record: 400 with a sentence for an empty one, null, and what does not fit.
result<> decode_body(const call& c, schema::record_slot record);
bool body_is_empty(const call& c);

// X-Nomad-Token, or what Authorization bears; "" without either. Valid as long as the request's headers.
std::string_view token_of(const net::http_request& request);

// The parameters that every read or write may have.
result<> fill_options(const call& c, schema::query_options& options);
result<> fill_options(const call& c, schema::write_request& options);
// A parameter that is true, false, 1 ... ; absent or empty is `otherwise`.
result<bool> bool_param(const call& c, std::string_view name, bool otherwise = false);
result<int64_t> int_param(const call& c, std::string_view name, int64_t otherwise);
bool is_pretty(const call& c);

answer_meta meta_of(const schema::query_meta& m);
answer_meta meta_of(const schema::write_meta& m);

// The handler of rows that only name a method.
net::awaitable<result<reply>> call_rpc(call& c);
// csi.cc; /v1/volumes lists both kinds, told apart by ?type.
net::awaitable<result<reply>> list_csi_volumes(call& c);
// 501: for rows of Nomad's Enterprise edition.
net::awaitable<result<reply>> enterprise_only(call& c);

// Where a method of a node goes: straight to this agent's own node if that has the allocation or is the node asked for, otherwise through a
// server. Exactly one of the ids is given; an empty node id means this agent's node.
struct node_target {
  rpc::channel* channel = nullptr;
  std::string method;
};
result<node_target> target_of(const call& c, std::string_view method, const std::string* alloc_id, std::string* node_id);
// The channel to the servers; errc::unavailable without one.
result<rpc::channel*> servers_of(const call& c);

}  // namespace drover::api
