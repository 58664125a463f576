#include "cli/command/debug_capture.h"

#include "base/text.h"
#include "cli/api_stream.h"
#include "cli/limits.h"
#include "net/blocking.h"
#include "net/event.h"
#include "net/task_scope.h"
#include "schema/stats.h"

namespace drover::cli {

std::optional<std::string> debug_capture::take(const std::string& file, api_request ask) {
  if (c_.flags.on("stale")) ask.query.emplace_back("stale", "true");
  const auto path = ask.path;
  auto answer = c_.api.send(std::move(ask));
  if (!answer) {
    failures_[file] = fmt::format("{}: {}", path, answer.error().text());
    return std::nullopt;
  }
  add(file, answer->body);
  return std::move(answer->body);
}

void debug_capture::add(const std::string& file, std::string text) {
  files_[file] = std::move(text);
  if (c_.verbose()) c_.say(fmt::format("    {}", file));
}

void debug_capture::add_index() {
  value::object index;
  value::list names;
  for (const auto& [name, text] : files_) names.push_back(value(name));
  index.append("Files", value(std::move(names)));
  value::object failed;
  for (const auto& [name, why] : failures_) failed.append(name, value(why));
  index.append("Failures", value(std::move(failed)));
  files_["index.json"] = codec::value_to_json(value(std::move(index)), {.pretty = true});
}

namespace {

void append_limited(std::string& to, std::string_view text) {
  if (to.size() + text.size() <= debug_log_bytes_max) to += text;
}

// {"Data": base64} one after another: the data. What is not whole yet stays in `rest`.
void take_frames(std::string& rest, std::string& into) {
  for (size_t end; (end = rest.find('}')) != rest.npos; rest.erase(0, end + 1)) {
    auto frame = codec::from_json<schema::stream_frame>(std::string_view(rest).substr(0, end + 1));
    if (frame) append_limited(into, frame->data.data);
  }
}

// {"Index": 7, "Events": [...]} in lines: the events in lines.
void take_events(std::string& rest, std::string& into) {
  for (size_t end; (end = rest.find('\n')) != rest.npos; rest.erase(0, end + 1)) {
    auto batch = codec::value_from_json(std::string_view(rest).substr(0, end));
    const auto* events = batch ? batch->find("Events") : nullptr;
    if (events == nullptr || events->as_list() == nullptr) continue;
    for (const auto& each : *events->as_list()) append_limited(into, codec::value_to_json(each) + "\n");
  }
}

net::awaitable<void> read_into(api_client& api, api_request ask, std::shared_ptr<std::string> into, debug_streams::kind what) {
  auto reader = co_await open_stream(api, std::move(ask));
  if (!reader) {
    *into += fmt::format("monitor: {}\n", reader.error().text());
    co_return;
  }
  std::string rest;
  for (;;) {
    auto piece = co_await (*reader)->read();
    if (!piece || piece->empty()) co_return;
    append_limited(rest, *piece);
    what == debug_streams::kind::events ? take_events(rest, *into) : take_frames(rest, *into);
  }
}

}  // namespace

struct debug_streams::state {
  api_client& api;
  net::task_scope scope;
  std::map<std::string, std::shared_ptr<std::string>> texts{};
};

debug_streams::debug_streams(api_client& api) : state_(new state{api, net::task_scope(loop_of(api), log::logger("cli"))}) {}
debug_streams::~debug_streams() = default;

void debug_streams::follow(std::string file, api_request ask, kind what) {
  auto into = std::make_shared<std::string>();
  state_->texts[std::move(file)] = into;
  state_->scope.spawn(&read_into, std::ref(state_->api), std::move(ask), std::move(into), what);
}

void debug_streams::wait(timestamp until) {
  auto left = until - now();
  if (left.ns > 0) net::run_to_completion(loop_of(state_->api), net::sleep_for(left));
}

void debug_streams::stop(debug_capture& to) {
  net::run_to_completion(loop_of(state_->api), state_->scope.stop());
  for (auto& [file, text] : state_->texts) to.add(file, std::move(*text));
  state_->texts.clear();
}

}  // namespace drover::cli
