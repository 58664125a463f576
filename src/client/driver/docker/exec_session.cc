#include "client/driver/docker/exec_session.h"

#include <array>

#include "base/text.h"
#include "client/driver/docker/limits.h"
#include "client/limits.h"
#include "net/task_scope.h"

namespace drover::client::docker {

result<std::optional<exec_process::chunk>> frame_reader::next() {
  if (left_ == 0) {
    if (pending_.size() < 8) return std::optional<exec_process::chunk>{};
    auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(pending_[i])); };
    if (byte(0) > 2 || byte(1) || byte(2) || byte(3)) return fail(errc::corrupt, "dockerd sends something else than frames of output");
    is_stderr_ = byte(0) == 2;
    left_ = byte(4) << 24 | byte(5) << 16 | byte(6) << 8 | byte(7);
    pending_.erase(0, 8);
    if (left_ > limits::frame_bytes_max)
      return fail(errc::too_large, "dockerd sends a frame of {} bytes; at most {} are taken", left_, limits::frame_bytes_max);
    if (left_ == 0) return next();
  }
  if (pending_.empty()) return std::optional<exec_process::chunk>{};
  auto size = std::min<size_t>(left_, pending_.size());
  exec_process::chunk out{is_stderr_, pending_.substr(0, size)};
  pending_.erase(0, size);
  left_ -= static_cast<uint32_t>(size);
  return out;
}

namespace {
std::string end_of_command(const std::string& container) {
  return fmt::format(R"({{"type":["container"],"container":["{}"],"event":["exec_die"]}})", container);
}

class session : public exec_process {
 public:
  session(std::shared_ptr<api> engine, net::task_scope& scope, std::string container, std::string id, api::taken_over connection, bool tty)
      : engine_(std::move(engine)),
        scope_(scope),
        container_(std::move(container)),
        id_(std::move(id)),
        stream_(std::move(connection.stream)),
        tty_(tty),
        already_(std::move(connection.already)) {
    if (!tty_) frames_.add(std::exchange(already_, {}));
  }

  awaitable<result<std::optional<chunk>>> read() override {
    while (!ended_) {
      if (tty_ && !already_.empty()) co_return chunk{false, std::exchange(already_, {})};
      if (!tty_) {
        CO_TRY_ASSIGN(auto piece, frames_.next());
        if (piece) co_return piece;
      }
      std::array<char, 16 * 1024> part;
      auto n = co_await stream_->read_some(part);
      if (!n && n.error().code() == errc::cancelled) co_return fail(n.error());
      if (!n || *n == 0) ended_ = true;
      else if (tty_) already_.assign(part.data(), *n);
      else frames_.add({part.data(), *n});
    }
    // Each stream says that it has ended.
    if (told_ < 2) co_return chunk{told_++ == 1, {}};
    co_return std::optional<chunk>{};
  }
  awaitable<result<>> write(std::string data) override { co_return co_await stream_->write_all(data); }
  void close_stdin() override {
    // Closing one direction is what dockerd takes for the end of input. A terminal has its own sign for that.
    scope_.spawn(&session::close_input, stream_, tty_);
  }
  result<> resize(uint16_t rows, uint16_t columns) override {
    scope_.spawn(&session::send_size, engine_, id_, rows, columns);
    return {};
  }
  awaitable<result<int>> wait() override {
    std::unique_ptr<net::http_body_reader> ends;
    for (;;) {
      CO_TRY_ASSIGN(auto state, co_await engine_->call({.target = fmt::format("/exec/{}/json", id_)}));
      if (!boolean_at(state, "Running")) co_return static_cast<int>(integer_at(state, "ExitCode"));
      // The output ends a moment before dockerd knows the code. What happened before one listens is seen by asking once more.
      if (!ends) {
        CO_TRY_ASSIGN(
            ends, co_await engine_->open({.target = "/events?filters=" + net::percent_encode(end_of_command(container_)), .timeout = limits::ping_timeout}));
        continue;
      }
      auto told = co_await net::with_deadline(ends->read(), net::after(limits::ping_interval));
      if (!told && told.error().code() == errc::cancelled) co_return fail(told.error());
      // What was cancelled cannot be read on.
      if (!told || told->empty()) ends.reset();
      if (told && told->empty()) co_await net::sleep_for(limits::retry);
    }
  }

 private:
  static awaitable<void> close_input(std::shared_ptr<net::byte_stream> stream, bool tty) {
    if (tty) (void)co_await stream->write_all("\x04");
    else (void)co_await stream->shutdown();
  }
  static awaitable<void> send_size(std::shared_ptr<api> engine, std::string id, uint16_t rows, uint16_t columns) {
    (void)co_await engine->call({.method = "POST", .target = fmt::format("/exec/{}/resize?h={}&w={}", id, rows, columns)});
  }

  std::shared_ptr<api> engine_;
  net::task_scope& scope_;
  std::string container_, id_;
  std::shared_ptr<net::byte_stream> stream_;
  bool tty_;
  std::string already_;
  frame_reader frames_;
  bool ended_ = false;
  int told_ = 0;
};

value list_of(const std::vector<std::string>& texts) {
  value::list out;
  for (auto& t : texts) out.emplace_back(t);
  return value(std::move(out));
}
}  // namespace

awaitable<result<std::unique_ptr<exec_process>>> start_exec(std::shared_ptr<api> engine, net::task_scope& scope, std::string container, exec_options options) {
  std::vector<std::string> env;
  for (auto& [key, text] : options.env) env.push_back(key + "=" + text);
  value::object body;
  for (const char* which : {"AttachStdin", "AttachStdout", "AttachStderr"}) body.set(which, true);
  body.set("Tty", options.tty);
  body.set("Cmd", list_of(options.command));
  body.set("Env", list_of(env));
  CO_TRY_ASSIGN(auto made, co_await engine->call({.method = "POST", .target = fmt::format("/containers/{}/exec", container), .body = value(std::move(body))}));
  auto id = text_at(made, "Id");
  value::object start;
  start.set("Detach", false);
  start.set("Tty", options.tty);
  CO_TRY_ASSIGN(auto connection, co_await engine->take_over(fmt::format("/exec/{}/start", id), value(std::move(start))));
  co_return std::make_unique<session>(std::move(engine), scope, std::move(container), std::move(id), std::move(connection), options.tty);
}

}  // namespace drover::client::docker
