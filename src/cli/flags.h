// Flags of a command: constant tables that say what there is, and what a command line gave. Pure.
//
// Go's way of writing them: one dash or two, "-name value" or "-name=value", a boolean alone or "-name=false", "--" ends them. Unlike there,
// flags may also stand behind the arguments, except for commands that pass their arguments on (alloc exec).
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace drover::cli {

enum class flag_kind : uint8_t { boolean, text, number, duration, list };

struct flag_spec {
  std::string_view name;  // without dash
  flag_kind kind;
  std::string_view meaning;  // one sentence for -h
};

class parsed_flags {
 public:
  bool has(std::string_view name) const { return values_.contains(name); }
  // A boolean flag; `otherwise` if it was not given.
  bool on(std::string_view name, bool otherwise = false) const;
  // The last one given; "" if none was.
  std::string text(std::string_view name) const;
  int64_t number(std::string_view name, int64_t otherwise = 0) const;
  // All that were given, in order.
  std::vector<std::string> list(std::string_view name) const;
  void add(std::string name, std::string text) { values_[std::move(name)].push_back(std::move(text)); }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

struct command_line {
  parsed_flags flags;
  std::vector<std::string> arguments;
  bool help = false;
};

struct flag_rules {
  std::span<const flag_spec> own;
  std::span<const flag_spec> shared;
  bool stop_at_argument = false;
};

// The error says which flag and what is wrong with it.
result<command_line> parse_command_line(std::span<const std::string> words, const flag_rules& rules);

// What every command that talks to an agent understands.
std::span<const flag_spec> client_flags();

}  // namespace drover::cli
