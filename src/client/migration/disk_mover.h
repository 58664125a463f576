// Fetches the disk of the allocation that went before, from the node where it ended (ephemeral_disk with sticky and migrate).
//
// Waits through the servers until that allocation has ended, then asks its node's HTTP API for a snapshot, as Nomad's agents do, with the token
// that the servers gave. Everything arrives in a directory beside and is moved into place once it is complete. What cannot be had (the node
// is gone, its data were collected) is said in the log and the allocation starts with an empty disk. Loop thread; outlives all runners.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "client/alloc_dir.h"
#include "net/blocking.h"
#include "net/loop.h"
#include "net/tls.h"
#include "rpc/channel.h"
#include "schema/alloc.h"
#include "schema/job.h"

namespace drover::client {

// What the mover must know of this node.
struct disk_mover_options {
  std::string region;
  // Of this node, for the servers.
  std::function<std::string()> secret;
  // Of an allocation of this node, for the node before; empty: the servers gave none.
  std::function<std::string(const std::string& alloc_id)> token;
  // Does this node still want the allocation?
  std::function<bool(const std::string& alloc_id)> wanted;
};

class disk_mover {
 public:
  disk_mover(rpc::channel& servers, net::blocking_pool& pool, disk_mover_options options, log::logger logger);
  // How HTTPS of other nodes is spoken; empty: by what the machine trusts.
  std::function<std::shared_ptr<const net::tls_context>()> tls;
  // Requires: `alloc` has a previous allocation that is not of this node. `done_file` is made when it is over, and then nothing happens any more.
  net::awaitable<result<>> move(schema::ref<schema::allocation> alloc, std::vector<std::string> tasks, alloc_dir into, std::string done_file);

 private:
  net::awaitable<result<schema::ref<schema::allocation>>> wait_for_end(schema::ref<schema::allocation> alloc);
  net::awaitable<result<>> fetch(std::string alloc_id, schema::allocation previous, std::vector<std::string> tasks, alloc_dir into);
  net::awaitable<result<>> download(std::string alloc_id, schema::allocation previous, std::string file);

  rpc::channel& servers_;
  net::blocking_pool& pool_;
  disk_mover_options options_;
  log::logger logger_;
};

}  // namespace drover::client
