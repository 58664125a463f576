// The flags of `drover agent` as data: each sets one member of the configuration, as its files' keys do. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config.h"

namespace drover::agent {

struct flag {
  std::string_view name;    // without the dash
  std::string_view member;  // "server.bootstrap_expect"; empty for the few that do more
  std::string_view help;
};
std::span<const flag> flags();

struct arguments {
  bool dev = false;
  bool help = false;
  std::vector<std::string> config_paths;
  struct setting {
    const flag* which;
    std::string text;
  };
  std::vector<setting> settings;
};

// -name=value, -name value, --name; a flag that is true or false needs no value.
result<arguments> parse_arguments(const std::vector<std::string>& words);

// Defaults or dev defaults, then every file, then the flags. finish() comes next.
result<agent_config> load_config(const arguments& given);

std::string usage();

}  // namespace drover::agent
