// The HTTP routes as data: one row a method and path. The dispatcher, the 405 walk, the reference page and permission checks read the same
// table. Immutable after start; any thread may read.
//
// Most rows need no code: they name an RPC method, and call_rpc() fills the request from path, query and body by the names of the
// record's members and shows the answer, or one member of it.
#pragma once

#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "net/loop.h"
#include "schema/common.h"

namespace drover::api {

struct call;
struct reply;
using handler = net::awaitable<result<reply>> (*)(call&);

enum route_flag : uint32_t {
  no_flags = 0,
  blocking = 1 << 0,      // ?index and ?wait hold the request until something changed
  list = 1 << 1,          // pages: ?per_page, ?next_token, ?prefix
  on_node = 1 << 2,       // answered by the node that runs the allocation, directly or through a server
  streaming = 1 << 3,     // the answer is sent bit by bit, or the connection becomes a WebSocket
  of_agent = 1 << 4,      // this agent answers by itself
  hide_secrets = 1 << 5,  // members marked redacted are shown empty
  body_required = 1 << 6,
  body_optional = 1 << 7,
};

// How to reach the standard parts of a request and an answer whose types only the row knows.
struct rpc_shape {
  std::string_view method{};
  schema::type_getter request = nullptr;
  schema::type_getter response = nullptr;
  schema::query_options* (*query)(void*) = nullptr;
  schema::write_request* (*write)(void*) = nullptr;
  schema::query_meta* (*query_meta)(void*) = nullptr;
  schema::write_meta* (*write_meta)(void*) = nullptr;
};

template <class Record, class Base>
constexpr auto base_getter() -> Base* (*)(void*) {
  if constexpr (std::is_base_of_v<Base, Record>) return [](void* record) -> Base* { return static_cast<Record*>(record); };
  else return nullptr;
}

template <class Request, class Response>
constexpr rpc_shape rpc_of(std::string_view method) {
  return {.method = method,
          .request = &schema::type_of<Request>,
          .response = &schema::type_of<Response>,
          .query = base_getter<Request, schema::query_options>(),
          .write = base_getter<Request, schema::write_request>(),
          .query_meta = base_getter<Response, schema::query_meta>(),
          .write_meta = base_getter<Response, schema::write_meta>()};
}

struct route {
  // Separated by blanks: "GET", "POST PUT". HEAD is answered where GET is.
  std::string_view methods;
  // ":name" is one part of the path; ":name+" one or more, for ids that hold a "/" which the client did not escape. call_rpc() puts it into
  // the request's member of that name.
  std::string_view path;
  // Which capability a token needs, for reference and permission checks: "ns:read-job".
  std::string_view acl;
  uint32_t flags = 0;
  handler handle = nullptr;
  rpc_shape rpc{};
  // The member of the answer that is shown; "": all of it; "-": nothing.
  std::string_view answer{};
  // The text of 404 when the shown member is null or an empty list; "": that is a valid answer.
  std::string_view absent{};
  // Where all of the answer is shown: the member that `absent` is about.
  std::string_view absent_member{};
  // Query parameters and the request's members they set, separated by blanks: "all task=task_name resources=fields.resources".
  std::string_view params{};
  // Sets defaults of the request before the parameters.
  void (*prepare)(void* request) = nullptr;
};

// In order of precedence: for two rows that fit, the first counts.
std::span<const route> routes();

// One function a noun, each in the file of that name.
void add_job_routes(std::vector<route>& table);
void add_allocation_routes(std::vector<route>& table);
void add_node_routes(std::vector<route>& table);
void add_operator_routes(std::vector<route>& table);
void add_autopilot_routes(std::vector<route>& table);
void add_snapshot_routes(std::vector<route>& table);
void add_agent_routes(std::vector<route>& table);
void add_gossip_routes(std::vector<route>& table);
void add_variable_routes(std::vector<route>& table);
void add_keyring_routes(std::vector<route>& table);
void add_identity_routes(std::vector<route>& table);
void add_client_routes(std::vector<route>& table);
void add_volume_routes(std::vector<route>& table);
void add_csi_routes(std::vector<route>& table);
void add_event_routes(std::vector<route>& table);
void add_diagnosis_routes(std::vector<route>& table);
void add_openapi_routes(std::vector<route>& table);
void add_acl_routes(std::vector<route>& table);
void add_login_routes(std::vector<route>& table);
void add_quota_routes(std::vector<route>& table);
void add_enterprise_routes(std::vector<route>& table);

// The path's parts between slashes, without the leading one.
std::vector<std::string_view> path_parts(std::string_view path);

}  // namespace drover::api
