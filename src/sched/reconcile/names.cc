#include "sched/reconcile/names.h"

#include <fmt/format.h>

#include "base/text.h"

namespace drover::sched {

std::string alloc_name(std::string_view job_id, std::string_view group, uint64_t index) { return fmt::format("{}.{}[{}]", job_id, group, index); }

std::optional<uint64_t> alloc_index(std::string_view name) {
  size_t open = name.rfind('[');
  if (open == std::string_view::npos || !name.ends_with("]")) return std::nullopt;
  return parse_uint(name.substr(open + 1, name.size() - open - 2));
}

void name_index::use(std::string_view name) {
  auto index = alloc_index(name);
  if (!index || *index >= limit_) return;
  if (*index >= used_.size()) used_.resize(*index + 1);
  used_[*index] = true;
}

uint64_t name_index::next() {
  while (first_free_ < used_.size() && used_[first_free_]) ++first_free_;
  return first_free_++;
}

}  // namespace drover::sched
