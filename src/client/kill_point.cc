#include "client/kill_point.h"

#include <csignal>
#include <cstdlib>
#include <string>

namespace drover::client {

void kill_point(std::string_view name, std::string_view of) {
  static const std::string wanted = [] {
    const char* text = std::getenv("DROVER_KILL_POINT");
    return std::string(text ? text : "");
  }();
  if (wanted.empty() || !wanted.starts_with(name)) return;
  std::string_view rest = std::string_view(wanted).substr(name.size());
  if (of.empty() ? rest.empty() : rest.starts_with(':') && rest.substr(1) == of) std::raise(SIGKILL);
}

}  // namespace drover::client
