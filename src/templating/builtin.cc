// The functions of Go's text/template itself.
#include <algorithm>

#include "codec/json.h"
#include "templating/compare.h"
#include "templating/escape.h"
#include "templating/function.h"
#include "templating/print.h"

namespace drover::templating {

namespace {
enum class basic : uint8_t { none, boolean, whole, fraction, text };

basic kind_of(const datum& d) {
  if (d.as_bool()) return basic::boolean;
  if (d.as_integer()) return basic::whole;
  if (d.as_double()) return basic::fraction;
  return d.as_text() ? basic::text : basic::none;
}

datum opened(const datum& d) {
  auto* o = d.as_object();
  return o && o->underlying().is_nil() && o->text() ? datum(*o->text()) : d.plain();
}
}  // namespace

result<bool> equal(const datum& left, const datum& right) {
  auto a = opened(left), b = opened(right);
  if (a.is_nil() || b.is_nil()) return a.is_nil() && b.is_nil();
  auto k = kind_of(a);
  if (k != kind_of(b)) return fail(errc::invalid, "incompatible types for comparison: {} and {}", a.type_name(), b.type_name());
  switch (k) {
    case basic::boolean: return *a.as_bool() == *b.as_bool();
    case basic::whole: return a.as_integer()->n == b.as_integer()->n;
    case basic::fraction: return *a.as_double() == *b.as_double();
    case basic::text: return *a.as_text() == *b.as_text();
    case basic::none: break;
  }
  if (a.as_record()) return deep_equal(a, b);
  return fail(errc::invalid, "non-comparable type {}: {}", print_value(left), left.type_name());
}

result<bool> less(const datum& left, const datum& right) {
  auto a = opened(left), b = opened(right);
  auto k = kind_of(a);
  if (k == basic::none || kind_of(b) == basic::none) return fail(errc::invalid, "invalid type for comparison");
  if (k != kind_of(b)) return fail(errc::invalid, "incompatible types for comparison: {} and {}", a.type_name(), b.type_name());
  switch (k) {
    case basic::whole: return a.as_integer()->n < b.as_integer()->n;
    case basic::fraction: return *a.as_double() < *b.as_double();
    case basic::text: return *a.as_text() < *b.as_text();
    default: return fail(errc::invalid, "invalid type for comparison");
  }
}

namespace {
std::string joined(const call& c) { return c.size() == 1 && c[0].as_text() ? c.text(0) : sprint(c.arguments); }

// eq: the first with any of the others.
result<datum> equals_any(const call& c) {
  if (c.size() < 2) return fail(errc::invalid, "missing argument for comparison");
  for (size_t i = 1; i < c.size(); i++) {
    TRY_ASSIGN(bool same, equal(c[0], c[i]));
    if (same) return datum(true);
  }
  return datum(false);
}

result<datum> length(const call& c) {
  if (c[0].is_nil()) return fail(errc::invalid, "len of nil pointer");
  auto d = c[0].plain();
  if (auto* s = d.as_text()) return datum(static_cast<int64_t>(s->size()));
  if (auto* l = d.as_list()) return datum(static_cast<int64_t>(l->items.size()));
  if (auto* m = d.as_map()) return datum(static_cast<int64_t>(m->members.size()));
  return fail(errc::invalid, "len of type {}", c[0].type_name());
}

result<size_t> position(const datum& d, size_t end) {
  if (d.is_nil()) return fail(errc::invalid, "cannot index slice/array with nil");
  auto* n = d.as_integer();
  if (!n) return fail(errc::invalid, "cannot index slice/array with type {}", d.type_name());
  if (n->n < 0 || static_cast<uint64_t>(n->n) >= end) return fail(errc::invalid, "index out of range: {}", n->n);
  return static_cast<size_t>(n->n);
}

result<datum> index(const call& c) {
  if (c[0].is_nil()) return fail(errc::invalid, "index of untyped nil");
  datum at = c[0];
  for (size_t i = 1; i < c.size(); i++) {
    auto d = at.plain();
    if (d.is_nil()) return fail(errc::invalid, "index of nil pointer");
    if (auto* m = d.as_map()) {
      if (c[i].is_nil()) return fail(errc::invalid, "value is nil; should be of type string");
      if (!c[i].as_text()) return fail(errc::invalid, "value has type {}; should be string", c[i].type_name());
      auto found = m->members.find(c.text(i));
      at = found != m->members.end() ? found->second : m->of_text ? datum("") : datum();
    } else if (auto* l = d.as_list()) {
      TRY_ASSIGN(auto n, position(c[i], l->items.size()));
      auto item = l->items[n];
      at = std::move(item);
    } else if (auto* s = d.as_text()) {
      TRY_ASSIGN(auto n, position(c[i], s->size()));
      at = datum(integer{static_cast<uint8_t>((*s)[n]), integer_kind::uint8});
    } else {
      return fail(errc::invalid, "can't index item of type {}", at.type_name());
    }
  }
  return at;
}

result<datum> slice(const call& c) {
  if (c[0].is_nil()) return fail(errc::invalid, "slice of untyped nil");
  if (c.size() > 4) return fail(errc::invalid, "too many slice indexes: {}", c.size() - 1);
  auto d = c[0].plain();
  auto* s = d.as_text();
  auto* l = d.as_list();
  if (!s && !l) return fail(errc::invalid, "can't slice item of type {}", c[0].type_name());
  if (s && c.size() == 4) return fail(errc::invalid, "cannot 3-index slice a string");
  size_t size = s ? s->size() : l->items.size();
  size_t bounds[3] = {0, size, size};
  for (size_t i = 1; i < c.size(); i++) {
    TRY_ASSIGN(bounds[i - 1], position(c[i], size + 1));
  }
  if (bounds[0] > bounds[1]) return fail(errc::invalid, "invalid slice index: {} > {}", bounds[0], bounds[1]);
  if (bounds[1] > bounds[2]) return fail(errc::invalid, "invalid slice index: {} > {}", bounds[1], bounds[2]);
  if (s) return datum(s->substr(bounds[0], bounds[1] - bounds[0]));
  auto out = std::make_shared<list_box>();
  out->of_text = l->of_text;
  out->items.assign(l->items.begin() + static_cast<ptrdiff_t>(bounds[0]), l->items.begin() + static_cast<ptrdiff_t>(bounds[1]));
  return datum(out);
}

result<datum> json(const call& c) {
  TRY_ASSIGN(auto v, to_value(c[0]));
  return datum(codec::value_to_json(v));
}

constexpr function table[] = {
    {"and", "a*", nullptr},  // these two are the evaluator's: they do not evaluate all of their arguments
    {"or", "a*", nullptr},
    {"not", "a", [](const call& c) -> result<datum> { return datum(!c[0].truth()); }},
    {"len", "a", length},
    {"index", "aa*", index},
    {"slice", "aa*", slice},
    {"print", "a*", [](const call& c) -> result<datum> { return datum(sprint(c.arguments)); }},
    {"println", "a*", [](const call& c) -> result<datum> { return datum(sprintln(c.arguments)); }},
    {"printf", "sa*", [](const call& c) -> result<datum> { return datum(sprintf_go(c.text(0), c.arguments.subspan(1))); }},
    {"html", "a*", [](const call& c) -> result<datum> { return datum(escape_html(joined(c))); }},
    {"js", "a*", [](const call& c) -> result<datum> { return datum(escape_js(joined(c))); }},
    {"urlquery", "a*", [](const call& c) -> result<datum> { return datum(escape_query(joined(c))); }},
    {"call", "aa*",
     [](const call& c) -> result<datum> {
       if (c[0].is_nil()) return fail(errc::invalid, "call of nil");
       return fail(errc::invalid, "non-function of type {}", c[0].type_name());
     }},
    {"eq", "aa*", equals_any},
    {"ne", "aa",
     [](const call& c) -> result<datum> {
       TRY_ASSIGN(bool same, equal(c[0], c[1]));
       return datum(!same);
     }},
    {"lt", "aa",
     [](const call& c) -> result<datum> {
       TRY_ASSIGN(bool is, less(c[0], c[1]));
       return datum(is);
     }},
    {"le", "aa",
     [](const call& c) -> result<datum> {
       TRY_ASSIGN(bool is, less(c[0], c[1]));
       if (is) return datum(true);
       TRY_ASSIGN(bool same, equal(c[0], c[1]));
       return datum(same);
     }},
    {"gt", "aa",
     [](const call& c) -> result<datum> {
       TRY_ASSIGN(bool is, less(c[0], c[1]));
       if (is) return datum(false);
       TRY_ASSIGN(bool same, equal(c[0], c[1]));
       return datum(!same);
     }},
    {"ge", "aa",
     [](const call& c) -> result<datum> {
       TRY_ASSIGN(bool is, less(c[0], c[1]));
       return datum(!is);
     }},
    {"json", "a", json},
};
}  // namespace

std::span<const function> builtin_functions() { return table; }

}  // namespace drover::templating
