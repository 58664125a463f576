// What the commands below `var` share.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "cli/command.h"
#include "schema/acl.h"

namespace drover::cli::commands {

inline constexpr flag_spec check_index_spec = {"check-index", flag_kind::text, "Only if the variable's modify index is this one; 0: only if there is none."};

// "/v1/var/a/b"
std::string variable_path(std::string_view path);
// Commands for one variable do not take -namespace="*".
result<> check_one_namespace(const context& c);

// -out and -template.
struct output_choice {
  std::string format, source;
};
result<output_choice> choose_output(const context& c, std::string_view on_terminal, std::initializer_list<std::string_view> formats);
result<> show_variable(context& c, const schema::variable& v, const output_choice& how);

result<std::optional<uint64_t>> check_index_flag(const context& c);
// The answer 409: says what is in the way. Exit code 1.
result<int> report_conflict(context& c, uint64_t check_index, std::string_view body);

}  // namespace drover::cli::commands
