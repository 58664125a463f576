// Inside codec/ only: the tree of a filter, made by filter_parse.cc and walked by filter.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "codec/filter.h"

namespace re2 {
class RE2;
}

namespace drover::codec {

// The right side of a comparison in every form it may be needed.
struct filter_literal {
  std::string text;
  std::optional<bool> as_bool;
  std::optional<int64_t> as_int;
  std::optional<uint64_t> as_uint;
  std::optional<double> as_double;
  std::optional<duration> as_duration;
};

struct filter::node {
  enum class op : uint8_t { all_of, any_of, negation, equal, contains, matches, is_empty, is_nil, every_element, some_element };
  op does;
  // !=, not in, is not empty ...
  bool negated = false;
  std::vector<std::string> selector{};
  filter_literal literal{};
  std::shared_ptr<const re2::RE2> pattern{};
  // any and all: the names for index or key, and value; empty is "_" or not given. With one name it is a list's element or a map's key.
  std::string key_name{}, value_name{};
  bool names_both = false;
  std::vector<std::shared_ptr<const node>> children{};
};

}  // namespace drover::codec
