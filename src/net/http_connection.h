// Inside net/ only: one connection of the HTTP server, from its first byte to its last. Made and destroyed by http_server.
//
// Memory is the point here: while a connection idles or its handler waits, it owns no read buffer and no parser. Reading goes through the
// loop's one scratch buffer; only bytes that cannot be used yet are kept.
#pragma once

#include <boost/asio/cancellation_signal.hpp>

#include <array>
#include <optional>

#include "net/event.h"
#include "net/gzip.h"
#include "net/http_server.h"

namespace drover::net {

class http_parser;
class http_connection;

// What all connections of a server share.
struct http_server_core {
  loop& owner;
  http_server_options options;
  http_server_stats stats;
  bool stopping = false;
  http_connection* first = nullptr;
  event emptied;
  std::array<char, 64 * 1024> scratch;
  // "Date: ...\r\n" of the current second.
  std::string date_line;
  int64_t date_second = -1;

  std::string_view date();
};

class http_connection final : public http_exchange {
 public:
  http_connection(http_server_core& server, std::unique_ptr<byte_stream> stream, std::string ip);
  // Serves requests until either side ends. Spawned by the server with `cancel_run`.
  awaitable<void> run(std::shared_ptr<const tls_context> tls);
  // Called by the server's sweep.
  void expire(time_point at);
  // Nothing of a request has arrived, or is being answered.
  bool is_idle() const { return phase_ == phase::idle; }
  void close_stream();
  // run() has ended: closes, and ends what still waits.
  void end();

  http_request& request() override { return request_; }
  awaitable<result<>> respond(http_response response) override;
  awaitable<result<>> start_stream(int status, http_headers headers, bool gzip) override;
  awaitable<result<>> write(std::string data) override;
  awaitable<result<>> finish() override;
  bool is_websocket() const override;
  awaitable<result<std::unique_ptr<websocket>>> upgrade_websocket(const websocket_options& options) override;
  bool answered() const override { return answer_ != answer::none; }

  boost::asio::cancellation_signal cancel_run;
  http_connection* previous = nullptr;
  http_connection* next = nullptr;
  // For the limit per address.
  std::string ip;
  // The run and the watch that still refer to this object.
  int references = 1;

 private:
  enum class phase : uint8_t { idle, header, body, running, writing, draining, upgraded };
  enum class answer : uint8_t { none, whole, streaming, streamed };

  awaitable<bool> read_request();
  awaitable<bool> read_messages(http_parser& parser);
  result<> feed(http_parser& parser, std::string_view data);
  awaitable<bool> refuse(int status, std::string sentence);
  awaitable<void> handle();
  awaitable<void> finish_answer(bool failed);
  awaitable<void> drain();
  awaitable<result<>> send(std::string data);
  std::string head(int status, const http_headers& headers, std::string_view framing) const;
  void set_phase(phase p, duration timeout);
  void watch();
  void look();
  awaitable<bool> encrypt(std::shared_ptr<const tls_context> tls);
  bool asks_for_gzip() const;

  http_server_core& server_;
  std::unique_ptr<byte_stream> stream_;
  http_request request_;
  // Bytes that arrived and are not parsed yet.
  std::string pending_;
  std::unique_ptr<gzip_encoder> gzip_;
  time_point deadline_ = never;
  phase phase_ = phase::idle;
  answer answer_ = answer::none;
  bool keep_alive_ = true;
  bool is_http_1_0_ = false;
  // Of the request under way, whose headers the handler may drop.
  bool accepts_gzip_ = false;
  // A handler runs, and is to be cancelled when the client leaves.
  bool handling_ = false;
  bool watching_ = false;
};

// Destroys the connection when nothing refers to it any more.
void release(http_server_core& server, http_connection* connection);

}  // namespace drover::net
