#include "agent/start_memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "base/text.h"

namespace drover::agent {
namespace {

// "7f0c-7f1a r-xp 00000000 fe:00 1234  /usr/lib/libz.so" begins a mapping; null for the lines about it.
struct mapping {
  memory_range range;
  bool droppable = false;
};
std::optional<mapping> parse_mapping(std::string_view line) {
  mapping out;
  const char* end = line.data() + line.size();
  auto begin_read = std::from_chars(line.data(), end, out.range.begin, 16);
  if (begin_read.ec != std::errc() || begin_read.ptr == end || *begin_read.ptr != '-') return std::nullopt;
  auto end_read = std::from_chars(begin_read.ptr + 1, end, out.range.end, 16);
  if (end_read.ec != std::errc() || end - end_read.ptr < 5) return std::nullopt;
  std::string_view permissions(end_read.ptr + 1, 4);
  // Files have a path; "[vdso]", "[heap]" and anonymous memory have none.
  out.droppable = (permissions == "r-xp" || permissions == "r--p") && line.find(" /") != std::string_view::npos;
  return out;
}

bool is_zero(std::string_view line) {
  auto colon = line.find(':');
  auto number = line.substr(colon + 1);
  return number.find_first_of("123456789") == std::string_view::npos;
}

}  // namespace

void share_one_heap() { mallopt(M_ARENA_MAX, 1); }

std::vector<memory_range> pages_of_files(std::string_view smaps) {
  std::vector<memory_range> out;
  std::optional<mapping> current;
  auto finish = [&] {
    if (current && current->droppable) out.push_back(current->range);
  };
  for (auto line : split(smaps, '\n')) {
    if (auto next = parse_mapping(line)) {
      finish();
      current = next;
    } else if (current && (line.starts_with("Anonymous:") || line.starts_with("Private_Dirty:") || line.starts_with("Shared_Dirty:")) && !is_zero(line)) {
      current->droppable = false;
    }
  }
  finish();
  return out;
}

void release_start_memory() {
  std::ifstream file("/proc/self/smaps");
  std::string smaps{std::istreambuf_iterator<char>(file), {}};
  for (const auto& range : pages_of_files(smaps)) madvise(reinterpret_cast<void*>(range.begin), range.end - range.begin, MADV_DONTNEED);
  malloc_trim(0);
}

}  // namespace drover::agent
