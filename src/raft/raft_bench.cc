// One server, on the directory given as the only argument: time to lead, time of one entry on an idle server, entries
// per second with many in flight, memory. Prints one line of JSON.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <semaphore>

#include "raft/raft.h"

namespace {

using namespace drover;
using clock_type = std::chrono::steady_clock;

double milliseconds_since(clock_type::time_point start) { return std::chrono::duration<double, std::milli>(clock_type::now() - start).count(); }

class counter final : public raft::state_machine {
 public:
  result<std::any> apply(uint64_t, std::string_view entry) override {
    bytes_ += entry.size();
    return std::any();
  }
  serialiser snapshot() override {
    return [n = bytes_]() -> result<std::string> { return std::to_string(n); };
  }
  result<> restore(uint64_t, std::string_view) override { return {}; }

 private:
  uint64_t bytes_ = 0;
};

raft::options single(const std::string& directory) {
  raft::options o;
  o.directory = directory;
  o.id = 1;
  o.address = "127.0.0.1:4647";
  o.bootstrap = {{1, o.address, raft::role::voter}};
  return o;
}

double median_idle_us(raft::node& n) {
  std::vector<double> times;
  for (int i = 0; i < 300; i++) {
    std::promise<void> done;
    auto start = clock_type::now();
    n.apply(std::string(1000, 'x'), [&](auto) { done.set_value(); });
    done.get_future().wait();
    times.push_back(milliseconds_since(start) * 1000);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

double applies_per_second(raft::node& n, int in_flight, double ms) {
  std::counting_semaphore<> slots(in_flight);
  std::atomic<int> done = 0;
  auto start = clock_type::now();
  while (milliseconds_since(start) < ms) {
    slots.acquire();
    n.apply(std::string(1000, 'x'), [&](auto) {
      done++;
      slots.release();
    });
  }
  for (int i = 0; i < in_flight; i++) slots.acquire();
  return done / milliseconds_since(start) * 1000;
}

long pss_kib() {
  std::ifstream file("/proc/self/smaps_rollup");
  std::string word;
  long value = 0;
  while (file >> word) {
    if (word == "Pss:") file >> value;
  }
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  std::string directory = std::string(argv[1]) + "/raft-bench";
  std::filesystem::remove_all(directory);
  counter machine;
  long before = pss_kib();
  auto start = clock_type::now();
  auto first = raft::node::start(single(directory), machine);
  if (!first) {
    fprintf(stderr, "%s\n", first.error().text().c_str());
    return 1;
  }
  double first_ms = milliseconds_since(start);
  long after = pss_kib();
  raft::node& n = **first;
  double idle_us = median_idle_us(n);
  double at_1 = applies_per_second(n, 1, 1000), at_16 = applies_per_second(n, 16, 1000), at_256 = applies_per_second(n, 256, 1000),
         at_4096 = applies_per_second(n, 4096, 1000);
  n.stop();
  start = clock_type::now();
  auto again = raft::node::start(single(directory), machine);
  double again_ms = milliseconds_since(start);
  bool leads = again && (*again)->is_leader();
  printf(
      "{\"bench\":\"raft\",\"first_start_to_leader_ms\":%.1f,\"restart_to_leader_ms\":%.1f,\"leads\":%s,\"idle_apply_"
      "us\":%.0f,\"applies_per_s_1\":%.0f,"
      "\"applies_per_s_16\":%.0f,\"applies_per_s_256\":%.0f,\"applies_per_s_4096\":%.0f,\"idle_node_pss_kib\":%ld}\n",
      first_ms, again_ms, leads ? "true" : "false", idle_us, at_1, at_16, at_256, at_4096, after - before);
  again->reset();
  std::filesystem::remove_all(directory);
}
