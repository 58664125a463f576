// How the routes of access control write: a request of their own making, with the caller's token and namespace. Loop thread.
#pragma once

#include <string>
#include <utility>

#include "api/call.h"

namespace drover::api {

template <class Response, class Request>
net::awaitable<result<Response>> write(call& c, std::string method, Request request) {
  CO_TRY(fill_options(c, static_cast<schema::write_request&>(request)));
  CO_TRY_ASSIGN(auto* servers, servers_of(c));
  co_return co_await rpc::call<Response>(*servers, std::move(method), std::move(request));
}

}  // namespace drover::api
