#include "raft/segment.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "raft/crc32.h"
#include "raft/framing.h"

namespace drover::raft {

namespace {

constexpr size_t format_bytes = 8;
constexpr uint64_t format_version = 1;
constexpr size_t checksums_bytes = 8;
constexpr size_t entry_header = 16;
// libraft refuses batches of more (UV__MAX_SEGMENT_SIZE / 32).
constexpr uint64_t batch_entries_max = 262144;
// The smallest unit that a disk writes whole.
constexpr size_t sector_bytes = 512;

struct batch {
  size_t end = 0;
  uint64_t entries = 0;
  uint8_t first_type = 0;
};

// The number of entries that the header at `at` claims, if there is room for as many.
std::optional<uint64_t> claimed_entries(std::string_view content, size_t at) {
  if (content.size() - at < checksums_bytes + 8) return std::nullopt;
  uint64_t n = load_u64(content.data() + at + checksums_bytes);
  size_t room = content.size() - at - checksums_bytes - 8;
  if (n == 0 || n > room / entry_header) return std::nullopt;
  return n;
}

size_t header_end(size_t at, uint64_t entries) { return at + checksums_bytes + 8 + entries * entry_header; }

bool header_is_valid(std::string_view content, size_t at, uint64_t entries) {
  size_t begin = at + checksums_bytes;
  return load_u32(content.data() + at) == crc32(content.data() + begin, header_end(at, entries) - begin);
}

// Where the data of a batch with a valid header ends; beyond the content if the file was cut.
size_t data_end(std::string_view content, size_t at, uint64_t entries) {
  size_t size = 0;
  for (uint64_t i = 0; i < entries; i++) size += load_u32(content.data() + at + checksums_bytes + 8 + i * entry_header + 12);
  return header_end(at, entries) + size;
}

std::optional<batch> read_batch(std::string_view content, size_t at, std::string* problem) {
  auto say = [&](std::string text) {
    if (problem != nullptr) *problem = std::move(text);
    return std::nullopt;
  };
  auto n = claimed_entries(content, at);
  if (!n) return say("no batch of entries begins there");
  if (!header_is_valid(content, at, *n)) return say("the header of a batch of entries does not match its checksum");
  size_t begin = header_end(at, *n), end = data_end(content, at, *n);
  if (end > content.size()) return say(fmt::format("the file ends {} bytes before the batch of entries does", end - content.size()));
  if (load_u32(content.data() + at + 4) != crc32(content.data() + begin, end - begin)) {
    return say("a batch of entries does not match its checksum");
  }
  return batch{end, *n, static_cast<uint8_t>(content[at + checksums_bytes + 8 + 8])};
}

bool all_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

// Whether some sector of [begin, end) was never written. The file was allocated full of zeros.
bool has_unwritten_sector(std::string_view content, size_t begin, size_t end) {
  if (end > content.size()) return true;
  while (begin < end) {
    size_t next = std::min(end, (begin / sector_bytes + 1) * sector_bytes);
    if (all_zero(content.substr(begin, next - begin))) return true;
    begin = next;
  }
  return false;
}

// Whether a valid batch lies anywhere after `at`: then the bytes at `at` are not the last write.
bool valid_batch_after(std::string_view content, size_t at) {
  for (size_t i = (at + 7) / 8 * 8 + 8; i + checksums_bytes + 8 + entry_header <= content.size(); i += 8) {
    if (read_batch(content, i, nullptr)) return true;
  }
  return false;
}

}  // namespace

segment_scan scan_segment(std::string_view content) {
  segment_scan scan;
  if (content.size() < format_bytes || load_u64(content.data()) != format_version) {
    scan.problem = "it does not begin with the number of a known format";
    return scan;
  }
  scan.end = format_bytes;
  while (scan.end < content.size()) {
    auto next = read_batch(content, scan.end, &scan.problem);
    if (!next) return scan;
    if (scan.entries == 0) scan.first_type = next->first_type;
    scan.entries += next->entries;
    scan.end = next->end;
  }
  return scan;
}

void visit_entries(std::string_view content, const segment_scan& scan, const std::function<void(const segment_entry&)>& each) {
  for (size_t at = format_bytes; at < scan.end;) {
    uint64_t n = *claimed_entries(content, at);
    size_t data = header_end(at, n);
    for (uint64_t i = 0; i < n; i++) {
      const char* header = content.data() + at + checksums_bytes + 8 + i * entry_header;
      size_t length = load_u32(header + 12);
      each({load_u64(header), static_cast<uint8_t>(header[8]), content.substr(data, length)});
      data += length;
    }
    at = data;
  }
}

std::string write_segment(const segment_entry& entry) {
  std::string out(format_bytes + checksums_bytes + 8 + entry_header, '\0');
  store_u64(out.data(), format_version);
  char* batch = out.data() + format_bytes;
  store_u64(batch + checksums_bytes, 1);
  char* header = batch + checksums_bytes + 8;
  store_u64(header, entry.term);
  header[8] = static_cast<char>(entry.type);
  store_u32(header + 12, static_cast<uint32_t>(entry.data.size()));
  store_u32(batch, crc32(batch + checksums_bytes, 8 + entry_header));
  store_u32(batch + 4, crc32(entry.data.data(), entry.data.size()));
  return out.append(entry.data);
}

tail_state judge_tail(std::string_view content, const segment_scan& scan) {
  std::string_view tail = content.substr(scan.end);
  if (all_zero(tail)) return tail_state::clean;
  if (valid_batch_after(content, scan.end)) return tail_state::damaged;
  // The format's number is written together with the first batch.
  size_t at = std::max(scan.end, format_bytes);
  if (content.size() < at + checksums_bytes + 8) return tail_state::torn;
  size_t end = (scan.end / sector_bytes + 1) * sector_bytes;
  if (auto n = claimed_entries(content, at)) {
    end = header_is_valid(content, at, *n) ? data_end(content, at, *n) : header_end(at, *n);
  } else if (load_u64(content.data() + at + checksums_bytes) != 0) {
    // More entries are claimed than the file can hold: the file was cut, or the number is not one that was written.
    return load_u64(content.data() + at + checksums_bytes) <= batch_entries_max ? tail_state::torn : tail_state::damaged;
  }
  return has_unwritten_sector(content, scan.end, end) ? tail_state::torn : tail_state::damaged;
}

}  // namespace drover::raft
