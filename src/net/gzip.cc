#include "net/gzip.h"

#include <zlib.h>

#include "base/ensure.h"

namespace drover::net {
namespace {
constexpr int gzip_window = 15 + 16;  // the largest window, with gzip's header
constexpr size_t step_bytes = 16 * 1024;
}  // namespace

struct gzip_encoder::state {
  z_stream z{};
  state() { ENSURE(deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib starts"); }
  ~state() { deflateEnd(&z); }
};

gzip_encoder::gzip_encoder() : state_(std::make_unique<state>()) {}
gzip_encoder::~gzip_encoder() = default;
gzip_encoder::gzip_encoder(gzip_encoder&&) noexcept = default;

std::string gzip_encoder::run(std::string_view data, int flush) {
  auto& z = state_->z;
  std::string out;
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  z.avail_in = static_cast<uInt>(data.size());
  do {
    size_t before = out.size();
    out.resize(before + deflateBound(&z, z.avail_in) + 64);
    z.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    z.avail_out = static_cast<uInt>(out.size() - before);
    deflate(&z, flush);
    out.resize(out.size() - z.avail_out);
  } while (z.avail_out == 0);
  return out;
}

std::string gzip_encoder::write(std::string_view data) { return run(data, Z_SYNC_FLUSH); }
std::string gzip_encoder::finish() { return run({}, Z_FINISH); }

std::string gzip(std::string_view data) {
  gzip_encoder encoder;
  std::string out;
  // zlib counts in 32 bits.
  constexpr size_t piece_max = 1u << 30;
  while (data.size() > piece_max) {
    out += encoder.write(data.substr(0, piece_max));
    data.remove_prefix(piece_max);
  }
  if (!data.empty()) out += encoder.write(data);
  return out + encoder.finish();
}

struct gzip_decoder::state {
  z_stream z{};
  bool finished = false;
  state() { ENSURE(inflateInit2(&z, gzip_window) == Z_OK, "zlib starts"); }
  ~state() { inflateEnd(&z); }
};

gzip_decoder::gzip_decoder() : state_(std::make_unique<state>()) {}
gzip_decoder::~gzip_decoder() = default;
gzip_decoder::gzip_decoder(gzip_decoder&&) noexcept = default;
bool gzip_decoder::finished() const { return state_->finished; }

result<std::string> gzip_decoder::write(std::string_view data, size_t bytes_max) {
  auto& z = state_->z;
  std::string out;
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  z.avail_in = static_cast<uInt>(data.size());
  char step[step_bytes];
  while (!state_->finished) {
    z.next_out = reinterpret_cast<Bytef*>(step);
    z.avail_out = sizeof step;
    int code = inflate(&z, Z_NO_FLUSH);
    out.append(step, sizeof step - z.avail_out);
    if (out.size() > bytes_max) return fail(errc::too_large, "the gzip data grows beyond the limit of {} bytes", bytes_max);
    if (code == Z_STREAM_END) state_->finished = true;
    else if (code == Z_BUF_ERROR || (code == Z_OK && z.avail_in == 0 && z.avail_out > 0)) break;
    else if (code != Z_OK) return fail(errc::corrupt, "invalid gzip data: {}", z.msg ? z.msg : "truncated");
  }
  return out;
}

result<std::string> gunzip(std::string_view data, size_t bytes_max) {
  gzip_decoder decoder;
  TRY_ASSIGN(auto out, decoder.write(data, bytes_max));
  if (!decoder.finished()) return fail(errc::corrupt, "invalid gzip data: it ends too early");
  return out;
}

}  // namespace drover::net
