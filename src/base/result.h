// result<T>: a value or an error. TRY / TRY_ASSIGN pass an error up from functions; CO_TRY / CO_TRY_ASSIGN from coroutines.
#pragma once

#include <expected>
#include <utility>

#include "base/error.h"

namespace drover {

template <class T = void>
using result = std::expected<T, error>;

// return fail(errc::invalid, "count of group {} is {}; it must not be negative", name, n);
template <class... Args>
[[nodiscard]] std::unexpected<error> fail(errc code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(error(code, fmt::format(format, std::forward<Args>(args)...)));
}
[[nodiscard]] inline std::unexpected<error> fail(error e) { return std::unexpected(std::move(e)); }
// Puts what was being done before what went wrong: "reading /x: No such file or directory". The code stays.
[[nodiscard]] inline std::unexpected<error> wrap(error cause, std::string doing) {
  auto code = cause.code();
  return std::unexpected(error(code, std::move(doing), std::move(cause)));
}

#define DROVER_CONCAT_(a, b) a##b
#define DROVER_CONCAT(a, b) DROVER_CONCAT_(a, b)

#define TRY(...)                                                                 \
  do {                                                                           \
    if (auto try_result_ = (__VA_ARGS__); !try_result_.has_value()) [[unlikely]] \
      return std::unexpected(std::move(try_result_).error());                    \
  } while (false)

#define DROVER_TRY_ASSIGN_(temporary, declaration, ...)   \
  auto temporary = (__VA_ARGS__);                         \
  if (!temporary.has_value()) [[unlikely]]                \
    return std::unexpected(std::move(temporary).error()); \
  declaration = *std::move(temporary)
// TRY_ASSIGN(auto x, parse(text));
#define TRY_ASSIGN(declaration, ...) DROVER_TRY_ASSIGN_(DROVER_CONCAT(try_value_, __LINE__), declaration, __VA_ARGS__)

#define CO_TRY(...)                                                              \
  do {                                                                           \
    if (auto try_result_ = (__VA_ARGS__); !try_result_.has_value()) [[unlikely]] \
      co_return std::unexpected(std::move(try_result_).error());                 \
  } while (false)
#define DROVER_CO_TRY_ASSIGN_(temporary, declaration, ...)   \
  auto temporary = (__VA_ARGS__);                            \
  if (!temporary.has_value()) [[unlikely]]                   \
    co_return std::unexpected(std::move(temporary).error()); \
  declaration = *std::move(temporary)
#define CO_TRY_ASSIGN(declaration, ...) DROVER_CO_TRY_ASSIGN_(DROVER_CONCAT(try_value_, __LINE__), declaration, __VA_ARGS__)

}  // namespace drover
