// Which servers a node may talk to, and whom to ask first. Pure: no clock, no network; randomness comes from outside.
//
// Two sources: what the servers themselves said in their last heartbeat answer ("learned"), and what the configuration names ("seeds"). Learned
// ones are asked first, those of the own datacenter before others, seeds after them, whoever failed last of all. So a cluster whose servers have
// all moved is found again by the seeds' names, and one whose configured servers are gone by what was learned.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/random.h"
#include "schema/node.h"

namespace drover::client {

// "host", "host:port", "1.2.3.4", "::1", "[::1]:4647" as host:port with 4647 where no port is given. Names stay names: they are resolved at each
// connection. Errors are sentences for the one who wrote the configuration.
result<std::string> parse_server_address(std::string_view text);
result<std::vector<std::string>> parse_server_addresses(const std::vector<std::string>& texts);

class server_list {
 public:
  explicit server_list(std::string datacenter) : datacenter_(std::move(datacenter)) {}

  // Addresses as parse_server_address() gives them.
  void set_seeds(const std::vector<std::string>& addresses);
  // What a server said. False: nothing is different. An empty list is no knowledge: what was learned before is kept. Who stays keeps its place;
  // newcomers get a random one.
  bool learn(const std::vector<schema::node_server_info>& servers, env::random& random);
  // What an operator said: everything else is forgotten.
  void replace(const std::vector<std::string>& addresses, env::random& random);

  // Everyone, best first.
  std::vector<std::string> order() const;
  void failed(const std::string& address);
  void worked(const std::string& address);
  // A random order, own datacenter first; the first that answers should get prefer().
  std::vector<std::string> candidates(env::random& random) const;
  // In front of all others.
  void prefer(const std::string& address);

  // As learned, for the disk.
  std::vector<schema::node_server_info> learned() const;
  // For people: what was learned, or the seeds when nothing was.
  std::vector<std::string> shown() const;
  bool empty() const { return entries_.empty(); }

 private:
  struct entry {
    std::string address;
    std::string datacenter;
    bool learned = false;
    bool seed = false;
    // When it failed, counted in failures of all servers; 0: it works as far as we know.
    uint64_t failed = 0;
  };
  entry* find(const std::string& address);
  int rank(const entry& e) const;
  std::vector<std::string> sorted(const std::vector<entry>& entries, bool by_failures) const;
  static void shuffle(std::vector<entry>& entries, env::random& random);

  std::string datacenter_;
  std::vector<entry> entries_;
  uint64_t failures_ = 0;
};

// How long a node stays with one server before it looks for another: at least five minutes, and long enough that the whole cluster makes no more
// than 64 changes a second. The random part keeps nodes from moving together.
duration rebalance_interval(int64_t nodes, env::random& random);

}  // namespace drover::client
