// The functions of the language, as a table. To add one: a row in the table of functions/<topic>.cc, and rows in
// function_test.cc. A function is pure but for what its function_environment lets it do. The table is immutable; call
// from any thread.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/value.h"

namespace drover::hcl {

// What a function may ask of the world. Without a callback the functions that need it say that they are not available
// here (a server that parses a job for someone reads no files).
struct function_environment {
  std::function<result<std::string>(std::string_view path)> read_file;
  std::function<result<bool>(std::string_view path)> file_exists;
  // The regular files below a directory: paths relative to it, with "/" between the parts.
  std::function<result<std::vector<std::string>>(std::string_view directory)> list_files;
  std::function<result<std::string>(std::string_view path)> absolute_path;
  std::function<result<std::string>()> home_directory;
  std::function<timestamp()> now;
  std::function<void(std::span<uint8_t>)> random;
};

enum class parameter : uint8_t { any, string, number, boolean, list, map };

struct function {
  using arguments = std::span<const value>;
  std::string_view name;
  std::vector<parameter> parameters;
  // Arguments of that kind may follow, any number.
  std::optional<parameter> more;
  result<value> (*call)(arguments, const function_environment&);
  // Null may stand for a parameter of any kind and among those that follow.
  bool takes_null = false;
};

const function* find_function(std::string_view name);
// Every function, the ones that work on expressions (try, can, convert, templatefile) too. For suggestions and
// documentation.
std::vector<std::string> function_names();

// Converts the arguments to the kinds that the function wants, checks their number and calls it.
result<value> call_function(const function& f, std::vector<value> arguments, const function_environment& environment);

// The tables that function.cc joins, a file each below functions/.
std::span<const function> string_functions();
std::span<const function> regex_functions();
std::span<const function> collection_functions();
std::span<const function> set_functions();
std::span<const function> numeric_functions();
std::span<const function> encoding_functions();
std::span<const function> time_functions();
std::span<const function> crypto_functions();
std::span<const function> network_functions();
std::span<const function> file_functions();

}  // namespace drover::hcl
