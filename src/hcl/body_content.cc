#include "hcl/body_content.h"

#include "hcl/json_parser.h"

namespace drover::hcl {

std::vector<body_property> json_properties(const body& b) {
  std::vector<body_property> out;
  for (const auto& o : b.json_objects) {
    for (const auto& [key, item] : as<object_expression>(*o).items) {
      const std::string* name = key->kind == expression_kind::literal ? as<literal_expression>(*key).constant.as_string() : nullptr;
      if (name != nullptr && *name != "//") out.push_back({*name, key->where, item});
    }
  }
  return out;
}

std::vector<attribute> just_attributes(const body& b, diagnostics& problems) {
  if (!b.json) {
    for (const auto& inner : b.blocks)
      problems.error(inner.type_range, "Unexpected block", fmt::format("Only arguments are expected here, not a block of type {}.", quoted(inner.type)),
                     fmt::format("To set a map, write {} = {{ ... }}.", inner.type));
    return b.attributes;
  }
  std::vector<attribute> out;
  for (auto& property : json_properties(b)) out.push_back({std::string(property.name), property.name_range, true, property.expr});
  return out;
}

namespace {
body_ptr json_body(const body& parent, const expression_ptr& e, diagnostics& problems) {
  auto out = std::make_shared<body>();
  out->file = parent.file;
  out->json = true;
  out->where = e->where;
  out->end_range = {e->where.file, e->where.end - 1, e->where.end};
  collect_json_objects(*out, e, problems);
  return out;
}

class json_block_reader {
 public:
  json_block_reader(const body& parent, const body_property& property, size_t label_count, diagnostics& problems)
      : parent_(parent), property_(property), label_count_(label_count), problems_(problems) {}

  std::vector<block> out;

  // An array stands for its elements at every level.
  void read(const expression_ptr& e) {
    if (e->kind == expression_kind::tuple) {
      for (const auto& element : as<tuple_expression>(*e).elements) read(element);
      return;
    }
    if (e->kind == expression_kind::literal && as<literal_expression>(*e).constant.is_null()) return;
    if (e->kind != expression_kind::object) {
      problems_.error(e->where, "Incorrect JSON value type",
                      labels_.size() < label_count_
                          ? fmt::format("A JSON object is required here, whose keys are the labels of the {} blocks.", quoted(property_.name))
                          : "A JSON object is required here, or an array of them, whose properties are arguments and blocks.");
      return;
    }
    if (labels_.size() == label_count_) {
      block b;
      b.type = property_.name;
      b.type_range = b.header = property_.name_range;
      b.labels = labels_;
      b.content = json_body(parent_, e, problems_);
      out.push_back(std::move(b));
      return;
    }
    for (const auto& [key, item] : as<object_expression>(*e).items) {
      const std::string* label = key->kind == expression_kind::literal ? as<literal_expression>(*key).constant.as_string() : nullptr;
      if (label == nullptr) {
        problems_.error(key->where, "Invalid label", "A label cannot hold an interpolation.");
        continue;
      }
      labels_.push_back({*label, key->where});
      read(item);
      labels_.pop_back();
    }
  }

 private:
  const body& parent_;
  const body_property& property_;
  size_t label_count_;
  diagnostics& problems_;
  std::vector<block_label> labels_;
};
}  // namespace

std::vector<block> json_blocks(const body& parent, const body_property& property, size_t label_count, diagnostics& problems) {
  json_block_reader reader(parent, property, label_count, problems);
  reader.read(property.expr);
  return std::move(reader.out);
}

bool check_labels(const block& b, size_t label_count, diagnostics& problems) {
  if (b.labels.size() == label_count) return true;
  if (b.labels.size() < label_count)
    problems.error(b.header, fmt::format("Missing name for {}", b.type),
                   fmt::format("A {} block has {} label{}, but this one has {}.", b.type, label_count, label_count == 1 ? "" : "s", b.labels.size()),
                   fmt::format("Write {} \"name\" {{ ... }}.", b.type));
  else
    problems.error(b.labels[label_count].where, fmt::format("Extraneous label for {}", b.type),
                   label_count == 0
                       ? fmt::format("A {} block has no label.", b.type)
                       : fmt::format("A {} block has {} label{}, but this one has {}.", b.type, label_count, label_count == 1 ? "" : "s", b.labels.size()));
  return false;
}

}  // namespace drover::hcl
