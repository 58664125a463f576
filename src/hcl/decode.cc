#include "hcl/decode.h"

#include <algorithm>
#include <cmath>
#include <ranges>

#include "hcl/values.h"

namespace drover::hcl {

namespace {
constexpr std::string_view dynamic_type = "dynamic";
}

decoder::decoder(body_ptr content, context_ptr context, diagnostics& problems) : body_(std::move(content)), context_(std::move(context)), problems_(problems) {
  if (body_->json) json_ = json_properties(*body_);
}

range decoder::where() const { return header_.file != nullptr ? header_ : body_->end_range; }

range decoder::where(std::string_view name) const {
  for (const auto& p : json_)
    if (p.name == name) return p.expr->where;
  if (const attribute* a = body_->find_attribute(name)) return a->expr->where;
  for (const auto& b : body_->blocks)
    if (b.type == name || is_dynamic_of(b, name)) return b.header;
  return where();
}

void decoder::know(std::string_view name, bool as_block) { (as_block ? block_types_ : arguments_).emplace(name); }

void decoder::ignore(std::string_view name) { know(name, true), know(name, false); }

const attribute* decoder::find(std::string_view name) {
  know(name, false);
  if (!body_->json) return body_->find_attribute(name);
  const body_property* found = nullptr;
  for (const auto& p : json_) {
    if (p.name != name) continue;
    if (found != nullptr) {
      problems_.error(p.name_range, "Attribute redefined", fmt::format("The argument {} was already set. Each argument may be set only once.", quoted(name)));
      break;
    }
    found = &p;
  }
  if (found == nullptr) return nullptr;
  return &json_attributes_.emplace_back(attribute{std::string(name), found->name_range, true, found->expr});
}

const attribute* decoder::require(std::string_view name) {
  const attribute* a = find(name);
  if (a == nullptr)
    problems_.error(where(), "Missing required argument", fmt::format("The argument {} is required, but no definition was found.", quoted(name)));
  return a;
}

bool decoder::has(std::string_view name) const {
  auto is_named = [&](const hcl::block& b) { return b.type == name || is_dynamic_of(b, name); };
  return body_->find_attribute(name) != nullptr || std::ranges::any_of(body_->blocks, is_named) ||
         std::ranges::any_of(json_, [&](const auto& p) { return p.name == name; });
}

std::optional<value> decoder::get(std::string_view name) {
  const attribute* a = find(name);
  if (a == nullptr) return std::nullopt;
  auto v = evaluate(*a->expr, *context_, problems_);
  if (!v || v->is_null()) return std::nullopt;
  return v;
}

std::nullopt_t decoder::mismatch(std::string_view name, std::string_view wanted, const value& v) {
  std::string found = v.as_string() ? fmt::format("the text {}", quoted(*v.as_string())) : fmt::format("a {}", v.kind());
  problems_.error(where(name), "Incorrect attribute value type",
                  fmt::format("Inappropriate value for attribute {}: {} is required, but this is {}.", quoted(name), wanted, found),
                  holds_runtime_reference(v) ? "It is made of a name that is known only when the task runs." : "");
  return std::nullopt;
}

std::optional<std::string> decoder::text(std::string_view name) {
  auto v = get(name);
  if (!v) return std::nullopt;
  if (auto s = to_text(*v)) return s;
  return mismatch(name, "a string", *v);
}

std::optional<int64_t> decoder::integer(std::string_view name) {
  auto v = get(name);
  if (!v) return std::nullopt;
  auto n = to_number(*v);
  if (!n) return mismatch(name, "a number", *v);
  if (auto whole = to_integer(*n)) return whole;
  problems_.error(where(name), "Incorrect attribute value type",
                  fmt::format("Inappropriate value for attribute {}: a whole number is required, but this is {}.", quoted(name), number_text(*n)));
  return std::nullopt;
}

std::optional<double> decoder::number(std::string_view name) {
  auto v = get(name);
  if (!v) return std::nullopt;
  if (auto n = to_number(*v)) return to_double(*n);
  return mismatch(name, "a number", *v);
}

std::optional<bool> decoder::boolean(std::string_view name) {
  auto v = get(name);
  if (!v) return std::nullopt;
  if (auto b = to_boolean(*v)) return b;
  return mismatch(name, "a bool", *v);
}

std::optional<drover::duration> decoder::duration(std::string_view name) {
  auto v = get(name);
  if (!v) return std::nullopt;
  if (v->as_int()) return drover::duration(*v->as_int());
  if (auto* s = v->as_string()) {
    if (auto d = parse_duration(*s)) return *d;
    problems_.error(where(name), "Unsuitable duration value", fmt::format("{} is no duration for attribute {}.", quoted(*s), quoted(name)),
                    "Write a number with a unit, such as \"30s\", \"5m\" or \"1h30m\".");
    return std::nullopt;
  }
  return mismatch(name, "a duration such as \"30s\"", *v);
}

std::optional<std::vector<std::string>> decoder::texts(std::string_view name) {
  auto v = get(name);
  if (!v) return std::nullopt;
  auto* list = v->as_list();
  if (list == nullptr) return mismatch(name, "a list of strings", *v);
  std::vector<std::string> out;
  for (const auto& element : *list) {
    auto s = to_text(element);
    if (!s) return mismatch(name, "a list of strings", element);
    out.push_back(*std::move(s));
  }
  return out;
}

// An object, or the objects of a list joined.
std::optional<value::object> decoder::merge_objects(value v, std::string_view name) {
  if (auto* o = v.as_object()) return std::move(*o);
  auto* list = v.as_list();
  if (list == nullptr) return mismatch(name, "a map", v);
  object_builder out;
  for (auto& element : *list) {
    auto* o = element.as_object();
    if (o == nullptr) return mismatch(name, "a map", element);
    for (auto& [key, member] : *o) out.set(key, std::move(member));
  }
  return out.take();
}

std::optional<value::object> decoder::map(std::string_view name) {
  if (body_->json || body_->find_attribute(name) != nullptr) {
    know(name, true);
    auto v = get(name);
    if (!v) return std::nullopt;
    return merge_objects(*std::move(v), name);
  }
  know(name, false);
  auto written = block(name);
  if (!written) return std::nullopt;
  object_builder out;
  bool ok = true;
  for (const auto& a : just_attributes(*written->content, problems_)) {
    auto v = evaluate(*a.expr, *written->context, problems_);
    if (v) out.set(a.name, *std::move(v));
    else ok = false;
  }
  if (!ok) return std::nullopt;
  return out.take();
}

std::optional<decoder::text_pairs> decoder::text_map(std::string_view name) {
  auto members = map(name);
  if (!members) return std::nullopt;
  text_pairs out;
  for (const auto& [key, member] : *members) {
    auto s = to_text(member);
    if (!s) {
      problems_.error(where(name), "Incorrect attribute value type",
                      fmt::format("Element {} of {} must be a string, but is {}.", quoted(key), quoted(name),
                                  member.is_null() ? "null" : fmt::format("a {}", member.kind())));
      return std::nullopt;
    }
    out.emplace_back(key, *std::move(s));
  }
  return out;
}

std::optional<value> decoder::tree(std::string_view name) {
  if (body_->json || body_->find_attribute(name) != nullptr) {
    know(name, true);
    auto v = get(name);
    // In JSON syntax a block may stand in an array of one.
    auto* list = v && body_->json ? v->as_list() : nullptr;
    if (list != nullptr && list->size() == 1 && list->front().as_object() != nullptr) return value(std::move(list->front()));
    return v;
  }
  know(name, false);
  auto written = block(name);
  if (!written) return std::nullopt;
  return to_value(*written, problems_);
}

bool decoder::is_dynamic_of(const hcl::block& b, std::string_view type) const {
  return b.type == dynamic_type && !b.labels.empty() && b.labels[0].text == type;
}

std::vector<block_instance> decoder::blocks(std::string_view type, size_t label_count) {
  know(type, true);
  std::vector<block_instance> out = body_->json ? json_blocks_of(type, label_count) : std::vector<block_instance>();
  for (const auto& b : body_->blocks) {
    if (is_dynamic_of(b, type)) {
      add_dynamic(b, label_count, out);
    } else if (b.type == type && check_labels(b, label_count, problems_)) {
      out.push_back(instance_of(b, context_));
    }
  }
  return out;
}

void decoder::add_dynamic(const hcl::block& b, size_t label_count, std::vector<block_instance>& out) {
  for (auto& made : expand_dynamic(b, context_, problems_)) {
    hcl::block shape{made.type, made.type_range, made.labels, made.content, made.header};
    if (check_labels(shape, label_count, problems_)) out.push_back(std::move(made));
  }
}

std::vector<block_instance> decoder::json_blocks_of(std::string_view type, size_t label_count) {
  std::vector<block_instance> out;
  for (const auto& p : json_) {
    if (p.name == type) {
      for (auto& b : json_blocks(*body_, p, label_count, problems_)) out.push_back(instance_of(b, context_));
    } else if (p.name == dynamic_type) {
      for (const auto& b : json_blocks(*body_, p, 1, problems_)) {
        if (is_dynamic_of(b, type)) add_dynamic(b, label_count, out);
      }
    }
  }
  return out;
}

std::optional<block_instance> decoder::block(std::string_view type, size_t label_count) {
  auto all = blocks(type, label_count);
  if (all.empty()) return std::nullopt;
  if (all.size() > 1)
    problems_.error(all[1].header, fmt::format("Duplicate {} block", type), fmt::format("Only one {} block is allowed here.", quoted(type)),
                    all[0].header.file != nullptr ? fmt::format("The first is at line {}.", all[0].header.file->position_at(all[0].header.begin).line) : "");
  return std::move(all[0]);
}

void decoder::finish() { body_->json ? finish_json() : finish_native(); }

void decoder::finish_native() {
  for (const auto& a : body_->attributes) {
    if (!arguments_.contains(a.name)) unsupported_attribute(a.name, a.name_range);
    else if (a.name_is_quoted)
      problems_.error(a.name_range, "Invalid argument name", "Argument names must not be quoted.", fmt::format("Write {} without the quotes.", a.name));
  }
  for (const auto& b : body_->blocks) {
    bool dynamic = b.type == dynamic_type && !b.labels.empty();
    const std::string& type = dynamic ? b.labels[0].text : b.type;
    if (!block_types_.contains(type)) unsupported_block(type, dynamic ? b.labels[0].where : b.type_range);
  }
}

void decoder::finish_json() {
  for (const auto& p : json_) {
    if (p.name == dynamic_type) {
      for (const auto& b : json_blocks(*body_, p, 1, problems_))
        if (!block_types_.contains(b.labels[0].text)) unsupported_block(b.labels[0].text, b.labels[0].where);
      continue;
    }
    if (arguments_.contains(p.name) || block_types_.contains(p.name)) continue;
    std::vector<std::string> known(arguments_.begin(), arguments_.end());
    known.insert(known.end(), block_types_.begin(), block_types_.end());
    problems_.error(p.name_range, "Extraneous JSON object property", fmt::format("No argument or block type is named {}.", quoted(p.name)),
                    suggest(p.name, known));
  }
}

void decoder::unsupported_attribute(std::string_view name, const range& at) {
  if (block_types_.contains(name)) {
    problems_.error(at, "Unsupported argument", fmt::format("An argument named {} is not expected here.", quoted(name)),
                    fmt::format("Did you mean to define a block of type {}?", quoted(name)));
    return;
  }
  std::vector<std::string> known(arguments_.begin(), arguments_.end());
  std::string hint = suggest(name, known);
  if (hint.empty())
    if (std::vector<std::string> types(block_types_.begin(), block_types_.end()); !suggest(name, types).empty()) hint = suggest(name, types);
  problems_.error(at, "Unsupported argument", fmt::format("An argument named {} is not expected here.", quoted(name)), hint);
}

void decoder::unsupported_block(std::string_view type, const range& at) {
  std::string hint;
  if (arguments_.contains(type)) hint = fmt::format("Did you mean to define argument {}? If so, use the equals sign to assign it a value.", quoted(type));
  else hint = suggest(type, {block_types_.begin(), block_types_.end()});
  problems_.error(at, "Unsupported block type", fmt::format("Blocks of type {} are not expected here.", quoted(type)), hint);
}

namespace {
// Adds `item` to the list at `type`, below an object and a list for each label, as tools that read free-form blocks (the autoscaler) know it.
void add_block(object_builder& out, const block_instance& b, value item) {
  for (const auto& label : std::views::reverse(b.labels)) {
    value::object named;
    named.append(label.text, value(value::list{std::move(item)}));
    item = value(std::move(named));
  }
  value* earlier = out.find(b.type);
  if (earlier != nullptr && earlier->as_list() != nullptr) earlier->as_list()->push_back(std::move(item));
  else out.set(b.type, value(value::list{std::move(item)}));
}
}  // namespace

std::optional<value> to_value(const block_instance& b, diagnostics& problems) {
  object_builder out;
  bool ok = true;
  auto add_argument = [&](std::string_view name, const expression& e) {
    auto v = evaluate(e, *b.context, problems);
    if (v) out.set(std::string(name), *std::move(v));
    else ok = false;
  };
  for (const auto& p : json_properties(*b.content)) add_argument(p.name, *p.expr);
  for (const auto& a : b.content->attributes) add_argument(a.name, *a.expr);
  for (const auto& inner : b.content->blocks) {
    auto made = inner.type == dynamic_type ? expand_dynamic(inner, b.context, problems) : std::vector{instance_of(inner, b.context)};
    for (const auto& one : made) {
      auto item = to_value(one, problems);
      if (item) add_block(out, one, *std::move(item));
      else ok = false;
    }
  }
  if (!ok) return std::nullopt;
  return value(out.take());
}

}  // namespace drover::hcl
