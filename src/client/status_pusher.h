// Reports allocations to the servers by Node.UpdateAlloc. A changed status goes out at once (within an allowance), what only adds events
// waits up to 200 ms for company; while a call is under way everything gathers for the next. Loop thread; run() belongs to the client.
#pragma once

#include <map>
#include <string>

#include "base/log.h"
#include "client/node_link.h"
#include "net/event.h"
#include "rpc/channel.h"
#include "schema/alloc.h"

namespace drover::client {

class status_pusher {
 public:
  status_pusher(rpc::channel& servers, node_link& link, std::string region, log::logger logger);
  void push(schema::ref<schema::allocation> report, bool urgent);
  net::awaitable<void> run();
  // Sends what waits, once; for a clean stop.
  net::awaitable<void> flush();

 private:
  net::awaitable<bool> send();
  bool take_allowance();

  rpc::channel& servers_;
  node_link& link_;
  std::string region_;
  log::logger logger_;
  std::map<std::string, schema::ref<schema::allocation>> waiting_;
  bool urgent_ = false;
  net::event wake_;
  double allowance_;
  net::time_point refilled_;
};

}  // namespace drover::client
