#include "server/page.h"

namespace drover::server {

page::page(const schema::query_options& q) : per_page_(q.per_page), from_(q.next_token) {
  if (q.filter.empty()) return;
  auto parsed = codec::filter::parse(q.filter);
  if (parsed) filter_ = *std::move(parsed);
  else failure_ = std::move(parsed).error();
}

bool page::passes(schema::record_view record) {
  auto answer = filter_->matches(record);
  if (!answer && !failure_) failure_ = std::move(answer).error();
  return answer && *answer;
}

bool page::is_next(std::string_view key) {
  if (failure_ || (skipping_ && !from_.empty() && key < from_)) return false;
  skipping_ = false;
  if (per_page_ > 0 && taken_ == per_page_) {
    if (next_.empty()) next_ = key;
    return false;
  }
  ++taken_;
  return true;
}

result<std::string> page::end() {
  if (failure_) return std::unexpected(*std::move(failure_));
  return std::move(next_);
}

}  // namespace drover::server
