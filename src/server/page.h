// A page of a list that is visited in key order, of those elements that the request's filter lets through. Made for one read, on its stack.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "codec/filter.h"
#include "schema/common.h"

namespace drover::server {

class page {
 public:
  explicit page(const schema::query_options& q);
  // Is this element on the page? `record` is what is stored of it: the filter reads that. Once full() the visit may stop.
  template <class Record>
  bool takes(std::string_view key, const Record& record) {
    return (!filter_ || passes(schema::view(record))) && is_next(key);
  }
  // The same, where the filter may not read all of the record: `shown` gives what it may, and is asked only if there is a filter.
  template <class Record, class Shown>
  bool takes(std::string_view key, const schema::ref<Record>& record, Shown& shown) {
    return (!filter_ || passes(schema::view(*shown(record)))) && is_next(key);
  }
  // Neither a page nor a filter was asked for: keys need not be made.
  bool takes_all() const { return per_page_ <= 0 && from_.empty() && !filter_ && !failure_; }
  bool full() const { return !next_.empty() || failure_; }
  // After the visit: the key of the first element of the next page, which is next_token. Errors: what is wrong with the filter.
  result<std::string> end();

 private:
  bool passes(schema::record_view record);
  bool is_next(std::string_view key);

  std::optional<codec::filter> filter_;
  std::optional<error> failure_;
  int32_t per_page_;
  std::string from_;
  std::string next_;
  int32_t taken_ = 0;
  bool skipping_ = true;
};

}  // namespace drover::server
