// Records to and from JSON with Nomad's conventions: Go field names, keys in any case on input, unknown keys ignored, durations as
// integer nanoseconds (text such as "10s" is accepted too), times as RFC 3339, bytes as base64, absent pointers, empty lists and empty
// maps as null. Pure and thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "base/value.h"
#include "schema/describe.h"

namespace drover::codec {

// Nesting deeper than this is refused, in records and in values, for input and output.
constexpr int depth_max = 128;

class fragment_cache;

struct json_style {
  bool pretty = false;         // four blanks of indentation and a newline at the end
  bool hide_redacted = false;  // fields marked redacted become "" or null
  // Shared records are immutable: their text is kept here and used again. Only for compact text with nothing hidden.
  fragment_cache* fragments = nullptr;
};

// JSON texts of shared records, by identity. Bounded: what was not asked for while half of the limit was filled anew goes. Not thread-safe.
class fragment_cache {
 public:
  explicit fragment_cache(size_t bytes_max) : bytes_max_(bytes_max) {}
  // The text, or null.
  const std::string* find(const void* record);
  void put(std::shared_ptr<const void> record, std::string text);

 private:
  struct fragment {
    std::shared_ptr<const void> record;  // while it lives nobody else has its address
    std::string text;
  };
  size_t bytes_max_;
  size_t young_bytes_ = 0;
  std::unordered_map<const void*, fragment> young_, old_;
};

std::string to_json(schema::record_view record, json_style style = {});
void append_json(std::string& out, schema::record_view record, json_style style = {});
template <class T>
  requires requires { schema::type_of<T>(); }
std::string to_json(const T& record, json_style style = {}) {
  return to_json(schema::view(record), style);
}
// A list at the top: [] when empty, never null.
template <class T>
std::string list_to_json(const std::vector<T>& list, json_style style = {}) {
  return list.empty() ? (style.pretty ? "[]\n" : "[]") : to_json(schema::view(list), style);
}

// Sets what the text has and leaves the rest of `record` as it is. On failure `record` may be half set: decode into a fresh one.
// The message names the path: "TaskGroups[0].Count: expected a number, not a string".
result<> from_json(std::string_view text, schema::record_slot record);
template <class T>
result<T> from_json(std::string_view text) {
  T out{};
  if (auto done = from_json(text, schema::slot(out)); !done) return std::unexpected(std::move(done).error());
  return out;
}

std::string value_to_json(const value& v, json_style style = {});
result<value> value_from_json(std::string_view text);

// Through the same names and rules as JSON, without the text.
result<> from_value(const value& v, schema::record_slot record);
value to_value(schema::record_view record);

// Appends `text` as a JSON string; bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace drover::codec
