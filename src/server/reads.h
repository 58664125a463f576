// How methods are registered: reads as pure functions of a snapshot with the loop that makes any of them a blocking query, and writes. Both go to
// the region that they name and to its leader by themselves (forward.h); what each server answers for itself is registered with add_here().
//
// A read function fills its answer, sets answer.index (what X-Nomad-Index shows) and says what a later change of the answer would touch.
// add_read() registers it: the method then answers at once, or, when min_query_index is set, as soon as the index has passed it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "net/event.h"
#include "net/task_scope.h"
#include "rpc/channel.h"
#include "schema/common.h"
#include "server/authority.h"
#include "server/context.h"
#include "server/endpoint/stubs.h"
#include "server/forward.h"
#include "server/page.h"
#include "state/snapshot.h"
#include "state/store.h"

namespace drover::server {

using net::awaitable;
using schema::ref;

// A method as it was registered, and whether this process itself calls it.
struct called_method {
  std::string_view name;  // lives as long as the server
  const guard* by;
  bool internal = false;
};

// What a read looks at: the state, and the keys whose change would change the answer. And for whom: null where nothing is checked.
struct read {
  const state::snapshot& state;
  std::vector<state::watch_key>& watched;
  job_stubs& stubs;
  server::keyring* keyring = nullptr;  // what opens sealed values
  const permission* row = nullptr;
  const caller* by = nullptr;
  const server_options* options = nullptr;
  void watch(state::watch_key key) const { watched.push_back(std::move(key)); }
  // Lists: may the caller see elements of this namespace?
  bool shows(std::string_view namespace_) const {
    return by == nullptr || row->in_namespace(*by->may, namespace_) || (row->nodes_too && !by->node_id.empty()) ||
           (row->workloads_too && by->workload_namespace == namespace_);
  }
  bool is_management() const { return by == nullptr || by->is_management(); }
  // May the caller see what is secret in the jobs of this namespace?
  bool reveals(std::string_view namespace_) const { return reveals_jobs(by, namespace_, options->acl); }
};

template <class Request, class Response>
using read_function = result<> (*)(const read&, const Request&, Response&);

// "" means default. "*" is passed on.
inline std::string_view namespace_of(const schema::query_options& q) { return q.namespace_.empty() ? "default" : std::string_view(q.namespace_); }
inline std::string namespace_of(const schema::write_request& q) { return q.namespace_.empty() ? "default" : q.namespace_; }

// One read of any type. The request and the answer are the caller's and outlive the call, so that a held query costs no copy of either.
struct read_attempt {
  called_method method;
  const schema::query_options* options;
  schema::record_view request;
  schema::record_slot response;
  void (*function)();
  // Builds the answer and gives its index.
  result<uint64_t> (*run)(const read_attempt&, const read&);
  // Drops the answer: a held query should hold nothing.
  void (*forget)(const read_attempt&);
  // What is known of the leader goes into the answer.
  void (*tell_leader)(const read_attempt&, bool known, duration last_contact);
};

template <class Request, class Response>
read_attempt attempt_of(called_method method, read_function<Request, Response> function, const Request& request, Response& response) {
  static constexpr auto answer = [](const read_attempt& a) -> Response& { return *static_cast<Response*>(a.response.data); };
  return {.method = method,
          .options = &request,
          .request = schema::view(request),
          .response = schema::slot(response),
          .function = reinterpret_cast<void (*)()>(function),
          .run = [](const read_attempt& a, const read& r) -> result<uint64_t> {
            TRY(reinterpret_cast<read_function<Request, Response>>(a.function)(r, *static_cast<const Request*>(a.request.data), answer(a)));
            return answer(a).index;
          },
          .forget = [](const read_attempt& a) { answer(a) = Response(); },
          .tell_leader =
              [](const read_attempt& a, bool known, duration last_contact) {
                answer(a).known_leader = known;
                answer(a).last_contact = last_contact;
              }};
}

// Runs `attempt` until it gives an index above min_query_index, or the query's time is over (then the state of that moment is the answer).
// Requires: what `attempt` points to outlives the call.
awaitable<result<>> run_read(server_context& context, read_attempt attempt);

// The method with its row; `context.authority` keeps the latter.
template <class Request>
called_method method_of(server_context& context, std::string_view name) {
  const auto* by = context.authority->guard_of(name, schema::type_of<Request>());
  return {by->name, by};
}
inline called_method as_called(called_method method, const rpc::call_context& call) {
  method.internal = call.internal;
  return method;
}

// Where a request is answered on this server, before that.
template <class Request>
result<caller_ref> check_caller(server_context& context, const called_method& method, const Request& request) {
  return context.authority->check({*method.by, method.internal, request.auth_token, request.namespace_, schema::view(request)}, context.state());
}

// The same for what every server answers for itself: one that has not heard of the token yet asks the leader and catches up.
// Requires: the request outlives the call.
awaitable<result<caller_ref>> check_here(server_context& context, called_method method, const std::string& token, const std::string& namespace_,
                                         schema::record_view request);

template <class Request, class Response>
void add_read(rpc::method_table& table, server_context& context, std::string name, read_function<Request, Response> function) {
  auto method = method_of<Request>(context, name);
  table.add_in_place<Request, Response>(name, [&context, method, function](rpc::call_context call, const Request& request, Response& response) {
    return run_read(context, attempt_of(as_called(method, call), function, request, response));
  });
}

template <class Request, class Response>
using write_function = awaitable<result<Response>> (*)(server_context&, Request);

template <class Response>
struct pending_write {
  result<Response> outcome = fail(errc::cancelled, "the server is stopping");
  net::event done;
};

// Where the leader of the request's region is, there it is done.
template <class Request, class Response>
awaitable<result<Response>> write_somewhere(server_context& context, called_method method, write_function<Request, Response> function, Request request) {
  if (context.forward != nullptr && !context.forward->leads_alone(request.region)) {
    Response response{};
    CO_TRY_ASSIGN(auto where, co_await context.forward->route(write_route_of(method.name, request, schema::slot(response))));
    if (where == place::answered) co_return std::move(response);
  }
  CO_TRY(check_caller(context, method, request));
  co_return co_await function(context, std::move(request));
}

template <class Request, class Response>
awaitable<void> run_write(server_context& context, called_method method, write_function<Request, Response> function, Request request,
                          std::shared_ptr<pending_write<Response>> mine) {
  mine->outcome = co_await write_somewhere<Request, Response>(context, method, function, std::move(request));
  mine->done.set();
}

// A write runs to its end although its caller has gone: what takes several log entries is never left half done.
template <class Request, class Response>
awaitable<result<Response>> finish_write(server_context& context, called_method method, write_function<Request, Response> function, Request request) {
  if (context.writes->stopping()) co_return fail(errc::cancelled, "the server is stopping");
  auto mine = std::make_shared<pending_write<Response>>();
  context.writes->spawn(run_write<Request, Response>(context, method, function, std::move(request), mine));
  co_await mine->done.wait();
  co_return std::move(mine->outcome);
}

// Write methods: add_write(table, context, "Job.Register", &register_job) with
// awaitable<result<Response>> register_job(server_context&, Request).
template <class Request, class Response>
void add_write(rpc::method_table& table, server_context& context, std::string name, awaitable<result<Response>> (*function)(server_context&, Request)) {
  auto method = method_of<Request>(context, name);
  table.add<Request, Response>(name, [&context, method, function](rpc::call_context call, Request request) {
    return finish_write<Request, Response>(context, as_called(method, call), function, std::move(request));
  });
}

// What a server answers for itself, whoever leads: add_here(table, context, "Status.Ping", &ping). A request that names another region goes there.
template <class Request, class Response>
awaitable<result<Response>> answer_here(server_context& context, called_method method, write_function<Request, Response> function, Request request) {
  if (context.forward != nullptr && !context.forward->is_own(request.region)) {
    Response response{};
    CO_TRY(co_await context.forward->to_region(route_of(method.name, request, schema::slot(response))));
    co_return std::move(response);
  }
  if (context.authority->enabled()) CO_TRY(co_await check_here(context, method, request.auth_token, request.namespace_, schema::view(request)));
  co_return co_await function(context, std::move(request));
}

template <class Response>
awaitable<result<Response>> refused(error why) {
  co_return std::unexpected(std::move(why));
}

template <class Request, class Response>
void add_here(rpc::method_table& table, server_context& context, std::string name, awaitable<result<Response>> (*function)(server_context&, Request)) {
  auto method = method_of<Request>(context, name);
  table.add<Request, Response>(name, [&context, method, function](rpc::call_context call, Request request) {
    if (auto peer = context.authority->check_peer(*method.by, call); !peer) return refused<Response>(std::move(peer).error());
    return answer_here<Request, Response>(context, as_called(method, call), function, std::move(request));
  });
}

}  // namespace drover::server
