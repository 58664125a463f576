// Texts that come from outside and become records or questions about them: codec_fuzz [corpus] [-max_total_time=300].
// The first byte chooses: a filter= expression, JSON of a job, msgpack of a job.
#include <cstdint>
#include <cstdlib>

#include "codec/filter.h"
#include "codec/json.h"
#include "codec/msgpack.h"
#include "schema/job.h"

namespace {

using namespace drover;

void require(bool holds) {
  if (!holds) std::abort();
}

const schema::job& some_job() {
  static const schema::job job = [] {
    schema::job out;
    out.id = "web";
    out.meta = {{"team", "a"}};
    out.datacenters = {"dc1"};
    out.task_groups.emplace_back().name = "g";
    return out;
  }();
  return job;
}

// What was read is written and read again: nothing may change from then on.
void round_trip(const schema::job& job) {
  auto json = codec::to_json(job);
  auto again = codec::from_json<schema::job>(json);
  require(again.has_value() && codec::to_json(*again) == json);
  std::string packed;
  codec::append_lean_msgpack(packed, schema::view(job));
  auto unpacked = codec::from_msgpack<schema::job>(packed);
  require(unpacked.has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      if (auto filter = codec::filter::parse(text)) (void)filter->matches(schema::view(some_job()));
      break;
    case 1:
      if (auto job = codec::from_json<schema::job>(text)) round_trip(*job);
      break;
    default:
      if (auto job = codec::from_msgpack<schema::job>(text)) round_trip(*job);
  }
  return 0;
}
