#include "api/monitor.h"

#include <deque>
#include <memory>
#include <mutex>

#include "api/http_api.h"
#include "api/limits.h"
#include "api/node_stream.h"
#include "client/streams.h"
#include "codec/json.h"
#include "net/event.h"
#include "rpc/caller.h"
#include "schema/operator_rpc.h"
#include "schema/stats.h"

namespace drover::api {
namespace {

using net::awaitable;

// Lines on their way from the threads that log to the one that sends. Holds a limited number; what does not fit is counted.
class line_queue {
 public:
  explicit line_queue(std::function<void()> wake) : wake_(std::move(wake)) {}
  void push(std::string line) {
    {
      std::lock_guard lock(mutex_);
      if (lines_.size() >= log_lines_queued_max) {
        ++dropped_;
        return;
      }
      lines_.push_back(std::move(line));
    }
    wake_();
  }
  // All lines so far, each with its newline.
  std::string take() {
    std::lock_guard lock(mutex_);
    std::string out;
    for (auto& line : lines_) (out += line) += '\n';
    lines_.clear();
    if (dropped_ > 0) out += fmt::format("[{} lines dropped: the reader is too slow]\n", std::exchange(dropped_, 0));
    return out;
  }

 private:
  std::function<void()> wake_;
  std::mutex mutex_;
  std::deque<std::string> lines_;
  size_t dropped_ = 0;
};

result<log::level> level_of(const schema::monitor_request& request) {
  if (request.log_level.empty()) return log::level::info;
  auto level = log::parse_level(request.log_level);
  if (!level) return fail(errc::invalid, "Unknown log level: {}", request.log_level);
  return *level;
}

std::string message_of(std::string text, bool plain) {
  if (plain) return client::stream_payload(std::move(text));
  schema::stream_frame frame;
  frame.data = bytes(std::move(text));
  return client::stream_payload(codec::to_json(frame));
}

// Without news an empty object, or with plain text nothing at all. The first message comes at once: it says that the stream works.
awaitable<result<>> send_lines(net::loop& loop, log::level level, schema::monitor_request request, rpc::message_stream* to) {
  net::remote_event news(loop);
  auto queue = std::make_shared<line_queue>(news.setter());
  auto subscription =
      log::subscribe(level, [queue, json = request.log_json](const log::event& e) { queue->push(json ? log::format_json(e) : log::format_line(e)); });
  CO_TRY(co_await to->write(client::stream_payload(request.plain_text ? "" : "{}")));
  for (;;) {
    bool woken = co_await news.wait(net::after(stream_heartbeat));
    auto text = woken ? queue->take() : std::string();
    if (!text.empty()) CO_TRY(co_await to->write(message_of(std::move(text), request.plain_text)));
    else if (!request.plain_text) CO_TRY(co_await to->write(client::stream_payload("{}")));
  }
}

awaitable<result<>> serve_monitor(net::loop& loop, schema::monitor_request request, std::unique_ptr<rpc::message_stream> caller) {
  auto level = level_of(request);
  if (!level) co_return co_await caller->write(client::stream_error(level.error()));
  co_return co_await rpc::while_caller_stays(caller.get(), send_lines(loop, *level, std::move(request), caller.get()));
}

// This agent's own methods, or the servers, who find everybody else.
result<rpc::channel*> monitored(const call& c, const schema::monitor_request& request) {
  if (!request.node_id.empty() && !request.server_id.empty()) return fail(errc::invalid, "Cannot target node and server simultaneously");
  bool own_region = request.region.empty() || request.region == c.with.region;
  bool own_node = request.node_id.empty() || (c.with.client != nullptr && c.with.client->node_id() == request.node_id);
  if (own_region && own_node && request.server_id.empty() && c.with.own != nullptr) return c.with.own;
  return servers_of(c);
}

}  // namespace

void add_monitor(rpc::method_table& table, net::loop& loop) {
  table.add_stream<schema::monitor_request>("Agent.Monitor",
                                            [&loop](rpc::call_context, schema::monitor_request request, std::unique_ptr<rpc::message_stream> caller) {
                                              return serve_monitor(loop, std::move(request), std::move(caller));
                                            });
}

awaitable<result<reply>> monitor(call& c) {
  schema::monitor_request request;
  CO_TRY(fill_options(c, static_cast<schema::query_options&>(request)));
  request.log_level = c.query("log_level");
  request.node_id = c.query("node_id");
  request.server_id = c.query("server_id");
  CO_TRY(level_of(request));
  CO_TRY_ASSIGN(request.log_json, bool_param(c, "log_json"));
  CO_TRY_ASSIGN(request.log_include_location, bool_param(c, "log_include_location"));
  CO_TRY_ASSIGN(request.plain_text, bool_param(c, "plain"));
  CO_TRY_ASSIGN(auto* channel, monitored(c, request));
  std::string type = request.plain_text ? "text/plain" : "application/json";
  CO_TRY_ASSIGN(auto stream, co_await rpc::open(*channel, "Agent.Monitor", std::move(request)));
  co_return co_await send_stream(c, std::move(stream), std::move(type));
}

}  // namespace drover::api
