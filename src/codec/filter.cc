#include "codec/filter.h"

#include <re2/re2.h>

#include <algorithm>

#include "base/text.h"
#include "codec/filter_node.h"
#include "codec/walk.h"

namespace drover::codec {
namespace {

using namespace detail;
using node = filter::node;

// Something that a selector leads to: a described value, or a dynamic one, or nothing.
struct place {
  const type_info* type = nullptr;
  const void* data = nullptr;
  const value* dynamic = nullptr;
  bool is_there() const { return data != nullptr || dynamic != nullptr; }
};

// What any and all call their elements.
struct binding {
  std::string_view name;
  place where;
  const binding* outer;
};

place described(const type_info& type, const void* data) {
  const auto* t = &type;
  while (data != nullptr && (t->kind == kind::optional || t->kind == kind::shared)) {
    data = t->pointer->get(data);
    t = &t->element();
  }
  if (data != nullptr && t->kind == kind::value) return {.dynamic = &as<value>(data)};
  return {.type = t, .data = data};
}

std::string_view kind_name(const place& p) {
  if (p.dynamic != nullptr) return p.dynamic->kind();
  switch (p.type->kind) {
    case kind::boolean: return "bool";
    case kind::string: return "string";
    case kind::bytes: return "bytes";
    case kind::duration: return "duration";
    case kind::timestamp: return "time";
    case kind::list: return "list";
    case kind::map: return "map";
    case kind::record: return "object";
    default: return "number";
  }
}

class matcher {
 public:
  explicit matcher(schema::record_view record) : root_(described(*record.type, record.data)) {}

  result<bool> test(const node& n, const binding* names) {
    switch (n.does) {
      case node::op::all_of:
      case node::op::any_of: {
        bool stops_at = n.does == node::op::any_of;
        for (const auto& child : n.children) {
          TRY_ASSIGN(bool answer, test(*child, names));
          if (answer == stops_at) return stops_at;
        }
        return !stops_at;
      }
      case node::op::negation: {
        TRY_ASSIGN(bool answer, test(*n.children[0], names));
        return !answer;
      }
      case node::op::every_element:
      case node::op::some_element: return elements(n, names);
      default: break;
    }
    TRY_ASSIGN(auto found, find(n, names));
    if (!found.is_there()) {
      bool holds = n.does == node::op::is_empty || n.does == node::op::is_nil;
      return holds != n.negated;
    }
    TRY_ASSIGN(bool answer, compare(n, found));
    return answer != n.negated;
  }

 private:
  static std::string text_of(const node& n) { return join(n.selector, "."); }

  result<place> find(const node& n, const binding* names) const {
    auto at = root_;
    size_t i = 0;
    for (const auto* b = names; b != nullptr; b = b->outer) {
      if (b->name != n.selector[0]) continue;
      at = b->where;
      i = 1;
      break;
    }
    for (; i < n.selector.size() && at.is_there(); ++i) {
      TRY_ASSIGN(at, step(at, n, i));
    }
    return at;
  }

