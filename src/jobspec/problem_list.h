// How validation collects what it finds. One list per job, group, task, service ...; inner lists become one entry of
// the outer one.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace drover::jobspec {

class problem_list {
 public:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    errors_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    warnings_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  // "Task redis validation failed: 2 errors occurred: ...".
  void nest(std::string_view title, problem_list inner);
  // An error unless `given` is one of `allowed`.
  void one_of(std::string_view what, std::string_view given, std::initializer_list<std::string_view> allowed);
  void not_negative(std::string_view what, int64_t given) {
    if (given < 0) add("{} is {}; it must not be negative", what, given);
  }

  bool empty() const { return errors_.empty(); }
  std::vector<std::string>& errors() { return errors_; }
  std::vector<std::string>& warnings() { return warnings_; }

 private:
  std::vector<std::string> errors_;
  std::vector<std::string> warnings_;
};

}  // namespace drover::jobspec
