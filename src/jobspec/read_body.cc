#include "jobspec/read_body.h"

#include <limits>
#include <utility>

#include "base/ensure.h"
#include "base/text.h"
#include "hcl/values.h"

namespace drover::jobspec {
namespace {

using schema::kind;
using schema::type_info;

void* member_of(const body_rules& rules, void* record, std::string_view name, const type_info** type) {
  const auto* field = rules.type().record->find_member(name);
  ENSURE(field != nullptr, "a rule names a member that the record does not have");
  *type = &field->type();
  return field->in(record);
}

template <class T>
T& at(void* p) {
  return *static_cast<T*>(p);
}

template <class T>
bool keep(std::optional<T> v, void* to) {
  if (v.has_value()) at<T>(to) = std::move(*v);
  return v.has_value();
}

template <class T>
bool read_integer(hcl::decoder& body, std::string_view name, void* to) {
  auto n = body.integer(name);
  if (!n.has_value()) return false;
  if (!std::in_range<T>(*n)) {
    body.error(body.where(name), "Number out of range",
               fmt::format("The value of \"{}\" is {}; it must be between {} and {}.", name, *n, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
    return false;
  }
  at<T>(to) = static_cast<T>(*n);
  return true;
}

bool read_ports(hcl::decoder& body, std::string_view name, std::vector<uint64_t>& to) {
  auto texts = body.texts(name);
  if (!texts.has_value()) return false;
  for (const auto& text : *texts) {
    auto number = parse_uint(text);
    if (number.has_value()) {
      to.push_back(*number);
    } else {
      body.error(body.where(name), "Incorrect attribute value type", fmt::format("\"{}\" in \"{}\" is not a whole number.", text, name));
    }
  }
  return true;
}

// `header { Accept = ["a", "b"] }`; a single string is a list of one.
bool read_text_lists(hcl::decoder& body, std::string_view name, std::map<std::string, std::vector<std::string>>& to) {
  auto object = body.map(name);
  if (!object.has_value()) return false;
  for (auto& [key, item] : *object) {
    auto& texts = to[key];
    auto list = item.as_list() != nullptr ? std::move(*item.as_list()) : value::list{std::move(item)};
    for (const auto& v : list) {
      if (auto text = hcl::to_text(v)) {
        texts.push_back(std::move(*text));
      } else {
        body.error(body.where(name), "Incorrect attribute value type", fmt::format("\"{}\" in \"{}\" must be a list of strings.", key, name));
      }
    }
  }
  return true;
}

// Of any shape; in JSON syntax also a list of objects, which are joined.
bool read_values(hcl::decoder& body, std::string_view name, std::map<std::string, value>& to) {
  auto tree = body.tree(name);
  if (!tree.has_value()) return false;
  auto objects = tree->as_list() != nullptr ? std::move(*tree->as_list()) : value::list{std::move(*tree)};
  for (auto& one : objects) {
    if (auto* members = one.as_object()) {
      for (auto& [key, item] : *members) to[key] = std::move(item);
    } else {
      body.error(body.where(name), "Incorrect attribute value type", fmt::format("\"{}\" must be a map or a block.", name));
    }
  }
  return true;
}

bool read_map(hcl::decoder& body, std::string_view name, const type_info& type, void* to) {
  const auto& element = type.element();
  if (element.kind == kind::value) return read_values(body, name, at<std::map<std::string, value>>(to));
  if (element.kind == kind::list) return read_text_lists(body, name, at<std::map<std::string, std::vector<std::string>>>(to));
  ENSURE(element.kind == kind::string, "maps hold strings, values, lists of strings or records");
  auto pairs = body.text_map(name);
  if (!pairs.has_value()) return false;
  for (auto& [key, text] : *pairs) at<std::map<std::string, std::string>>(to)[key] = std::move(text);
  return true;
}

// Whether the argument was there and right.
bool read_attribute(hcl::decoder& body, std::string_view name, const type_info& type, void* to) {
  switch (type.kind) {
    case kind::string: return keep(body.text(name), to);
    case kind::boolean: return keep(body.boolean(name), to);
    case kind::duration: return keep(body.duration(name), to);
    case kind::int8: return read_integer<int8_t>(body, name, to);
    case kind::int64: return read_integer<int64_t>(body, name, to);
    case kind::uint8: return read_integer<uint8_t>(body, name, to);
    case kind::uint64: return read_integer<uint64_t>(body, name, to);
    case kind::map: return read_map(body, name, type, to);
    case kind::list:
      if (type.element().kind == kind::uint64) return read_ports(body, name, at<std::vector<uint64_t>>(to));
      ENSURE(type.element().kind == kind::string, "lists of arguments hold strings or numbers");
      return keep(body.texts(name), to);
    case kind::optional: {
      bool set = read_attribute(body, name, type.element(), type.pointer->emplace(to));
      if (!set) type.pointer->reset(to);
      return set;
    }
    default: ENSURE(false, "no argument has such a type");
  }
}

void read_custom(hcl::decoder& body, const attribute_rule& rule, void* record) {
  auto v = body.get(rule.name);
  if (!v.has_value()) return;
  if (auto problem = rule.set(record, *v); !problem.empty())
    body.error(body.where(rule.name), "Incorrect attribute value type", fmt::format("Inappropriate value for attribute \"{}\": {}.", rule.name, problem));
}

void read_inner(hcl::decoder& outer, const hcl::block_instance& block, const block_rule& rule, void* inner) {
  const auto& rules = rule.rules();
  if (!rule.label_member.empty() && !block.labels.empty()) {
    const type_info* type = nullptr;
    void* to = member_of(rules, inner, rule.label_member, &type);
    at<std::string>(to) = block.labels[0].text;
  }
  hcl::decoder body(block, outer.problems());
  read_body(body, rules, inner);
}

struct owned {
  const type_info& type;
  void* made = type.create();
  ~owned() { type.destroy(made); }
};

void read_blocks(hcl::decoder& body, const body_rules& rules, const block_rule& rule, void* record) {
  size_t labels = rule.label == label_use::needed ? 1 : 0;
  if (rule.put != nullptr) {
    for (const auto& block : body.blocks(rule.name, labels)) {
      owned inner{rule.rules().type()};
      read_inner(body, block, rule, inner.made);
      rule.put(record, inner.made);
    }
    return;
  }
  const type_info* type = nullptr;
  void* to = member_of(rules, record, rule.member.empty() ? rule.name : rule.member, &type);
  if (type->kind == kind::map && rule.rules == nullptr) {
    read_map(body, rule.name, *type, to);
    return;
  }
  if (type->kind == kind::record || type->kind == kind::optional) {
    auto block = body.block(rule.name, labels);
    if (block.has_value()) read_inner(body, *block, rule, type->kind == kind::record ? to : type->pointer->emplace(to));
    return;
  }
  for (const auto& block : body.blocks(rule.name, labels)) {
    if (type->kind == kind::list) {
      read_inner(body, block, rule, type->list->append(to));
      continue;
    }
    ENSURE(type->kind == kind::map && labels == 1, "a map of records is keyed by label");
    const auto& key = block.labels[0];
    if (type->map->find(to, key.text) != nullptr)
      body.error(key.where, "Duplicate block", fmt::format("A {} \"{}\" was already defined.", rule.name, key.text));
    read_inner(body, block, rule, type->map->insert(to, key.text));
  }
}

}  // namespace

void read_body(hcl::decoder& body, const body_rules& rules, void* record) {
  for (const auto& rule : rules.attributes) {
    if (rule.set != nullptr) {
      read_custom(body, rule, record);
      continue;
    }
    const type_info* type = nullptr;
    void* to = member_of(rules, record, rule.member.empty() ? rule.name : rule.member, &type);
    read_attribute(body, rule.name, *type, to);
  }
  for (const auto& rule : rules.blocks) read_blocks(body, rules, rule, record);
  if (rules.finish != nullptr) rules.finish(record, body);
  body.finish();
}

}  // namespace drover::jobspec
