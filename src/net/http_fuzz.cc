// What a stranger can send to the HTTP port, up to where a route is looked for: http_fuzz [corpus] [-max_total_time=300].
//
// The first byte says in what pieces the rest comes. A message must mean the same in one piece and in many: request smuggling lives on the
// difference.
#include <cstdint>
#include <cstdlib>

#include "net/http.h"
#include "net/http_parser.h"
#include "net/limits.h"

namespace drover::net {
namespace {

struct outcome {
  bool done = false;
  int refused = 0;  // the status; 0: not refused
  size_t used = 0;
  http_request request;
};

void require(bool holds) {
  if (!holds) std::abort();
}

outcome parse(std::string_view data, size_t piece) {
  http_limits limits;
  limits.request_body_bytes_max = 4096;
  outcome out;
  auto parser = http_parser::for_request(out.request, limits);
  size_t given = 0;
  while (!parser.done()) {
    given = std::min(given + piece, data.size() - out.used);
    auto used = parser.feed(data.substr(out.used, given));
    if (!used) {
      out.refused = parser.failure_status();
      require(out.refused == 400 || out.refused == 413 || out.refused == 431);
      return out;
    }
    require(*used <= given);
    out.used += *used;
    given -= *used;
    if (out.used + given == data.size() && *used == 0) break;
  }
  out.done = parser.done();
  require(out.request.body.size() <= limits.request_body_bytes_max);
  return out;
}

void look_at(http_request& request) {
  if (!decode_target(request)) return;
  require(!request.path.empty());
  for (const auto& part : request.path) {
    auto again = percent_decode(percent_encode(part));
    require(again && *again == part);
  }
  auto text = request.query.text();
  auto query = http_query::parse(text);
  require(query && query->params().size() == request.query.params().size());
}

}  // namespace
}  // namespace drover::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace drover::net;
  if (size < 2) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto whole = parse(text, text.size());
  auto pieces = parse(text, 1 + data[0] % 64);
  // Refused for the same reason or not at all; what is done is the same.
  if (whole.done && pieces.done) {
    require(whole.used == pieces.used && whole.request.method == pieces.request.method && whole.request.target == pieces.request.target);
    require(whole.request.body == pieces.request.body && whole.request.headers.entries() == pieces.request.headers.entries());
    look_at(whole.request);
  }
  require(whole.done == pieces.done);
  return 0;
}
