// api_client's other half, for commands that stream on its loop.
#pragma once

#include <memory>

#include "cli/api_client.h"
#include "net/http_client.h"
#include "net/loop.h"
#include "net/websocket.h"

namespace drover::cli {

struct api_client::connection {
  net::loop loop{1};
  std::unique_ptr<net::http_client> http{};
};

inline net::loop& loop_of(api_client& api) { return api.connected().loop; }
// Errors as api_client::send. The client must outlive them.
net::awaitable<result<std::unique_ptr<net::http_body_reader>>> open_stream(api_client& api, api_request request);
net::awaitable<result<std::unique_ptr<net::websocket>>> open_websocket(api_client& api, api_request request);

}  // namespace drover::cli
