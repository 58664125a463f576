// The methods that a node answers. One file a noun; each handler is a member, so that no lambda coroutine outlives its expression.
// Loop thread.
#pragma once

#include "client/client.h"
#include "rpc/channel.h"
#include "schema/acl.h"
#include "schema/alloc_rpc.h"
#include "schema/node_rpc.h"
#include "schema/operator_rpc.h"

namespace drover::client {

class alloc_runner;
class task_runner;

// One of the streams that are open.
struct counted_stream {
  size_t& n;
  explicit counted_stream(size_t& count) : n(count) { ++n; }
  ~counted_stream() { --n; }
  counted_stream(const counted_stream&) = delete;
};

class endpoints {
 public:
  explicit endpoints(client::state& s) : state_(s) {}
  void add_to(rpc::method_table& table);

 private:
  template <class T>
  using answer = rpc::awaitable<result<T>>;
  using context = rpc::call_context;
  using stream = std::unique_ptr<rpc::message_stream>;

  void add_allocations(rpc::method_table& table);
  answer<schema::generic_response> restart(context c, schema::alloc_restart_request request);
  answer<schema::generic_response> set_pause(context c, schema::alloc_pause_request request);
  answer<schema::alloc_get_pause_state_response> get_pause(context c, schema::alloc_get_pause_state_request request);
  answer<schema::generic_response> signal(context c, schema::alloc_signal_request request);
  answer<schema::alloc_stats_response> alloc_stats(context c, schema::alloc_stats_request request);
  answer<schema::alloc_checks_response> checks(context c, schema::alloc_checks_request request);
  answer<schema::generic_response> collect(context c, schema::alloc_specific_request request);
  answer<schema::generic_response> collect_all(context c, schema::node_specific_request request);

  void add_exec(rpc::method_table& table);
  rpc::awaitable<result<>> exec(context c, schema::alloc_exec_request request, stream s);

  void add_file_system(rpc::method_table& table);
  answer<schema::fs_list_response> list(context c, schema::fs_list_request request);
  answer<schema::fs_stat_response> stat(context c, schema::fs_stat_request request);
  rpc::awaitable<result<>> stream_file(context c, schema::fs_stream_request request, stream s);
  rpc::awaitable<result<>> send_file(std::string path, schema::fs_stream_request request, rpc::message_stream* s);
  rpc::awaitable<result<>> stream_logs(context c, schema::fs_logs_request request, stream s);
  rpc::awaitable<result<>> send_logs(std::string directory, schema::fs_logs_request request, rpc::message_stream* s);

  void add_snapshot(rpc::method_table& table);
  rpc::awaitable<result<>> send_snapshot(context c, schema::alloc_specific_request request, stream s);

  void add_volumes(rpc::method_table& table);
  void add_csi(rpc::method_table& table);

  void add_node(rpc::method_table& table);
  answer<schema::client_stats_response> host_stats(context c, schema::node_specific_request request);
  answer<schema::node_meta_response> read_meta(context c, schema::node_specific_request request);
  answer<schema::node_meta_response> apply_meta(context c, schema::node_meta_apply_request request);
  schema::node_meta_response meta_now() const;
  answer<schema::node_identity_get_resp> get_identity(context c, schema::node_identity_get_req request);
  answer<schema::node_identity_renew_resp> renew_identity(context c, schema::node_identity_renew_req request);

  result<std::shared_ptr<alloc_runner>> find(const std::string& alloc_id) const;
  bool task_dead(const std::string& alloc_id, const std::string& task) const;

  client::state& state_;
  size_t streams_ = 0;
};

}  // namespace drover::client
