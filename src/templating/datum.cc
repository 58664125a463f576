#include "templating/datum.h"

#include <algorithm>

#include "base/bytes.h"
#include "templating/limits.h"

namespace drover::templating {

datum object::underlying() const { return datum(); }
datum object::encoded() const { return underlying(); }

datum::datum(list items) : data_(std::make_shared<list_box>(list_box{std::move(items), false})) {}
datum::datum(map members) : data_(std::make_shared<map_box>(map_box{std::move(members), false})) {}

list_box* datum::as_list() const {
  auto* p = std::get_if<std::shared_ptr<list_box>>(&data_);
  return p == nullptr ? nullptr : p->get();
}
map_box* datum::as_map() const {
  auto* p = std::get_if<std::shared_ptr<map_box>>(&data_);
  return p == nullptr ? nullptr : p->get();
}
const record_box* datum::as_record() const {
  auto* p = std::get_if<std::shared_ptr<record_box>>(&data_);
  return p == nullptr ? nullptr : p->get();
}
object* datum::as_object() const {
  auto* p = std::get_if<std::shared_ptr<object>>(&data_);
  return p == nullptr ? nullptr : p->get();
}
std::shared_ptr<object> datum::shared_object() const {
  auto* p = std::get_if<std::shared_ptr<object>>(&data_);
  return p == nullptr ? nullptr : *p;
}

datum datum::plain() const {
  auto* o = as_object();
  return o == nullptr ? *this : o->underlying();
}

bool datum::truth() const {
  if (is_nil()) return false;
  if (auto* b = as_bool()) return *b;
  if (auto* n = as_integer()) return n->n != 0;
  if (auto* d = as_double()) return *d != 0;
  if (auto* s = as_text()) return !s->empty();
  if (auto* l = as_list()) return !l->items.empty();
  if (auto* m = as_map()) return !m->members.empty();
  if (auto* o = as_object()) {
    auto under = o->underlying();
    return under.is_nil() || under.truth();
  }
  return true;
}

std::string datum::type_name() const {
  if (is_nil()) return "<nil>";
  if (as_bool()) return "bool";
  if (auto* n = as_integer()) switch (n->kind) {
      case integer_kind::plain: return "int";
      case integer_kind::int64: return "int64";
      case integer_kind::uint64: return "uint64";
      case integer_kind::uint8: return "uint8";
      case integer_kind::duration: return "time.Duration";
    }
  if (as_double()) return "float64";
  if (as_text()) return "string";
  if (auto* l = as_list()) return l->of_text ? "[]string" : "[]interface {}";
  if (auto* m = as_map()) return m->of_text ? "map[string]string" : "map[string]interface {}";
  if (auto* r = as_record()) return r->type;
  return as_object()->type_name();
}

std::string datum::kind_name() const {
  if (is_nil()) return "invalid";
  if (auto* n = as_integer(); n && n->kind == integer_kind::duration) return "int64";
  if (as_list()) return "slice";
  if (as_map()) return "map";
  if (as_record()) return "struct";
  if (auto* o = as_object()) {
    auto under = o->underlying();
    return under.is_nil() ? "struct" : under.kind_name();
  }
  return type_name();
}

const datum* record_box::find(std::string_view name) const {
  auto it = std::find_if(fields.begin(), fields.end(), [&](auto& f) { return f.first == name; });
  return it == fields.end() ? nullptr : &it->second;
}

datum text_list(std::vector<std::string> items) {
  auto box = std::make_shared<list_box>();
  box->of_text = true;
  box->items.reserve(items.size());
  for (auto& item : items) box->items.emplace_back(std::move(item));
  return box;
}

datum text_map(std::map<std::string, std::string> members) {
  auto box = std::make_shared<map_box>();
  box->of_text = true;
  for (auto& [key, v] : members) box->members.emplace(key, datum(std::move(v)));
  return box;
}

datum make_record(std::string type, std::vector<std::pair<std::string, datum>> fields) {
  return std::make_shared<record_box>(record_box{std::move(type), std::move(fields)});
}

datum from_value(const value& v) {
  if (auto* b = v.as_bool()) return *b;
  if (auto* n = v.as_int()) return *n;
  if (auto* d = v.as_double()) return *d;
  if (auto* s = v.as_string()) return *s;
  if (auto* b = v.as_bytes()) return base64_encode(b->data);
  if (auto* l = v.as_list()) {
    datum::list out;
    out.reserve(l->size());
    for (auto& item : *l) out.push_back(from_value(item));
    return out;
  }
  if (auto* o = v.as_object()) {
    datum::map out;
    for (auto& [key, member] : *o) out.insert_or_assign(key, from_value(member));
    return out;
  }
  return {};
}

namespace {
result<value> to_value(const datum& d, int depth) {
  if (depth > value_depth_max) return fail(errc::too_large, "the value nests more than {} levels deep", value_depth_max);
  if (auto* b = d.as_bool()) return value(*b);
  if (auto* n = d.as_integer()) return n->kind == integer_kind::uint64 ? value(static_cast<uint64_t>(n->n)) : value(n->n);
  if (auto* f = d.as_double()) return value(*f);
  if (auto* s = d.as_text()) return value(*s);
  if (auto* l = d.as_list()) {
    value::list out;
    for (auto& item : l->items) {
      TRY_ASSIGN(auto v, to_value(item, depth + 1));
      out.push_back(std::move(v));
    }
    return value(std::move(out));
  }
  value::object out;
  if (auto* m = d.as_map()) {
    for (auto& [key, member] : m->members) {
      TRY_ASSIGN(auto v, to_value(member, depth + 1));
      out.append(key, std::move(v));
    }
    return value(std::move(out));
  }
  if (auto* r = d.as_record()) {
    for (auto& [key, member] : r->fields) {
      TRY_ASSIGN(auto v, to_value(member, depth + 1));
      out.append(key, std::move(v));
    }
    return value(std::move(out));
  }
  if (auto* o = d.as_object()) return to_value(o->encoded(), depth + 1);
  return value();
}
}  // namespace

result<value> to_value(const datum& d) { return to_value(d, 0); }

bool deep_equal(const datum& a, const datum& b, int depth) {
  if (depth > value_depth_max) return false;
  if (a.is_nil() || b.is_nil()) return a.is_nil() && b.is_nil();
  if (a.type_name() != b.type_name()) return false;
  if (auto* x = a.as_bool()) return *x == *b.as_bool();
  if (auto* x = a.as_integer()) return x->n == b.as_integer()->n;
  if (auto* x = a.as_double()) return *x == *b.as_double();
  if (auto* x = a.as_text()) return *x == *b.as_text();
  auto same = [&](const datum& p, const datum& q) { return deep_equal(p, q, depth + 1); };
  if (auto* x = a.as_list()) return std::ranges::equal(x->items, b.as_list()->items, same);
  if (auto* x = a.as_map())
    return std::ranges::equal(x->members, b.as_map()->members, [&](auto& p, auto& q) { return p.first == q.first && same(p.second, q.second); });
  if (auto* x = a.as_record())
    return std::ranges::equal(x->fields, b.as_record()->fields, [&](auto& p, auto& q) { return p.first == q.first && same(p.second, q.second); });
  return a.as_object() == b.as_object() || (!a.plain().is_nil() && same(a.plain(), b.plain()));
}

bool contains_box(const datum& inside, const void* box, int depth) {
  if (depth > value_depth_max) return true;
  if (auto* l = inside.as_list()) return l == box || std::ranges::any_of(l->items, [&](auto& item) { return contains_box(item, box, depth + 1); });
  if (auto* m = inside.as_map()) return m == box || std::ranges::any_of(m->members, [&](auto& member) { return contains_box(member.second, box, depth + 1); });
  if (auto* r = inside.as_record()) return std::ranges::any_of(r->fields, [&](auto& field) { return contains_box(field.second, box, depth + 1); });
  return false;
}

}  // namespace drover::templating
