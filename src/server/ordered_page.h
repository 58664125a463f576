// Pages of lists in another order than that of their keys: by age, or backwards. The records are collected first (pointers), then the page is
// taken; the filter looks only at what is passed on the way. Pure; made for one read.
#pragma once

#include <algorithm>
#include <compare>
#include <functional>
#include <string>
#include <vector>

#include "base/text.h"
#include "codec/filter.h"
#include "schema/common.h"
#include "schema/fwd.h"

namespace drover::server {

// Where a record stands in the list, and the next_token that says so: "12.ID", "12" or "ID".
struct page_place {
  uint64_t index = 0;
  std::string id;
  friend auto operator<=>(const page_place&, const page_place&) = default;
  std::string token(bool with_index) const {
    if (!with_index) return id;
    return id.empty() ? std::to_string(index) : std::to_string(index) + "." + id;
  }
};

inline result<page_place> parse_page_token(std::string_view token, bool with_index) {
  // No token: from the beginning.
  if (!with_index || token.empty()) return page_place{0, std::string(token)};
  auto dot = token.find('.');
  auto index = parse_uint(token.substr(0, dot));
  if (!index) return fail(errc::invalid, "next_token \"{}\" is none of this list: give the X-Nomad-NextToken of the page before", token);
  return page_place{*index, dot == token.npos ? std::string() : std::string(token.substr(dot + 1))};
}

// Leaves in `records`, which are in ascending order, those of the page; gives the next page's token, or nothing. `shown` gives what the filter reads of
// a record.
template <class Record, class PlaceOf, class Shown = std::identity>
result<std::string> take_page(const schema::query_options& q, std::vector<schema::ref<Record>>& records, bool with_index, PlaceOf place_of, Shown shown = {}) {
  if (q.reverse) std::ranges::reverse(records);
  if (q.per_page <= 0 && q.next_token.empty() && q.filter.empty()) return std::string();
  std::optional<codec::filter> filter;
  if (!q.filter.empty()) {
    TRY_ASSIGN(filter, codec::filter::parse(q.filter));
  }
  TRY_ASSIGN(const auto from, parse_page_token(q.next_token, with_index));
  bool skipping = !q.next_token.empty();
  std::string next;
  std::vector<schema::ref<Record>> taken;
  for (auto& each : records) {
    if (skipping && (q.reverse ? place_of(*each) > from : place_of(*each) < from)) continue;
    skipping = false;
    if (filter) {
      TRY_ASSIGN(const bool passes, filter->matches(schema::view(*shown(each))));
      if (!passes) continue;
    }
    if (q.per_page > 0 && taken.size() == static_cast<size_t>(q.per_page)) {
      next = place_of(*each).token(with_index);
      break;
    }
    taken.push_back(std::move(each));
  }
  records = std::move(taken);
  return next;
}

// The oldest first, as lists of allocations, evaluations and deployments are; with a prefix by id, as they were visited.
template <class Record, class Shown = std::identity>
result<std::string> take_page_by_age(const schema::query_options& q, std::vector<schema::ref<Record>>& records, Shown shown = {}) {
  const bool by_age = q.prefix.empty();
  if (by_age)
    std::ranges::sort(records,
                      [](const auto& a, const auto& b) { return a->create_index != b->create_index ? a->create_index < b->create_index : a->id < b->id; });
  return take_page(q, records, by_age, [by_age](const Record& r) { return page_place{by_age ? r.create_index : 0, r.id}; }, std::move(shown));
}

}  // namespace drover::server