  static result<place> step(const place& at, const node& n, size_t i) {
    const auto& name = n.selector[i];
    if (at.dynamic != nullptr) return step_dynamic(*at.dynamic, n, name);
    switch (at.type->kind) {
      case kind::record: {
        const auto* field = at.type->record->find(name);
        if (field == nullptr || field->wire != name || field->is(schema::redacted)) return no_member(*at.type, n, name, field);
        return described(field->type(), field->in(at.data));
      }
      case kind::map: {
        const void* element = at.type->map->find(at.data, name);
        return element == nullptr ? place{} : described(at.type->element(), element);
      }
      case kind::list: {
        TRY_ASSIGN(auto index, index_of(n, name));
        if (index >= at.type->list->size(at.data)) return place{};
        return described(at.type->element(), at.type->list->at(at.data, index));
      }
      default: return fail(errc::invalid, "filter: {}: a {} has no member \"{}\"", text_of(n), kind_name(at), name);
    }
  }
  static result<place> step_dynamic(const value& at, const node& n, const std::string& name) {
    if (const auto* list = at.as_list()) {
      TRY_ASSIGN(auto index, index_of(n, name));
      return index < list->size() ? place{.dynamic = &(*list)[index]} : place{};
    }
    return place{.dynamic = at.find(name)};
  }
  static result<size_t> index_of(const node& n, const std::string& text) {
    auto index = parse_uint(text);
    if (!index) return fail(errc::invalid, "filter: {}: a list has elements by number, not \"{}\"; use contains, or any ... as x {{ ... }}", text_of(n), text);
    return *index;
  }
  static std::unexpected<error> no_member(const type_info& type, const node& n, const std::string& name, const schema::field_info* alike) {
    if (alike != nullptr && alike->is(schema::redacted)) return fail(errc::invalid, "filter: {}: a secret cannot be looked for", text_of(n));
    std::vector<std::string> known;
    for (const auto& field : type.record->fields())
      if (!field.is(schema::redacted)) known.push_back(field.wire);
    auto better = alike != nullptr ? std::optional(alike->wire) : nearest(name, known);
    return fail(errc::invalid, "filter: {}: there is no member \"{}\"{}", text_of(n), name,
                better ? fmt::format("; did you mean \"{}\"?", *better) : fmt::format("; there are {}", join(known, ", ")));
  }

  static result<bool> compare(const node& n, const place& found) {
    switch (n.does) {
      case node::op::equal: return equal(n, found);
      case node::op::contains: return contains(n, found);
      case node::op::matches: {
        const auto* text = string_of(found);
        if (text == nullptr) return misfit(n, found, "matches", "a string");
        return re2::RE2::PartialMatch(re2::StringPiece(text->data(), text->size()), *n.pattern);
      }
      case node::op::is_nil: return found.dynamic != nullptr && found.dynamic->is_null();
      default: {
        auto size = size_of(found);
        if (!size) return misfit(n, found, "is empty", "a string, list or map");
        return *size == 0;
      }
    }
  }

  static std::unexpected<error> misfit(const node& n, const place& found, std::string_view doing, std::string_view wants) {
    return fail(errc::invalid, "filter: {} is a {}; \"{}\" needs {}", text_of(n), kind_name(found), doing, wants);
  }

  static const std::string* string_of(const place& p) {
    if (p.dynamic != nullptr) return p.dynamic->as_string();
    return p.type->kind == kind::string ? &text_in(*p.type, p.data) : nullptr;
  }

  static std::optional<size_t> size_of(const place& p) {
    if (const auto* text = string_of(p)) return text->size();
    if (p.dynamic != nullptr) {
      if (p.dynamic->is_null()) return 0;
      if (const auto* list = p.dynamic->as_list()) return list->size();
      if (const auto* object = p.dynamic->as_object()) return object->size();
      return std::nullopt;
    }
    if (p.type->kind == kind::list) return p.type->list->size(p.data);
    if (p.type->kind == kind::map) return p.type->map->size(p.data);
    return std::nullopt;
  }

  static result<bool> equal(const node& n, const place& found) {
    const auto& wanted = n.literal;
    if (const auto* text = string_of(found)) return *text == wanted.text;
    if (found.dynamic != nullptr) return equal_dynamic(n, found);
    auto typed = [&](const auto& parsed, auto have) -> result<bool> {
      if (!parsed) return fail(errc::invalid, "filter: {} is a {}, and \"{}\" is none", text_of(n), kind_name(found), wanted.text);
      return have == *parsed;
    };
    switch (found.type->kind) {
      case kind::boolean: return typed(wanted.as_bool, as<bool>(found.data));
      case kind::float64: return typed(wanted.as_double, as<double>(found.data));
      case kind::duration:
        if (wanted.as_int) return as<duration>(found.data).ns == *wanted.as_int;
        return typed(wanted.as_duration, as<duration>(found.data));
      case kind::timestamp: return to_rfc3339(as<timestamp>(found.data)) == wanted.text;
      case kind::list:
      case kind::map:
      case kind::record:
      case kind::bytes: return misfit(n, found, n.negated ? "!=" : "==", "a string, number or bool");
      default: break;
    }
    if (is_unsigned(found.type->kind)) return typed(wanted.as_uint, read_unsigned(found.type->kind, found.data));
    return typed(wanted.as_int, read_signed(found.type->kind, found.data));
  }
  static result<bool> equal_dynamic(const node& n, const place& found) {
    const auto& v = *found.dynamic;
    if (const auto* b = v.as_bool()) return n.literal.as_bool == *b;
    if (const auto* i = v.as_int()) return n.literal.as_int == *i;
    if (const auto* d = v.as_double()) return n.literal.as_double == *d;
    if (v.is_null()) return false;
    return misfit(n, found, n.negated ? "!=" : "==", "a string, number or bool");
  }

