#include <simdjson.h>

#include <charconv>

#include "base/text.h"
#include "codec/json.h"
#include "codec/json_locate.h"
#include "codec/walk.h"

namespace drover::codec {
namespace {

using namespace detail;
namespace dom = simdjson::dom;
using element_type = simdjson::dom::element_type;

std::string_view kind_of(dom::element e) {
  switch (e.type()) {
    case element_type::ARRAY: return "a list";
    case element_type::OBJECT: return "an object";
    case element_type::STRING: return "a string";
    case element_type::BOOL: return "a boolean";
    case element_type::NULL_VALUE: return "null";
    default: return "a number";
  }
}

value to_dynamic(dom::element e) {
  switch (e.type()) {
    case element_type::ARRAY: {
      value::list out;
      for (auto each : dom::array(e)) out.push_back(to_dynamic(each));
      return value(std::move(out));
    }
    case element_type::OBJECT: {
      value::object out;
      for (auto [key, each] : dom::object(e)) {
        // set() looks for duplicates; large objects would make that quadratic, and there the last one wins on lookup by callers anyway.
        if (out.size() < 64) out.set(std::string(key), to_dynamic(each));
        else out.append(std::string(key), to_dynamic(each));
      }
      return value(std::move(out));
    }
    case element_type::INT64: return value(int64_t(e));
    case element_type::UINT64: return value(uint64_t(e));
    case element_type::DOUBLE: return value(double(e));
    case element_type::STRING: return value(std::string_view(e));
    case element_type::BOOL: return value(bool(e));
    case element_type::NULL_VALUE: break;
  }
  return {};
}

// Where the reader is, for messages. Linked through the stack: costs nothing until something fails.
struct path {
  const path* parent;
  std::string_view key;
  size_t index = SIZE_MAX;
  std::string text() const {
    std::string before = parent != nullptr ? parent->text() : "";
    if (index != SIZE_MAX) return before + fmt::format("[{}]", index);
    if (key.empty()) return before;
    return before.empty() ? std::string(key) : before + "." + std::string(key);
  }
};

std::unexpected<error> mismatch(const path& at, std::string_view wanted, dom::element got) {
  auto where = at.text();
  return fail(errc::invalid, "{}{}expected {}, not {}", where, where.empty() ? "" : ": ", wanted, kind_of(got));
}

result<> read(dom::element e, const type_info& type, void* p, const path& at);

result<> read_integer(dom::element e, const type_info& type, void* p, const path& at) {
  __int128 n;
  switch (e.type()) {
    case element_type::INT64: n = int64_t(e); break;
    case element_type::UINT64: n = uint64_t(e); break;
    case element_type::DOUBLE: {
      double d = e;
      if (type.kind == kind::float64) return as<double>(p) = d, result<>{};
      if (d != static_cast<double>(static_cast<int64_t>(d)) || d > 9e18 || d < -9e18) return fail(errc::invalid, "{}: {} is no whole number", at.text(), d);
      n = static_cast<int64_t>(d);
      break;
    }
    default: return mismatch(at, "a number", e);
  }
  if (!store_integer(type.kind, p, n)) return fail(errc::invalid, "{}: the number is out of range", at.text());
  return {};
}

result<> read_text_form(dom::element e, const type_info& type, void* p, const path& at) {
  std::string_view text = e;
  switch (type.kind) {
    case kind::string: set_text(type, p, text); return {};
    case kind::bytes: {
      auto decoded = base64_decode(text);
      if (!decoded) return fail(errc::invalid, "{}: {}", at.text(), decoded.error().message());
      as<bytes>(p).data = *std::move(decoded);
      return {};
    }
    case kind::duration: {
      // Go's clients send it for a duration that nobody gave.
      if (text.empty()) {
        as<duration>(p) = duration();
        return {};
      }
      auto parsed = parse_duration(text);
      if (!parsed) return fail(errc::invalid, "{}: {}", at.text(), parsed.error().message());
      as<duration>(p) = *parsed;
      return {};
    }
    case kind::timestamp: {
      auto parsed = parse_rfc3339(text);
      if (!parsed) return fail(errc::invalid, "{}: {}", at.text(), parsed.error().message());
      as<timestamp>(p) = *parsed;
      return {};
    }
    default: return mismatch(at, type.kind == kind::boolean ? "a boolean" : "a number", e);
  }
}

result<> read_list(dom::element e, const type_info& type, void* p, const path& at) {
  if (e.type() != element_type::ARRAY) return mismatch(at, "a list", e);
  type.list->clear(p);
  size_t index = 0;
  for (auto each : dom::array(e)) {
    path here{&at, {}, index++};
    void* slot = type.list->append(p);
    // Who walks a list of shared records looks for no null.
    if (each.is_null() && type.element().kind == kind::shared) type.element().pointer->emplace(slot);
    if (each.is_null()) continue;
    TRY(read(each, type.element(), slot, here));
  }
  return {};
}

result<> read_map(dom::element e, const type_info& type, void* p, const path& at) {
  if (e.type() != element_type::OBJECT) return mismatch(at, "an object", e);
  type.map->clear(p);
  for (auto [key, each] : dom::object(e)) {
    path here{&at, key};
    void* slot = type.map->insert(p, std::string(key));
    if (each.is_null()) continue;
    TRY(read(each, type.element(), slot, here));
  }
  return {};
}

result<> read_record(dom::element e, const type_info& type, void* p, const path& at) {
  if (e.type() != element_type::OBJECT) return mismatch(at, "an object", e);
  for (auto [key, each] : dom::object(e)) {
    const auto* field = type.record->find(key);
    if (field == nullptr || each.is_null()) continue;
    path here{&at, field->wire};
    TRY(read(each, field->type(), field->in(p), here));
  }
  return {};
}

result<> read(dom::element e, const type_info& type, void* p, const path& at) {
  switch (type.kind) {
    case kind::record: return read_record(e, type, p, at);
    case kind::list: return read_list(e, type, p, at);
    case kind::map: return read_map(e, type, p, at);
    case kind::value: as<value>(p) = to_dynamic(e); return {};
    case kind::optional:
    case kind::shared:
      if (e.is_null()) return type.pointer->reset(p), result<>{};
      return read(e, type.element(), type.pointer->emplace(p), at);
    default: break;
  }
  if (e.type() == element_type::STRING) return read_text_form(e, type, p, at);
  if (type.kind == kind::boolean) {
    if (e.type() != element_type::BOOL) return mismatch(at, "a boolean", e);
    as<bool>(p) = bool(e);
    return {};
  }
  if (type.kind == kind::string || type.kind == kind::bytes || type.kind == kind::timestamp) return mismatch(at, "a string", e);
  return read_integer(e, type, p, at);
}

// Small inputs, which is nearly all, share one parser a thread; large ones give their memory back.
class document {
 public:
  result<dom::element> parse(std::string_view text) {
    constexpr size_t shared_bytes_max = 256 << 10;
    thread_local dom::parser shared;
    dom::parser& parser = text.size() <= shared_bytes_max ? shared : own_;
    if (parser.max_depth() != depth_max || parser.capacity() < text.size()) {
      if (parser.allocate(std::max(text.size(), size_t{1024}), depth_max) != simdjson::SUCCESS)
        return fail(errc::too_large, "JSON of {} bytes is too large", text.size());
    }
    dom::element root;
    auto code = parser.parse(text.data(), text.size()).get(root);
    if (code == simdjson::SUCCESS) return root;
    if (code == simdjson::DEPTH_ERROR) return fail(errc::invalid, "invalid JSON: exceeded max depth of {}", depth_max);
    return fail(errc::invalid, "invalid JSON: {}", locate_json_error(text));
  }

 private:
  dom::parser own_;
};

}  // namespace

result<> from_json(std::string_view text, schema::record_slot record) {
  document d;
  TRY_ASSIGN(auto root, d.parse(text));
  return read(root, *record.type, record.data, path{nullptr, {}});
}

result<value> value_from_json(std::string_view text) {
  document d;
  TRY_ASSIGN(auto root, d.parse(text));
  return to_dynamic(root);
}

}  // namespace drover::codec
