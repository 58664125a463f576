#include "rpc/remote_error.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/text.h"

namespace drover::rpc {
namespace {

constexpr std::string_view coded_prefix = "RPC Error:: ";

// Codes that HTTP shows as 500 have numbers of their own here, so that they survive from server to server.
constexpr struct {
  errc code;
  int status;
} statuses[] = {
    {errc::unknown, 500},  {errc::invalid, 400},   {errc::permission_denied, 403}, {errc::not_found, 404},   {errc::method_not_allowed, 405},
    {errc::conflict, 409}, {errc::too_large, 413}, {errc::cancelled, 499},         {errc::unsupported, 501}, {errc::unavailable, 503},
    {errc::timeout, 504},  {errc::io, 520},        {errc::corrupt, 521},           {errc::exists, 522},      {errc::closed, 523},
};

// Texts with a meaning, as Nomad's agents write and look for them (shared wire facts, "Errors that clients match on").
enum class where { begins, ends, anywhere };
constexpr struct {
  where at;
  std::string_view text;
  errc code;
} meanings[] = {
    {where::anywhere, "Permission denied", errc::permission_denied},
    {where::anywhere, "ACL token not found", errc::permission_denied},
    {where::anywhere, "ACL token expired", errc::permission_denied},
    {where::anywhere, "No cluster leader", errc::unavailable},
    {where::anywhere, "Not ready to serve consistent reads", errc::unavailable},
    {where::anywhere, "No path to region", errc::unavailable},
    {where::anywhere, "No path to node", errc::not_found},
    {where::anywhere, "Unknown rpc method", errc::not_found},
    {where::anywhere, "rpc: can't find ", errc::not_found},
    {where::anywhere, "node not found", errc::not_found},
    {where::begins, "Unknown node", errc::not_found},
    {where::begins, "Unknown allocation", errc::not_found},
    {where::begins, "Unknown job", errc::not_found},
    {where::begins, "Unknown evaluation", errc::not_found},
    {where::begins, "Unknown deployment", errc::not_found},
    {where::anywhere, "connection refused", errc::unavailable},
    {where::anywhere, "connection reset by peer", errc::unavailable},
    {where::anywhere, "broken pipe", errc::unavailable},
    {where::anywhere, "i/o timeout", errc::unavailable},
    {where::anywhere, "rpc: connection closed", errc::unavailable},
    {where::anywhere, "session shutdown", errc::unavailable},
    {where::ends, "EOF", errc::unavailable},
};

errc meaning_of(std::string_view text) {
  for (const auto& [at, known, code] : meanings) {
    if (at == where::begins && text.starts_with(known)) return code;
    if (at == where::ends && text.ends_with(known)) return code;
    if (at == where::anywhere && text.find(known) != text.npos) return code;
  }
  return errc::unknown;
}

}  // namespace

std::string to_wire(const error& e) {
  auto text = e.text();
  if (text.empty()) text = name(e.code());
  // Plain where the text says it all: programs that look for the text may compare all of it.
  if (!text.starts_with(coded_prefix) && meaning_of(text) == e.code()) return text;
  const auto* row = std::ranges::find(statuses, e.code(), [](const auto& each) { return each.code; });
  return fmt::format("{}{},{}", coded_prefix, row == std::end(statuses) ? 500 : row->status, text);
}

error from_wire(const std::string& text) {
  // Servers put their own words before the error of another one.
  auto at = text.find(coded_prefix);
  if (at == text.npos) return {meaning_of(text), text};
  auto rest = std::string_view(text).substr(at + coded_prefix.size());
  auto comma = rest.find(',');
  auto status = comma == rest.npos ? std::nullopt : parse_int(rest.substr(0, comma));
  if (!status) return {meaning_of(text), text};
  auto message = text.substr(0, at) + std::string(rest.substr(comma + 1));
  const auto* row = std::ranges::find(statuses, *status, [](const auto& each) { return int64_t{each.status}; });
  if (row != std::end(statuses)) return {row->code, std::move(message)};
  return {*status >= 400 && *status < 500 ? errc::invalid : errc::unknown, std::move(message)};
}

}  // namespace drover::rpc
