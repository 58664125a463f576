// Keeps the servers' catalogue as this node wants it: registrations are sent in batches, and again until the servers have taken them.
//
// Loop thread; run() belongs to the client's scope. What is wanted is remembered here until it has been said, also over an outage of the
// servers; an agent that starts again says all of it anew.
#pragma once

#include <map>
#include <string>

#include "base/log.h"
#include "client/node_link.h"
#include "net/event.h"
#include "rpc/channel.h"
#include "schema/eval.h"

namespace drover::client {

class registrar {
 public:
  registrar(rpc::channel& servers, node_link& link, std::string region, log::logger logger);
  void put(schema::service_registration wanted);
  void remove(std::string id, std::string namespace_);
  net::awaitable<void> run();
  // Says what is still to be said, once; for a clean stop.
  net::awaitable<void> flush();

 private:
  // Null record: to be removed.
  struct change {
    schema::ref<schema::service_registration> record;
    std::string namespace_;
  };
  using changes = std::map<std::string, change>;
  net::awaitable<bool> send();
  net::awaitable<bool> send_records(changes batch);
  net::awaitable<bool> send_removal(std::string id, change removal);
  void keep(changes batch);

  rpc::channel& servers_;
  node_link& link_;
  std::string region_;
  log::logger logger_;
  changes waiting_;
  net::event wake_;
};

}  // namespace drover::client
