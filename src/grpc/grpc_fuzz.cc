// What a plugin may send: grpc_fuzz [corpus] [-max_total_time=300]. Messages as fields (whatever was read is written again and read the
// same), frames of messages in any pieces, and the values of headers.
#include <cstdint>
#include <cstdlib>

#include "grpc/http2.h"
#include "grpc/limits.h"
#include "grpc/protobuf.h"

namespace {

using namespace drover;

void require(bool holds) {
  if (!holds) std::abort();
}

void walk(std::string_view data, int depth) {
  grpc::message_reader r(data);
  std::map<std::string, std::string> map;
  std::vector<int64_t> numbers;
  while (r.next()) {
    switch (data.size() % 4) {
      case 0: r.entry(map); break;
      case 1: r.integers(numbers); break;
      case 2: (void)r.real(); break;
      default:
        if (depth < grpc::limits::depth_max) walk(r.text(), depth + 1);
    }
  }
  if (!r.finish()) return;
  auto written = grpc::message_writer().map(1, map).take();
  std::map<std::string, std::string> again;
  grpc::message_reader back(written);
  while (back.next()) back.entry(again);
  require(back.finish().has_value() && again == map);
}

void cut(std::string_view data) {
  grpc::frame_reader whole, pieces;
  std::vector<std::string> one, other;
  auto take = [](grpc::frame_reader& from, std::vector<std::string>& into) {
    for (;;) {
      auto m = from.next();
      if (!m) return false;
      if (!*m) return true;
      into.push_back(**m);
    }
  };
  whole.add(data);
  bool good = take(whole, one), good_in_pieces = true;
  for (char each : data) {
    pieces.add({&each, 1});
    good_in_pieces = good_in_pieces && take(pieces, other);
  }
  require(good == good_in_pieces && one == other);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0 || size > 65536) return 0;
  std::string_view data(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  if (bytes[0] % 3 == 0) walk(data, 0);
  if (bytes[0] % 3 == 1) cut(data);
  if (bytes[0] % 3 == 2) {
    (void)grpc::decode_message(data);
    (void)grpc::decode_binary(data);
    (void)grpc::nanoseconds_of(data);
  }
  return 0;
}
