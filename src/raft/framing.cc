#include "raft/framing.h"

#include <bit>
#include <cstring>

#include "base/ensure.h"
#include "raft/crc32.h"
#include "raft/limits.h"

namespace drover::raft {

static constexpr int frame_filler = 0x5a;

static_assert(std::endian::native == std::endian::little, "files are little endian");

uint64_t load_u64(const void* at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

uint32_t load_u32(const void* at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

void store_u64(void* at, uint64_t value) { memcpy(at, &value, sizeof value); }
void store_u32(void* at, uint32_t value) { memcpy(at, &value, sizeof value); }

size_t entry_frame_size(size_t payload) { return (entry_header_bytes + payload + 8) / 8 * 8; }

void write_entry_frame(char* out, std::string_view payload) {
  ENSURE(payload.size() <= entry_bytes_max, "an entry above the limit reached the log");
  store_u32(out, static_cast<uint32_t>(payload.size()));
  store_u32(out + 4, 0);
  memcpy(out + entry_header_bytes, payload.data(), payload.size());
  size_t used = entry_header_bytes + payload.size();
  memset(out + used, frame_filler, entry_frame_size(payload.size()) - used);
}

result<std::string_view> read_entry_frame(std::string_view frame) {
  if (frame.size() < entry_header_bytes) {
    return fail(errc::corrupt, "a log entry has {} bytes, fewer than its header of {}", frame.size(), entry_header_bytes);
  }
  size_t size = load_u32(frame.data());
  if (size > entry_bytes_max || entry_frame_size(size) != frame.size()) {
    return fail(errc::corrupt, "a log entry of {} bytes says that it holds {}", frame.size(), size);
  }
  return frame.substr(entry_header_bytes, size);
}

static constexpr std::string_view snapshot_magic = "DRVSNAP1";

std::string snapshot_header(uint64_t index, std::string_view payload) {
  std::string out(snapshot_header_bytes, '\0');
  memcpy(out.data(), snapshot_magic.data(), snapshot_magic.size());
  store_u64(out.data() + 8, index);
  store_u64(out.data() + 16, payload.size());
  store_u32(out.data() + 24, crc32(payload.data(), payload.size()));
  store_u32(out.data() + 28, crc32(out.data(), 28));
  return out;
}

result<snapshot_view> read_snapshot_frame(std::string_view frame) {
  if (frame.size() < snapshot_header_bytes || frame.substr(0, snapshot_magic.size()) != snapshot_magic ||
      load_u32(frame.data() + 28) != crc32(frame.data(), 28)) {
    return fail(errc::corrupt, "a snapshot does not begin with a valid header");
  }
  uint64_t size = load_u64(frame.data() + 16);
  std::string_view payload = frame.substr(snapshot_header_bytes);
  if (size != payload.size()) {
    return fail(errc::corrupt, "a snapshot has {} bytes of content, but was written with {}", payload.size(), size);
  }
  if (load_u32(frame.data() + 24) != crc32(payload.data(), payload.size())) {
    return fail(errc::corrupt, "the content of a snapshot does not match its checksum");
  }
  return snapshot_view{load_u64(frame.data() + 8), payload};
}

}  // namespace drover::raft
