// What `setup consul` and `setup vault` share: things to make in another program, one after another, with questions, and to take away again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/value.h"
#include "cli/command.h"
#include "cli/other_api.h"

namespace drover::cli {

inline constexpr flag_spec setup_flags[] = {
    {"destroy", flag_kind::boolean, "Take away what this command makes."},
    {"y", flag_kind::boolean, "Answer yes to all questions."},
    {"jwks-url", flag_kind::text, "Where the signing keys of this cluster are shown: http://localhost:4646/.well-known/jwks.json by default."},
    {"jwks-ca-file", flag_kind::text, "CA of that address's certificate."},
};

// One thing that is made, if it is not there. The functions are asked in this order, each only when it must be.
struct setup_part {
  std::string kind;  // "auth method"
  std::string name;
  std::function<result<bool>()> exists;
  // What it will be, for the one who is asked.
  std::function<result<std::string>()> shown;
  // `shown`: what the function before gave.
  std::function<result<>(const std::string& shown)> make;
  std::function<result<>()> remove;
};

// Exit codes. `where`: "Consul".
result<int> set_up(context& c, std::string_view where, const std::vector<setup_part>& parts);
result<int> take_away(context& c, std::string_view where, const std::vector<setup_part>& parts);
// An error if nobody is there to answer questions, and -y is not given.
result<> check_interactive(const context& c);
// Yes, also where only Enter was pressed.
bool says_yes(context& c, std::string_view question);

// -jwks-url, and the CA in the file of -jwks-ca-file ("": none).
struct jwks_source {
  std::string url, ca;
};
result<jwks_source> jwks_of(const context& c);

// An answer of 400 and more is an error, with what it says.
result<other_api_answer> ask_other(other_api& api, other_api_request request);
// The same as JSON; null for 404.
result<value> read_other(other_api& api, std::string path);
// Whether `text` is among the texts of a list; false for what is no list.
bool has_text(const value* list, std::string_view text);

}  // namespace drover::cli
