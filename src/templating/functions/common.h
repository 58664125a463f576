// What several function files need. Pure.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "templating/function.h"
#include "templating/limits.h"

namespace drover::templating {

// Expressions of Go's regexp are RE2's; the error says what is wrong with a pattern.
result<std::shared_ptr<const RE2>> compile_regex(const std::string& pattern);
// ReplaceAllString: $1, ${name} in `with` are groups. `literal`: with is taken as it is.
std::string replace_regex(const RE2& regex, std::string_view text, std::string_view with, bool literal = false);
std::vector<std::string> find_regex(const RE2& regex, std::string_view text, int64_t most);

std::vector<std::string> split_text(std::string_view text, std::string_view separator, int64_t most = -1);
std::string trim_set(std::string_view text, std::string_view set);
std::string trim_space(std::string_view text);
// Each line of the text behind so many blanks; empty lines too when `all`.
std::string indent_text(std::string_view text, size_t blanks, bool all);
// Refuses what would be larger than a value may be.
result<std::string> repeat_text(std::string_view text, int64_t count);
// Go's strings.Title.
std::string title_text(std::string_view text);

// As sprig turns anything into text and numbers.
std::string text_of(const datum& d);
int64_t int_of(const datum& d);
double double_of(const datum& d);
std::vector<std::string> texts_of(const datum& d);
// The items of a list; an error that names the function otherwise.
result<datum::list> items_of(const datum& d, std::string_view function);

}  // namespace drover::templating
