// For tests: a gRPC server of a few methods on one stream, by nghttp2's server side.
//   /t/echo   gives each message back          /t/count  three messages, then OK
//   /t/refuse NotFound with a text in UTF-8    /t/broken "not a message"
//   /t/hold   never answers                    /t/html   404 and no gRPC at all
// Any other path: what `other` gives for the last message.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

#include "grpc/channel.h"
#include "grpc/http2.h"
#include "net/event.h"
#include "net/stream.h"
#include "net/task_scope.h"

namespace drover::grpc {

class test_server {
 public:
  test_server(net::loop& l, std::unique_ptr<net::byte_stream> s) : stream_(std::move(s)), scope_(l, log::logger("test")) {
    nghttp2_session_callbacks* c = nullptr;
    nghttp2_session_callbacks_new(&c);
    nghttp2_session_callbacks_set_on_header_callback(c, [](auto*, auto* f, auto* n, size_t ns, auto* v, size_t vs, uint8_t, void* me) {
      if (text(n, ns) == ":path") at(me).calls_[f->hd.stream_id].path = text(v, vs);
      return 0;
    });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, [](auto*, uint8_t, int32_t id, auto* d, size_t n, void* me) {
      at(me).calls_[id].frames.add(text(d, n));
      at(me).answer(id, false);
      return 0;
    });
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, [](auto*, auto* f, void* me) {
      if (f->hd.flags & NGHTTP2_FLAG_END_STREAM && f->hd.type != NGHTTP2_SETTINGS) at(me).answer(f->hd.stream_id, true);
      return 0;
    });
    nghttp2_session_callbacks_set_on_stream_close_callback(c, [](auto*, int32_t id, uint32_t code, void* me) {
      if (code == NGHTTP2_CANCEL) at(me).cancelled.set();
      at(me).calls_.erase(id);
      return 0;
    });
    nghttp2_session_server_new(&session_, c, this);
    nghttp2_session_callbacks_del(c);
    nghttp2_submit_settings(session_, 0, nullptr, 0);
    scope_.spawn(&test_server::read, this);
    scope_.spawn(&test_server::write, this);
  }
  ~test_server() { nghttp2_session_del(session_); }
  awaitable<void> stop() {
    stream_->close();
    co_await scope_.stop();
  }
  void close() { stream_->close(); }
  net::event cancelled, gone;
  std::function<std::string(const std::string& path, std::string message)> other;

 private:
  struct one {
    std::string path, out;
    frame_reader frames;
    bool begun = false, done = false;
    std::vector<std::pair<std::string, std::string>> trailers;
  };
  static test_server& at(void* me) { return *static_cast<test_server*>(me); }
  static std::string_view text(const uint8_t* p, size_t n) { return {reinterpret_cast<const char*>(p), n}; }
  static nghttp2_nv pair(std::string_view n, std::string_view v) {
    return {reinterpret_cast<uint8_t*>(const_cast<char*>(n.data())), reinterpret_cast<uint8_t*>(const_cast<char*>(v.data())), n.size(), v.size(), 0};
  }
  static ssize_t produce(nghttp2_session* s, int32_t id, uint8_t* into, size_t size, uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& c = *static_cast<one*>(source->ptr);
    auto n = std::min(size, c.out.size());
    if (n == 0 && !c.done) return NGHTTP2_ERR_DEFERRED;
    std::memcpy(into, c.out.data(), n);
    c.out.erase(0, n);
    if (c.out.empty() && c.done) {
      *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
      std::vector<nghttp2_nv> list;
      for (auto& [k, v] : c.trailers) list.push_back(pair(k, v));
      nghttp2_submit_trailer(s, id, list.data(), list.size());
    }
    return static_cast<ssize_t>(n);
  }
  void begin(int32_t id) {
    auto& c = calls_[id];
    if (std::exchange(c.begun, true)) return;
    const std::array head{pair(":status", "200"), pair("content-type", "application/grpc")};
    nghttp2_data_provider from{{.ptr = &c}, produce};
    nghttp2_submit_response(session_, id, head.data(), head.size(), &from);
  }
  void alone(int32_t id, std::vector<nghttp2_nv> head) { nghttp2_submit_response(session_, id, head.data(), head.size(), nullptr); }
  void answer(int32_t id, bool at_end) {
    auto& c = calls_[id];
    if (!at_end && c.path != "/t/echo") return;
    if (c.path == "/t/refuse")
      return alone(id, {pair(":status", "200"), pair("grpc-status", "5"), pair("grpc-message", "no such t%C3%A4sk"), pair("grpc-status-details-bin", "CAU")});
    if (c.path == "/t/html") return alone(id, {pair(":status", "404"), pair("content-type", "text/html")});
    if (c.path == "/t/hold" || c.path.empty()) return;
    begin(id);
    while (c.path == "/t/echo") {
      auto m = c.frames.next();
      if (!m || !*m) break;
      c.out += frame(**m);
    }
    if (c.path == "/t/count") c.out = frame("1") + frame("2") + frame("3");
    if (c.path == "/t/broken") c.out = "<html>not a message</html>";
    if (other && !c.path.starts_with("/t/")) {
      auto m = c.frames.next();
      if (m && *m) c.out = frame(other(c.path, **m));
    }
    if (at_end) c.done = true, c.trailers = {{"grpc-status", "0"}};
    nghttp2_session_resume_data(session_, id);
    wake_.set();
  }
  awaitable<void> read() {
    std::array<char, 16384> buffer;
    for (;;) {
      auto n = co_await stream_->read_some(buffer);
      if (!n || *n == 0) break;
      nghttp2_session_mem_recv(session_, reinterpret_cast<uint8_t*>(buffer.data()), *n);
      wake_.set();
    }
    gone_ = true;
    gone.set();
    wake_.set();
  }
  awaitable<void> write() {
    while (!gone_) {
      const uint8_t* data = nullptr;
      auto n = nghttp2_session_mem_send(session_, &data);
      if (n > 0) {
        if (!co_await stream_->write_all(std::string(text(data, static_cast<size_t>(n))))) break;
        continue;
      }
      wake_.reset();
      co_await wake_.wait();
    }
  }

  std::unique_ptr<net::byte_stream> stream_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, one> calls_;
  bool gone_ = false;
  net::event wake_;
  net::task_scope scope_;
};

}  // namespace drover::grpc
