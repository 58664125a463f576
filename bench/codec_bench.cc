// Prints one line of JSON: how fast jobs are read and written, by syntax. One job of 200 groups, so that the work is the walk, not the call.
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "codec/json.h"
#include "codec/msgpack.h"
#include "hcl/parser.h"
#include "jobspec/example.h"
#include "jobspec/parse.h"

namespace drover {
namespace {

int64_t cpu_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

// Megabytes a second: runs `work`, which handles `bytes`, for half a second of CPU.
double megabytes_per_second(size_t bytes, const std::function<bool()>& work) {
  int64_t rounds = 0;
  auto start = cpu_ns(), passed = int64_t{0};
  do {
    if (!work()) {
      std::fprintf(stderr, "a benchmark's own input was refused\n");
      std::exit(1);
    }
    ++rounds;
    passed = cpu_ns() - start;
  } while (passed < 500'000'000);
  return static_cast<double>(bytes) * static_cast<double>(rounds) / 1e6 / (static_cast<double>(passed) / 1e9);
}

std::string job_file(int groups) {
  std::string text = "job \"bench\" {\n  datacenters = [\"dc1\"]\n";
  for (int i = 0; i < groups; ++i) {
    auto n = std::to_string(i);
    text += "  group \"g" + n + "\" {\n    count = 3\n    network {\n      port \"http\" {}\n    }\n";
    text += "    task \"t\" {\n      driver = \"raw_exec\"\n      config {\n        command = \"/usr/bin/server\"\n";
    text += "        args    = [\"--port\", \"${NOMAD_PORT_http}\", \"--name\", \"server-" + n + "\"]\n      }\n";
    text += "      env {\n        NUMBER = \"${1 + " + n + "}\"\n        MODE   = upper(\"fast\")\n      }\n";
    text += "      resources {\n        cpu    = 100\n        memory = 64\n      }\n    }\n  }\n";
  }
  return text + "}\n";
}

int run() {
  auto file = job_file(200);
  auto parsed = jobspec::parse({"bench.nomad.hcl", file});
  if (!parsed.job) {
    std::fprintf(stderr, "%s\n", parsed.problems.to_error().text().c_str());
    return 1;
  }
  auto job = *parsed.job;
  auto json = codec::to_json(job);
  auto packed = codec::to_msgpack(job);
  std::string example(jobspec::example_job());

  double hcl_syntax = megabytes_per_second(file.size(), [&] { return !hcl::parse("bench.nomad.hcl", file).problems.has_errors(); });
  double hcl_job = megabytes_per_second(file.size(), [&] { return jobspec::parse({"bench.nomad.hcl", file}).job.has_value(); });
  double example_us = static_cast<double>(example.size()) /
                      megabytes_per_second(example.size(), [&] { return jobspec::parse({"example.nomad.hcl", example}).job.has_value(); });
  double json_read = megabytes_per_second(json.size(), [&] { return codec::from_json<schema::job>(json).has_value(); });
  double json_write = megabytes_per_second(json.size(), [&] { return !codec::to_json(job).empty(); });
  double msgpack_read = megabytes_per_second(packed.size(), [&] { return codec::from_msgpack<schema::job>(packed).has_value(); });
  double msgpack_write = megabytes_per_second(packed.size(), [&] { return !codec::to_msgpack(job).empty(); });
  std::printf(
      "{\"bench\":\"codec\",\"hcl_syntax_mb_per_s\":%.1f,\"hcl_job_mb_per_s\":%.1f,\"example_job_us\":%.0f,\"json_read_mb_per_s\":%.0f,"
      "\"json_write_mb_per_s\":%.0f,\"msgpack_read_mb_per_s\":%.0f,\"msgpack_write_mb_per_s\":%.0f}\n",
      hcl_syntax, hcl_job, example_us, json_read, json_write, msgpack_read, msgpack_write);
  return 0;
}

}  // namespace
}  // namespace drover

int main() { return drover::run(); }
