#include "hcl/dynamic.h"

#include "hcl/decode.h"
#include "hcl/limits.h"
#include "hcl/values.h"

namespace drover::hcl {

namespace {
class dynamic_block {
 public:
  dynamic_block(const block& b, context_ptr context, diagnostics& problems) : block_(b), context_(std::move(context)), problems_(problems) {}

  std::vector<block_instance> expand() {
    size_t errors = problems_.error_count();
    decoder d(block_.content, context_, problems_);
    const attribute* for_each = d.require("for_each");
    const attribute* iterator = d.find("iterator");
    labels_ = d.find("labels");
    content_ = d.block("content");
    d.finish();
    if (!content_ && problems_.error_count() == errors)
      problems_.error(block_.header, "Missing content block", "A dynamic block needs a block \"content\", which says what each block that it makes holds.");
    name_ = iterator != nullptr ? iterator_name(*iterator) : block_.labels[0].text;
    if (problems_.error_count() != errors) return {};

    auto items = evaluate(*for_each->expr, *context_, problems_);
    if (items) make_all(*for_each->expr, *items);
    return std::move(out_);
  }

 private:
  // A plain word; in JSON syntax a string.
  std::string iterator_name(const attribute& a) {
    if (a.expr->kind == expression_kind::variable) return as<variable_expression>(*a.expr).name;
    if (a.expr->kind == expression_kind::literal)
      if (auto* text = as<literal_expression>(*a.expr).constant.as_string()) return *text;
    problems_.error(a.expr->where, "Invalid expression", "The iterator of a dynamic block is the name of a variable, one plain word.");
    return {};
  }

  void make_all(const expression& where, const value& items) {
    auto* list = items.as_list();
    auto* members = items.as_object();
    size_t count = list != nullptr ? list->size() : members != nullptr ? members->size() : 0;
    if (list == nullptr && members == nullptr) {
      problems_.error(where.where, "Invalid dynamic for_each value",
                      fmt::format("for_each needs a list or a map, but this is {}.", items.is_null() ? "null" : fmt::format("a {}", items.kind())),
                      holds_runtime_reference(items) ? "It is known only when the task runs." : "");
      return;
    }
    if (count > dynamic_blocks_max) {
      problems_.error(where.where, "Too many blocks", fmt::format("This makes {} blocks; at most {} are made.", count, dynamic_blocks_max));
      return;
    }
    if (list != nullptr) {
      for (size_t i = 0; i < count; ++i) make(where, value(static_cast<int64_t>(i)), (*list)[i]);
    } else {
      for (const auto* entry : sorted_entries(*members)) make(where, value(entry->first), entry->second);
    }
  }

  void make(const expression& where, value key, const value& item) {
    auto inner = std::make_shared<eval_context>(context_);
    value::object iteration;
    iteration.append("key", std::move(key));
    iteration.append("value", item);
    if (auto set = inner->set(name_, value(std::move(iteration))); !set) {
      problems_.error(where.where, "Invalid dynamic for_each value", set.error().text() + ".");
      return;
    }
    block_instance made{block_.labels[0].text, block_.labels[0].where, {}, content_->content, inner, block_.header};
    if (labels_ != nullptr && !add_labels(made, *inner)) return;
    out_.push_back(std::move(made));
  }

  bool add_labels(block_instance& made, const eval_context& inner) {
    auto labels = evaluate(*labels_->expr, inner, problems_);
    if (!labels) return false;
    auto* list = labels->as_list();
    if (list == nullptr) {
      problems_.error(labels_->expr->where, "Invalid dynamic labels", fmt::format("labels is a list of strings, but this is a {}.", labels->kind()));
      return false;
    }
    for (const auto& label : *list) {
      auto text = to_text(label);
      if (!text) {
        problems_.error(labels_->expr->where, "Invalid dynamic labels", fmt::format("A label is a string, but this is a {}.", label.kind()));
        return false;
      }
      made.labels.push_back({*std::move(text), labels_->expr->where});
    }
    return true;
  }

  const block& block_;
  context_ptr context_;
  diagnostics& problems_;
  const attribute* labels_ = nullptr;
  std::optional<block_instance> content_;
  std::string name_;
  std::vector<block_instance> out_;
};
}  // namespace

std::vector<block_instance> expand_dynamic(const block& dynamic, const context_ptr& context, diagnostics& problems) {
  if (!check_labels(dynamic, 1, problems)) return {};
  return dynamic_block(dynamic, context, problems).expand();
}

}  // namespace drover::hcl
