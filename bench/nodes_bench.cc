// Many client nodes played by one process, each with a session of its own: registers them, sends heartbeats, holds a query for each, and then
// waits for the end of its input while whoever started it measures the server. See bench/cluster.py.
//   nodes_bench ADDRESS COUNT SECONDS
#include <cstdio>

#include "base/text.h"
#include "fake_nodes.h"
#include "net/blocking.h"

namespace drover::bench {
namespace {

net::awaitable<void> run(net::loop& loop, std::string address, size_t count, int64_t length) {
  fake_nodes all(loop, address, count, sessions_max());
  double enrolled = co_await all.for_all(&fake_nodes::enroll);
  size_t beats = 0;
  double spent = 0;
  while (spent < static_cast<double>(length)) {
    spent += co_await all.for_all(&fake_nodes::beat);
    beats += count;
  }
  all.hold_queries();
  std::printf("{\"nodes\": %zu, \"registrations_per_s\": %.0f, \"heartbeats_per_s\": %.0f, \"failures\": %zu}\n", count, static_cast<double>(count) / enrolled,
              static_cast<double>(beats) / spent, all.failures());
  std::fflush(stdout);
  // The queries are on their way when the input ends: whoever measures waits for the line and ends the input.
  net::blocking_pool threads(loop, 1);
  co_await threads.run([] {
    while (std::getchar() != EOF) {
    }
  });
  co_await all.stop();
}

}  // namespace
}  // namespace drover::bench

int main(int argc, char** argv) {
  using namespace drover;
  auto count = argc > 2 ? parse_uint(argv[2]) : std::nullopt;
  auto length = argc > 3 ? parse_uint(argv[3]) : std::nullopt;
  if (argc != 4 || !count || !length) {
    std::fputs("usage: nodes_bench ADDRESS COUNT SECONDS\n", stderr);
    return 2;
  }
  bench::raise_file_limit();
  net::loop loop(1);
  net::run_to_completion(loop, bench::run(loop, argv[1], *count, static_cast<int64_t>(*length)));
}
