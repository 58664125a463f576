// consul-template's functions that encode, decode and digest.
#include "base/bytes.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "templating/encode.h"
#include "templating/functions/common.h"
#include "templating/print.h"

namespace drover::templating {

namespace {
using crypto::digest_kind;

result<datum> decoded(const std::string& text, std::string_view function) {
  auto out = base64_decode(text);
  if (!out) return fail(errc::invalid, "{}: {}", function, out.error().text());
  return datum(std::move(*out));
}

result<datum> json(const call& c, const json_layout& layout) {
  TRY_ASSIGN(auto text, encode_json(c[0], layout));
  return datum(std::move(text));
}
result<datum> trimmed(result<std::string> text) {
  if (!text) return fail(text.error());
  return datum(std::string(trim(*text)));
}

constexpr function table[] = {
    {"base64Encode", "s", [](const call& c) -> result<datum> { return datum(base64_encode(c.text(0))); }},
    {"base64Decode", "s", [](const call& c) { return decoded(c.text(0), "base64Decode"); }},
    {"base64URLEncode", "s", [](const call& c) -> result<datum> { return datum(replace_all(replace_all(base64_encode(c.text(0)), "+", "-"), "/", "_")); }},
    {"base64URLDecode", "s", [](const call& c) { return decoded(replace_all(replace_all(c.text(0), "-", "+"), "_", "/"), "base64URLDecode"); }},
    {"toJSON", "a", [](const call& c) { return json(c, {}); }},
    {"toJSONPretty", "a", [](const call& c) { return json(c, {.indent = "  "}); }},
    {"toUnescapedJSON", "a", [](const call& c) { return json(c, {.escape_html = false}); }},
    {"toUnescapedJSONPretty", "a", [](const call& c) { return json(c, {.indent = "  ", .escape_html = false}); }},
    {"parseJSON", "s", [](const call& c) -> result<datum> { return c.text(0).empty() ? datum(datum::map{}) : decode_json(c.text(0)); }},
    {"parseYAML", "s", [](const call& c) -> result<datum> { return c.text(0).empty() ? datum(datum::map{}) : decode_yaml(c.text(0)); }},
    {"toYAML", "a", [](const call& c) { return trimmed(encode_yaml(c[0])); }},
    {"toTOML", "a", [](const call& c) { return trimmed(encode_toml(c[0])); }},
    {"sha256Hex", "s", [](const call& c) -> result<datum> { return datum(hex_encode(crypto::sha256(c.text(0)))); }},
    {"md5sum", "s", [](const call& c) -> result<datum> { return datum(hex_encode(crypto::digest(digest_kind::md5, c.text(0)))); }},
    {"hmacSHA256Hex", "ss", [](const call& c) -> result<datum> { return datum(hex_encode(crypto::hmac_sha256(c.text(1), c.text(0)))); }},
    {"spew_dump", "a*", [](const call& c) -> result<datum> { return datum(sprintln(c.arguments)); }},
    {"spew_sdump", "a*", [](const call& c) -> result<datum> { return datum(sprintln(c.arguments)); }},
    {"spew_printf", "sa*", [](const call& c) -> result<datum> { return datum(sprintf_go(c.text(0), c.arguments.subspan(1))); }},
    {"spew_sprintf", "sa*", [](const call& c) -> result<datum> { return datum(sprintf_go(c.text(0), c.arguments.subspan(1))); }},
};
}  // namespace

std::span<const function> encoding_functions() { return table; }

}  // namespace drover::templating
