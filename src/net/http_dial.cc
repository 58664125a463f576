#include "net/http_dial.h"

namespace drover::net {

endpoint http_endpoint(const http_url& url) {
  if (url.scheme == "unix") return {.host = {}, .port = 0, .path = url.host};
  return {.host = url.host, .port = url.port, .path = {}};
}

awaitable<result<std::unique_ptr<byte_stream>>> http_dial(http_url url, std::shared_ptr<const tls_context> tls, time_point deadline) {
  CO_TRY_ASSIGN(auto stream, co_await dial(http_endpoint(url), {.deadline = deadline}));
  if (url.scheme != "https" && url.scheme != "wss") co_return stream;
  if (!tls) {
    CO_TRY_ASSIGN(tls, tls_context::client({}));
  }
  co_return co_await tls_connect(std::move(stream), std::move(tls), url.host, deadline);
}

}  // namespace drover::net
