#pragma once

namespace drover::net {
class task_scope;
class event;
class remote_event;
class blocking_pool;
class byte_stream;
class listener;
class tls_context;
struct endpoint;
struct http_request;
struct http_response;
class http_exchange;
class http_server;
class http_client;
class http_body_reader;
class websocket;
class signal_set;
}  // namespace drover::net
