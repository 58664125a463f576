#include "api/monitor.h"

#include <deque>
#include <memory>
#include <mutex>

#include "api/http_api.h"
#include "api/limits.h"
#include "codec/json.h"
#include "net/event.h"
#include "schema/stats.h"

namespace drover::api {
namespace {

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

struct monitor_options {
  log::level level = log::level::info;
  bool json = false;
  bool plain = false;
};

result<monitor_options> options_of(const call& c) {
  monitor_options out;
  if (auto text = c.query("log_level"); !text.empty()) {
    auto level = log::parse_level(text);
    if (!level) return fail(errc::invalid, "Unknown log level: {}", text);
    out.level = *level;
  }
  TRY_ASSIGN(out.json, bool_param(c, "log_json"));
  TRY_ASSIGN(out.plain, bool_param(c, "plain"));
  auto here = [&](std::string_view id, const std::string* own) { return id.empty() || (own != nullptr && *own == id); };
  const auto* node_id = c.with.client == nullptr ? nullptr : &c.with.client->node_id();
  if (!here(c.query("node_id"), node_id)) return fail(errc::unsupported, "the monitor of another node is not supported yet: ask that agent");
  return out;
}

std::string frame(std::string text, bool plain) {
  if (plain) return text;
  schema::stream_frame out;
  out.data = bytes(std::move(text));
  return codec::to_json(out);
}

}  // namespace

net::awaitable<result<reply>> monitor(call& c) {
  CO_TRY_ASSIGN(auto options, options_of(c));
  net::remote_event news(c.with.loop);
  auto queue = std::make_shared<line_queue>(news.setter());
  auto subscription = log::subscribe(options.level, [queue, json = options.json](const log::event& e) {
    queue->push(json ? log::format_json(e) : log::format_line(e));
  });
  std::string type = options.plain ? "text/plain; charset=utf-8" : "application/json";
  CO_TRY(co_await c.exchange.start_stream(200, {{"Content-Type", type}}));
  for (;;) {
    bool woken = co_await news.wait(net::after(stream_heartbeat));
    auto text = woken ? queue->take() : std::string();
    if (text.empty() && options.plain) continue;
    CO_TRY(co_await c.exchange.write(text.empty() ? "{}" : frame(std::move(text), options.plain)));
  }
}

}  // namespace drover::api