  static result<bool> contains(const node& n, const place& found) {
    if (const auto* text = string_of(found)) return text->find(n.literal.text) != std::string::npos;
    if (found.dynamic != nullptr) {
      if (const auto* list = found.dynamic->as_list()) return has_element(n, list->size(), [&](size_t i) { return place{.dynamic = &(*list)[i]}; });
      if (found.dynamic->as_object() != nullptr) return found.dynamic->find(n.literal.text) != nullptr;
    } else if (found.type->kind == kind::list) {
      const auto& element = found.type->element();
      return has_element(n, found.type->list->size(found.data), [&](size_t i) { return described(element, found.type->list->at(found.data, i)); });
    } else if (found.type->kind == kind::map) {
      return found.type->map->find(found.data, n.literal.text) != nullptr;
    }
    return misfit(n, found, "contains", "a string, list or map");
  }
  template <class At>
  static result<bool> has_element(const node& n, size_t count, At at) {
    for (size_t i = 0; i < count; ++i) {
      auto element = at(i);
      if (!element.is_there()) continue;
      TRY_ASSIGN(bool same, equal(n, element));
      if (same) return true;
    }
    return false;
  }

  // The first element that decides, decides.
  result<bool> elements(const node& n, const binding* names) {
    TRY_ASSIGN(auto over, find(n, names));
    bool stops_at = n.does == node::op::some_element;
    if (!over.is_there()) return !stops_at;
    result<bool> answer = !stops_at;
    auto stops = [&](place key, place element) {
      binding inner_key{n.key_name, key, names}, inner{n.value_name, element, &inner_key};
      answer = test(*n.children[0], &inner);
      return !answer || *answer == stops_at;
    };
    if (over.dynamic != nullptr) walk_dynamic(n, *over.dynamic, stops);
    else if (over.type->kind == kind::list) walk_list(over, stops);
    else if (over.type->kind == kind::map) walk_map(n, over, stops);
    else return misfit(n, over, stops_at ? "any" : "all", "a list or map");
    return answer;
  }

  template <class Stops>
  static void walk_list(const place& over, Stops stops) {
    for (uint64_t i = 0; i < over.type->list->size(over.data); ++i)
      if (stops(described(schema::type_of<uint64_t>(), &i), described(over.type->element(), over.type->list->at(over.data, i)))) return;
  }
  // With one name it is the key's.
  template <class Stops>
  static void walk_map(const node& n, const place& over, Stops stops) {
    bool done = false;
    schema::visit_map(*over.type, over.data, [&](const std::string& key, const void* element) {
      if (done) return;
      auto key_place = described(schema::type_of<std::string>(), &key);
      done = stops(key_place, n.names_both ? described(over.type->element(), element) : key_place);
    });
  }
  template <class Stops>
  static void walk_dynamic(const node& n, const value& over, Stops stops) {
    if (const auto* list = over.as_list()) {
      for (uint64_t i = 0; i < list->size(); ++i)
        if (stops(described(schema::type_of<uint64_t>(), &i), place{.dynamic = &(*list)[i]})) return;
    } else if (const auto* object = over.as_object()) {
      for (const auto& [key, each] : *object) {
        auto key_place = described(schema::type_of<std::string>(), &key);
        if (stops(key_place, n.names_both ? place{.dynamic = &each} : key_place)) return;
      }
    }
  }

  place root_;
};

}  // namespace

result<bool> filter::matches(schema::record_view record) const { return matcher(record).test(*root_, nullptr); }

}  // namespace drover::codec
