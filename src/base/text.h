// Small text helpers that the standard library lacks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover {

std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
// ASCII only, as JSON keys and header names need.
bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);
// Whole text, decimal; nothing on overflow or anything left over.
std::optional<int64_t> parse_int(std::string_view text);
std::optional<uint64_t> parse_uint(std::string_view text);
std::optional<double> parse_double(std::string_view text);
// Go's strconv.ParseBool: 1 t T TRUE true True 0 f F FALSE false False.
std::optional<bool> parse_bool(std::string_view text);
// "*" matches any run of characters. No other wildcard.
bool matches_glob(std::string_view pattern, std::string_view text);
// The candidate nearest to `word` (Damerau-Levenshtein, at most a third of the word wrong), for "did you mean".
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);
bool is_valid_utf8(std::string_view text);

// 36 characters, lower-case hex, from 16 bytes of randomness (no version bits are set: Nomad's are plain random too).
std::string format_uuid(const uint8_t (&random)[16]);
bool is_uuid(std::string_view text);
// The first 8 characters: how people see ids.
inline std::string_view short_id(std::string_view id) { return id.substr(0, 8); }

}  // namespace drover
