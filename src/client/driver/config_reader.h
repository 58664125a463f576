// Decodes a driver's configuration block and says in a sentence what is wrong with it. Pure.
//
//   config_reader r("raw_exec", config);
//   out.command = r.required_text("command", "the program to run");
//   TRY(r.finish());   // also refuses keys that nobody asked for
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/value.h"

namespace drover::client {

class config_reader {
 public:
  config_reader(std::string driver, const value& config);
  std::string required_text(std::string_view key, std::string_view what);
  std::string text(std::string_view key, std::string otherwise = {});
  std::vector<std::string> texts(std::string_view key);
  int64_t integer(std::string_view key, int64_t otherwise);
  bool boolean(std::string_view key, bool otherwise);
  // "1.5s".
  duration time(std::string_view key, duration otherwise = {});
  // { a = "b" }, also as a list of such maps.
  std::map<std::string, std::string> map(std::string_view key);
  // A nested block; null: not there. Job files hand it over as a list of one.
  const value* block(std::string_view key);
  // All blocks of that name.
  std::vector<const value*> blocks(std::string_view key);
  bool has(std::string_view key) { return take(key) != nullptr; }
  // Read by nobody here, but allowed.
  void ignore(std::string_view key) { take(key); }
  result<> finish();

 private:
  const value* take(std::string_view key);
  void complain(std::string_view key, std::string_view wanted, const value& got);
  std::string driver_;
  const value& config_;
  std::set<std::string, std::less<>> known_;
  std::optional<error> wrong_;
};

}  // namespace drover::client
